"""Build the selective scan of mamba-ssm from its source distribution, for the one card at hand, where it is missing.

    python Testing/benchmarks/mamba_source.py --device cuda --output demo/card/mamba    # to PYTHONPATH

The whole package compiles every type for ten architectures and takes half an hour; here the forward and backward
kernels of float32 alone are compiled, for one.  Needs nvcc, ninja, einops, and the source distribution or a way to
download it.
"""
from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import List

SOURCES = ("selective_scan.cpp", "selective_scan_fwd_fp32.cu", "selective_scan_bwd_fp32_real.cu")
OTHER_TYPES = re.compile(r"if \(ITYPE == at::ScalarType::Half\) \{.*?\} else (?=if \(ITYPE == at::ScalarType::Float\))",
                         re.DOTALL)
COMPLEX = re.compile(r"\} else if \(WTYPE == at::ScalarType::ComplexFloat\) \{.*?(?=\} else \{)", re.DOTALL)
FLAGS = ["-O3", "-std=c++17", "-U__CUDA_NO_HALF_OPERATORS__", "-U__CUDA_NO_HALF_CONVERSIONS__",
         "-U__CUDA_NO_BFLOAT16_OPERATORS__", "-U__CUDA_NO_BFLOAT16_CONVERSIONS__", "--expt-relaxed-constexpr",
         "--expt-extended-lambda", "--use_fast_math"]


def download(folder: Path) -> Path:
    """The source distribution, from the package index that pip uses."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "--no-binary",
                    "mamba-ssm", "--dest", str(folder), "mamba-ssm"], check=True,
                   env={**os.environ, "MAMBA_SKIP_CUDA_BUILD": "TRUE"})
    return next(folder.glob("mamba_ssm-*.tar.gz"))


def unpack(archive: Path, folder: Path) -> Path:
    """Only what is needed, and nothing outside of `folder`; returns the root of the distribution."""
    with tarfile.open(archive) as file:
        for member in file.getmembers():
            target = (folder / member.name).resolve()
            if member.isfile() and folder.resolve() in target.parents:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.extractfile(member).read())  # type: ignore[union-attr]
    return next(path for path in folder.iterdir() if path.is_dir())


def float_only(text: str) -> str:
    """`selective_scan.cpp` without the branches whose kernels are not compiled.

    Raises:
        ValueError: it does not look as it is known.
    """
    text, types = OTHER_TYPES.subn("", text)
    text, weights = COMPLEX.subn("", text)
    if (types, weights) != (1, 1):
        raise ValueError("this version of mamba-ssm is not known: selective_scan.cpp has other branches")
    return text


def lay_out(root: Path, output: Path) -> List[Path]:
    """The Python part, without what imports other packages, into `output`; returns the sources to compile."""
    for name in ("ops/selective_scan_interface.py", "ops/triton/layer_norm.py", "utils/torch.py",
                 "utils/determinism.py"):
        source, target = root / "mamba_ssm" / name, output / "mamba_ssm" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():  # older versions have no determinism
            shutil.copyfile(source, target)
    for folder in ("", "ops", "ops/triton", "utils"):
        (output / "mamba_ssm" / folder / "__init__.py").write_text("")
    version = root.name.rpartition("-")[2]
    facts = output / "mamba_ssm-{}.dist-info".format(version)
    facts.mkdir(exist_ok=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: mamba-ssm\nVersion: {}\n".format(version))
    kernels = root / "csrc" / "selective_scan"
    main_source = kernels / SOURCES[0]
    main_source.write_text(float_only(main_source.read_text(encoding="utf-8")), encoding="utf-8")
    return [kernels / name for name in SOURCES]


def build(sources: List[Path], output: Path, device: str) -> None:
    """Compile the extension for the card's architecture alone, and leave it in `output`."""
    import torch
    from torch.utils import cpp_extension

    os.environ["TORCH_CUDA_ARCH_LIST"] = "{}.{}".format(*torch.cuda.get_device_capability(device))
    folder = output / "build"
    folder.mkdir(parents=True, exist_ok=True)
    cpp_extension.load("selective_scan_cuda", [str(path) for path in sources], extra_cflags=["-O3", "-std=c++17"],
                       extra_cuda_cflags=FLAGS, extra_include_paths=[str(sources[0].parent)],
                       build_directory=str(folder), is_python_module=False)
    shutil.copyfile(next(folder.glob("selective_scan_cuda*.so")), output / "selective_scan_cuda.so")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--source", type=Path, help="source distribution, instead of downloading it")
    parser.add_argument("--output", type=Path, required=True, help="folder for PYTHONPATH")
    options = parser.parse_args()
    try:
        print("mamba-ssm {} is installed".format(importlib.metadata.version("mamba-ssm")))
        return 0
    except importlib.metadata.PackageNotFoundError:
        pass
    if options.device == "cpu":
        print("mamba-ssm computes on graphics cards only; it was not built")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = options.source or download(folder)
        sources = lay_out(unpack(archive, folder / "source"), options.output)
        build(sources, options.output, options.device)
    print("built for {}".format(os.environ["TORCH_CUDA_ARCH_LIST"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
