"""Sound files from which the damaged ones are made: made here, and those that pydicom ships."""
from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np

LARGEST = 300000  # bytes of a shipped file that is taken
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
PICTURES = (("PNG", ".png", ("L", "I;16", "RGB", "RGBA", "P", "LA")), ("TIFF", ".tif", ("L", "I;16", "RGB")),
            ("BMP", ".bmp", ("L", "RGB")), ("JPEG", ".jpg", ("L", "RGB")))


def dicom_sources(which: str = "all") -> List[Tuple[str, bytes]]:
    """(name, content) of pydicom's own small images, all of them or "native" only, which need no decoder."""
    import pydicom

    folder, found = Path(pydicom.__file__).parent / "data" / "test_files", []
    for path in sorted(folder.glob("*.dcm")):
        if path.stat().st_size < LARGEST:
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            syntax = getattr(header, "file_meta", {}).get("TransferSyntaxUID")
            native = syntax in NATIVE and header.get("SamplesPerPixel") == 1
            if "Rows" in header and (which == "all" or native):
                found.append((path.name, path.read_bytes()))
    return found


def header_sources() -> List[Tuple[str, str, bytes]]:
    """(name, suffix, content) of small images of each format."""
    voxels = (np.indices((6, 18, 20)).sum(axis=0) * 9).astype(np.int16)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in (np.int16, np.uint8, np.float32):
            for suffix in (".nii", ".nrrd", ".mha"):
                found.append(("{}".format(np.dtype(kind)), suffix, _volume(Path(folder), voxels.astype(kind), suffix)))
        found.append(("raw", ".nrrd", _volume(Path(folder), voxels, ".nrrd", compressed=False)))
    for name, suffix, modes in PICTURES:
        found += [(mode, suffix, _picture(name, mode)) for mode in modes]
    return [("{} {}".format(suffix[1:], name), suffix, content) for name, suffix, content in found]


def _volume(folder: Path, voxels: np.ndarray, suffix: str, compressed: bool = True) -> bytes:
    import SimpleITK

    sitk: Any = SimpleITK
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((0.9, 1.1, 4.0))
    path = folder / ("image" + suffix)
    sitk.WriteImage(image, str(path), useCompression=compressed and suffix != ".nii")
    return path.read_bytes()


def _picture(name: str, mode: str) -> bytes:
    from PIL import Image

    grey = np.indices((40, 48)).sum(axis=0).astype(np.uint8) * 2
    picture = Image.fromarray(grey.astype(np.uint16) * 200) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    stream = io.BytesIO()
    picture.save(stream, name)
    return stream.getvalue()
