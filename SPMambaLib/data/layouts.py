"""The three public data sets of the paper, recognised by how their folders are laid out.

* ZhangLab chest radiographs (Kermany, Zhang, Goldbaum 2018, doi:10.17632/rscbjbr9sj): ``train/NORMAL``,
  ``test/NORMAL``, ``test/PNEUMONIA``, in any case.  Patients: ``IM-0115-0001.jpeg`` is IM-0115,
  ``person54_virus_109.jpeg`` is person54.
* CheXpert (Irvin et al. 2019, arXiv 1901.07031): ``train.csv``, ``valid.csv`` (and ``test.csv``) with ``Path`` and
  ``No Finding``; the patient is the ``patientNNNNN`` of the path.  Lateral films are read too: leave them out with
  ``!*lateral*``.
* Uni-Medical (Zhang et al. 2023, arXiv 2312.07495): ``meta.json`` with {"train": {class: [{"img_path", "mask_path",
  "cls_name", "anomaly"}]}, "test": ...}.  Slices are named ``<volume>_<slice>``; class and volume are the patient.
"""
from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from ..errors import UnreadableFileError
from ..io.image import PICTURES
from .samples import Patterns, Sample, chosen

CHEXPERT_TABLES = ("train.csv", "valid.csv", "test.csv")
CHEXPERT_COLUMNS = ("Path", "No Finding")
UNI_MEDICAL_TABLE = "meta.json"
ZHANGLAB_CLASSES = (("train", "normal"), ("test", "normal"), ("test", "pneumonia"))
ZHANGLAB_PATIENT = re.compile(r"(person\d+)_|(.*?IM-\d+)-", re.IGNORECASE)
CHEXPERT_PATIENT = re.compile(r"patient\d+")
SLICE_NUMBER = re.compile(r"[_-]\d+$")

Reader = Callable[[Path], Iterator[Sample]]


def layout_of(folder: Path) -> Optional[Tuple[str, Reader]]:
    """(name, reader) of the layout that `folder` has, or None for any other folder."""
    if all(_child(folder, split, name) is not None for split, name in ZHANGLAB_CLASSES):
        return "ZhangLab", read_zhanglab
    if any(_has_columns(folder / table) for table in CHEXPERT_TABLES):
        return "CheXpert", read_chexpert
    if (folder / UNI_MEDICAL_TABLE).is_file():
        return "Uni-Medical", read_uni_medical
    return None


def read_layout(folder: Path, reader: Reader, select: Patterns = ()) -> List[Sample]:
    """All samples of a layout, its training images too, whose name below `folder` is `chosen`."""
    return [sample for sample in reader(folder) if chosen(sample.name, select)]


def read_zhanglab(folder: Path) -> Iterator[Sample]:
    for split, name in ZHANGLAB_CLASSES:
        place = _child(folder, split, name)
        for path in sorted(place.iterdir()) if place is not None else ():
            if path.name.lower().endswith(PICTURES) and not path.name.startswith("."):
                found = ZHANGLAB_PATIENT.match(path.stem)
                patient = (found[1] or found[2]) if found else path.stem
                yield Sample(path, name, patient, split=split, name=path.relative_to(folder).as_posix())


def read_chexpert(folder: Path) -> Iterator[Sample]:
    """A blank or uncertain ``No Finding`` is not normal: CheXpert writes 1.0 where a report says so, else nothing."""
    for table in CHEXPERT_TABLES:
        if not _has_columns(folder / table):
            continue
        with open(folder / table, newline="", encoding="utf-8-sig") as stream:
            for row in csv.DictReader(stream):
                path = _below(folder, row["Path"])
                found = CHEXPERT_PATIENT.search(row["Path"])
                normal = _number(row["No Finding"]) == 1.0
                yield Sample(path, "No Finding" if normal else "finding", found[0] if found else path.stem,
                             split=table.split(".")[0], name=row["Path"])


def read_uni_medical(folder: Path) -> Iterator[Sample]:
    table = folder / UNI_MEDICAL_TABLE
    try:
        splits: Dict[str, Dict[str, List[Dict[str, Any]]]] = json.loads(table.read_text(encoding="utf-8"))
        for split, classes in splits.items():
            for name, rows in classes.items():
                for row in rows:
                    path = folder / row["img_path"]
                    mask = folder / row["mask_path"] if row.get("mask_path") else None
                    patient = "{}/{}".format(name, SLICE_NUMBER.sub("", path.stem))
                    yield Sample(path, "abnormal" if int(row["anomaly"]) else "normal", patient, mask_path=mask,
                                 split=split, fold=name, name=row["img_path"])
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UnreadableFileError("{} is not a list of images as Uni-Medical writes it.".format(table),
                                  repr(error)) from error


def _child(folder: Path, *names: str) -> Optional[Path]:
    """Folder below `folder` whose parts are `names` in any case."""
    for name in names:
        inside = [p for p in folder.iterdir() if p.is_dir() and p.name.lower() == name] if folder.is_dir() else []
        if not inside:
            return None
        folder = inside[0]
    return folder


def _has_columns(table: Path) -> bool:
    try:
        with open(table, newline="", encoding="utf-8-sig") as stream:
            return set(CHEXPERT_COLUMNS) <= set(next(csv.reader(stream), []))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _below(folder: Path, path: str) -> Path:
    """CheXpert's paths begin with the name of the data set, which the folder may have kept or not."""
    inner = Path(path)
    places = (folder.parent / inner, folder / inner, folder.joinpath(*inner.parts[1:]))
    return next((place for place in places if place.exists()), places[2])


def _number(text: Optional[str]) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
