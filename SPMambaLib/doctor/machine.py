"""What this machine has, each part tried and not only looked up: the first thing to ask for in a support request.

A part that is absent is not a failure: a machine without CUDA computes on the CPU, a server needs no Slicer packages.
"""
from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from dataclasses import asdict, dataclass
from typing import Callable, Dict, Iterator, List, Tuple

from .. import __version__, bundle
from ..errors import SPMambaError

OK, ABSENT, FAILED = "ok", "absent", "failed"
PACKAGES = (("numpy", "numpy"), ("SimpleITK", "SimpleITK"), ("safetensors", "safetensors"), ("Pillow", "PIL"),
            ("pydicom", "pydicom"))
SLICER_PACKAGES = ("slicer-core", "vtk", "PySide6-Essentials")  # looked up only: importing them is slow


@dataclass(frozen=True)
class Check:
    """One part of the machine: its state is "ok", "absent" or "failed"."""

    group: str
    name: str
    state: str
    text: str


Group = Callable[[], Iterator[Tuple[str, str, str]]]  # yields (name, state, text)


def examine() -> List[Check]:
    """All checks.  A check that breaks is a failed check; this function does not raise."""
    checks = []
    for group, probe in GROUPS.items():
        try:
            checks += [Check(group, *row) for row in probe()]
        except Exception as error:
            checks.append(Check(group, group, FAILED, _reason(error)))
    return checks


def to_rows(checks: List[Check]) -> List[Dict[str, str]]:
    """JSON-ready."""
    return [asdict(check) for check in checks]


def _reason(error: BaseException) -> str:
    return " ".join("{}: {}".format(type(error).__name__, error).split())[:200]


def _system() -> Iterator[Tuple[str, str, str]]:
    yield "SP-Mamba", OK, __version__
    yield "Python", OK, "{} ({})".format(platform.python_version(), sys.executable)
    yield "System", OK, "{}, {} processors".format(platform.platform(), os.cpu_count())


def _packages() -> Iterator[Tuple[str, str, str]]:
    for name, module in PACKAGES:
        try:
            importlib.import_module(module)
            yield name, OK, importlib.metadata.version(name)
        except ModuleNotFoundError:
            yield name, ABSENT, "not installed"
        except Exception as error:  # a damaged package raises whatever it likes
            yield name, FAILED, _reason(error)


def _torch() -> Iterator[Tuple[str, str, str]]:
    try:
        import torch
    except ModuleNotFoundError:
        yield "PyTorch", ABSENT, "not installed; detection needs it"
        return
    yield "PyTorch", OK, "{}, {} threads".format(torch.__version__, torch.get_num_threads())
    if not torch.cuda.is_available():
        reason = "no CUDA device" if torch.version.cuda else "this PyTorch is built without CUDA"
        yield "CUDA", ABSENT, reason + "; computing on the CPU"
    for number in range(torch.cuda.device_count()):
        name = "cuda:{}".format(number)
        try:
            free, total = torch.cuda.mem_get_info(number)
            works = float((torch.ones(64, device=name) * 2.0).sum()) == 128.0
            yield name, OK if works else FAILED, "{}, {:.1f} of {:.1f} GiB free".format(
                torch.cuda.get_device_name(number), free / 2**30, total / 2**30)
        except RuntimeError as error:
            yield name, FAILED, _reason(error)


def _scan() -> Iterator[Tuple[str, str, str]]:
    """Each backend computes a tiny scan on every device it is made for, and must agree with the reference."""
    try:
        import torch
    except ModuleNotFoundError:
        yield "backends", ABSENT, "need PyTorch"
        return
    from .. import scan

    for device in ["cpu"] + ["cuda:{}".format(n) for n in range(torch.cuda.device_count())]:
        for backend in scan.backends_for(device):
            reason = scan.trouble(backend, device)
            state = OK if not reason else ABSENT if "not installed" in reason else FAILED
            yield "{} on {}".format(backend, device), state, reason or "agrees with the reference"
        try:
            yield "in use on " + device, OK, scan.default_backend(device)
        except SPMambaError as error:  # the one asked for does not work
            yield "in use on " + device, FAILED, error.message


def _slicer() -> Iterator[Tuple[str, str, str]]:
    for name in SLICER_PACKAGES:
        try:
            yield name, OK, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, ABSENT, "not installed; only the module's tests outside Slicer need it"


def _models() -> Iterator[Tuple[str, str, str]]:
    names = bundle.available_models()
    for name in names:
        path = bundle.find_bundle(name)
        try:
            card = bundle.verify(path)
            yield name, OK, "{} ({})".format(card["title"], path)
        except SPMambaError as error:
            yield name, FAILED, error.message
    if not names:
        yield "models", ABSENT, "none installed; looked in " + ", ".join(str(f) for f in bundle.search_folders())


GROUPS: Dict[str, Group] = {"System": _system, "Packages": _packages, "Computing": _torch, "Selective scan": _scan,
                            "Slicer packages": _slicer, "Models": _models}
