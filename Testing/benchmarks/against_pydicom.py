"""Read every DICOM file that is at hand, and compare slice by slice with what pydicom makes of it.

    SPMAMBA_DATA=... python Testing/benchmarks/against_pydicom.py

All of ``$SPMAMBA_DATA/dicom``, ``$SPMAMBA_DATA/cases`` and of the files that pydicom ships, each file by itself and
each folder as a whole.  Equal means: the same numbers in the unit of the modality, each slice at its place and turned
as pydicom says.  pydicom decodes JPEG with pylibjpeg (``pip install pylibjpeg pylibjpeg-libjpeg
pylibjpeg-openjpeg``), Siemens mosaics are compared with nibabel.  Writes ``results/against_pydicom.json`` and
``AGAINST_PYDICOM.md``.
"""
from __future__ import annotations

import datetime
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from fuzz import references  # noqa: E402

from SPMambaLib.errors import SPMambaError  # noqa: E402
from SPMambaLib.io.dicom.header import looks_like_dicom  # noqa: E402
from SPMambaLib.io.image import read_image  # noqa: E402

RESULT, PAGE = HERE / "results" / "against_pydicom.json", HERE / "AGAINST_PYDICOM.md"
COMMAND = "python Testing/benchmarks/against_pydicom.py"
FACTS = ("Modality", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "BitsStored")
HEAD = """\
# Reading DICOM, against pydicom

Written by `{command}` from `results/against_pydicom.json`; do not edit. Made on {date} with {versions}.

Every DICOM file of the test data and of pydicom's own, slice by slice. *Equal*: the same numbers, each slice at its
place. Codes that lose information are decoded by two programs, which may round differently by up to {lossy:g} levels.

| outcome | files | folders |
|---|---|---|
{counts}

Refused is right where the object is not an image of a patient's body in grey (segmentation, dose, plan, report,
coloured picture or film), where pixels are missing, or where several volumes would have to become one. Each refusal
is below, in its own words; what pydicom makes of the same file stands beside it.
"""


def main() -> None:
    rows = [compared(name, path) for name, path in sources()]
    import nibabel
    import pydicom
    import SimpleITK

    facts = {"command": COMMAND, "device": "CPU", "date": datetime.date.today().isoformat(), "versions":
             "pydicom {}, nibabel {}, SimpleITK {}, pylibjpeg {}".format(
                 pydicom.__version__, nibabel.__version__, SimpleITK.__version__, _pylibjpeg())}
    RESULT.write_text(json.dumps({**facts, "rows": rows}, indent=0) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")


def _pylibjpeg() -> str:
    try:
        import pylibjpeg
    except ModuleNotFoundError:
        return "absent"
    return str(pylibjpeg.__version__)


def sources() -> Iterator[Tuple[str, Path]]:
    """(name on the page, path) of every DICOM file, then of every folder that holds several."""
    import pydicom

    data = Path(os.environ["SPMAMBA_DATA"])
    places = [("dicom", data / "dicom"), ("cases", data / "cases"),
              ("pydicom", Path(pydicom.__file__).parent / "data")]
    folders = []
    for name, place in places:
        for path in sorted(place.rglob("*")):
            shown = "{}/{}".format(name, path.relative_to(place).as_posix())
            if path.is_dir() and sum(map(looks_like_dicom, path.glob("*"))) > 1:
                folders.append((shown + "/", path))
            elif path.is_file() and path.suffix != ".pyc" and looks_like_dicom(path):
                yield shown, path
    yield from folders


def compared(name: str, path: Path) -> Dict[str, Any]:
    """One row: what was read here, what pydicom reads, and whether it is the same."""
    row: Dict[str, Any] = {"name": name, "what": "" if path.is_dir() else described(path), "notices": []}
    image, frames, tolerance, other = None, [], 0.0, ""
    try:
        image = read_image(path)
        row["notices"] = [notice.code for notice in image.notices]
        row["here"] = "{} x {} x {}".format(*image.voxels.shape)
    except SPMambaError as error:
        row["here"] = "{}: {}".format(error.code, error.message)
    try:
        for file in (used(image, path) if path.is_dir() else [path]):
            more, tolerance = references.dicom_frames(file)
            frames += more
        other = "{} x {}".format(len(frames), " x ".join(map(str, frames[0].values.shape))) if frames else "-"
    except references.NotComparable as error:
        frames, other = [], str(error)
    row["pydicom"] = other
    if image is None:
        row["outcome"] = "refused"
    elif not frames:
        row["outcome"] = "read here alone"
    else:
        row["outcome"] = references.compare_dicom(image, frames, tolerance) or "equal"
    return row


def used(image: Any, folder: Path) -> List[Path]:
    """The files of the series that was taken, each object once, and only those that look the same way."""
    import numpy as np
    import pydicom

    found: Dict[Any, Path] = {}
    for path in sorted(folder.glob("*")) if image is not None else ():
        if looks_like_dicom(path):
            data = pydicom.dcmread(path, stop_before_pixels=True)
            view = np.array([float(v) for v in data.get("ImageOrientationPatient") or ()]).reshape(-1, 3)
            turned = view * [-1.0, -1.0, 1.0] - (image.ijk_to_ras[:3, :2] / image.spacing[:2]).T[:len(view)]
            same = data.get("SeriesInstanceUID") == image.facts.get("dicom_series_uid")
            if same and abs(turned).max(initial=0.0) < 0.01:
                found.setdefault((data.get("SOPInstanceUID"), str(data.get("ImagePositionPatient"))), path)
    return list(found.values())


def described(path: Path) -> str:
    import pydicom

    try:
        data = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        words = [str(data.get(name)) for name in FACTS if data.get(name) is not None]
        syntax = getattr(data, "file_meta", {}).get("TransferSyntaxUID")
        return " ".join(words + ["bits" if "BitsStored" in data else "", syntax.name if syntax else ""]).strip()
    except Exception as error:
        return type(error).__name__


# -- the page ----------------------------------------------------------------------------------------------------------

def page(result: Dict[str, Any]) -> str:
    rows = result["rows"]
    outcomes = sorted({row["outcome"] for row in rows}, key=lambda each: (each != "equal", each != "refused", each))
    counts = ["| {} | {} | {} |".format(outcome, *(sum(
        row["outcome"] == outcome and row["name"].endswith("/") == folder for row in rows) for folder in (False, True)))
        for outcome in outcomes]
    text = [HEAD.format(lossy=references.LOSSY_TOLERANCE, counts="\n".join(counts), **{
        key: result[key] for key in ("command", "date", "versions")})]
    for title, chosen in (("Files", [row for row in rows if not row["name"].endswith("/")]),
                          ("Folders as a whole", [row for row in rows if row["name"].endswith("/")])):
        text += ["## {}\n".format(title), "| file | what it is | outcome | read here | notices | pydicom |",
                 "|---|---|---|---|---|---|"]
        for _, group in itertools.groupby(chosen, key=alike):
            text.append(line(list(group)))
        text.append("")
    return "\n".join(text)


def alike(row: Dict[str, Any]) -> Tuple[Any, ...]:
    """Rows that say the same of files of one folder become one line."""
    folder, name = row["name"].rstrip("/").rsplit("/", 1)
    return folder, row["what"], row["outcome"], row["here"].replace(name, ""), str(row["notices"]), row["pydicom"]


def line(group: List[Dict[str, Any]]) -> str:
    first, name = group[0], group[0]["name"]
    if len(group) > 1:
        name = "{} ... {} ({} files)".format(name, group[-1]["name"].rsplit("/", 1)[-1], len(group))
    return "| {} |".format(" | ".join(cell.replace("|", "/") for cell in (
        name, first["what"], first["outcome"], first["here"], ", ".join(first["notices"]) or "-", first["pydicom"])))


if __name__ == "__main__":
    main()
