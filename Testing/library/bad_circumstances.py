"""What goes wrong around a good image: the wrong kind of image for the model, the model, the disk, the folder, and
files that are deleted meanwhile.

The same rows as in `bad_inputs`; the input is always readable.  Each holds for the command line, whose results go into
a folder of their own, and for the worker, whose input and results share a job folder.
"""
from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, List, Optional

import tiny
from bad_inputs import UNSUPPORTED, Case, equal_steps, voxels, written
from dicom_files import CT, write_series

from SPMambaLib import bundle
from SPMambaLib.errors import ModelDamagedError, ModelMissingError, OutputError

MODEL = "tiny-brain"


def whole(folder: Path) -> str:
    return str(tiny.bundle_folder(MODEL))


@dataclass(frozen=True)
class Circumstance(Case):
    """A case whose input is fine.

    Attributes:
        model: ``model(folder)`` gives the name or path of the model; what it makes lies in `folder`.
        output: where the command line is told to write, relative to the test's folder.
        meanwhile: ``meanwhile(inputs, results)`` happens to these folders once the analysis is under way.
        disk: largest file in bytes that can be written.
        notice: code of the notice that the result must carry.
        job: ``job(folder)`` happens to the worker's job folder before the run; None if the case is not the worker's.
    """

    model: Callable[[Path], str] = whole
    output: str = "results"
    meanwhile: Optional[Callable[[Path, Path], None]] = None
    disk: Optional[int] = None
    notice: str = ""
    job: Optional[Callable[[Path], None]] = lambda folder: None


def damaged(damage: Callable[[Path], None]) -> Callable[[Path], str]:
    """A copy of the whole model, and what `damage` makes of it."""
    def make(folder: Path) -> str:
        shutil.copytree(whole(folder), folder / "model")
        damage(folder / "model")
        return str(folder / "model")

    return make


def one_byte_changed(model: Path) -> None:
    data = bytearray((model / bundle.WEIGHTS).read_bytes())
    data[len(data) // 2] ^= 1
    (model / bundle.WEIGHTS).write_bytes(data)


def shortened(name: str) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        data = (model / name).read_bytes()
        (model / name).write_bytes(data[:len(data) // 2])

    return damage


def with_card(*keys: str, value: Any) -> Callable[[Path], None]:
    """The field of the card under `keys` holds `value`; the card itself stays JSON."""
    def damage(model: Path) -> None:
        card = json.loads((model / bundle.CARD).read_text(encoding="utf-8"))
        part = card
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value
        (model / bundle.CARD).write_text(json.dumps(card), encoding="utf-8")

    return damage


def zip_cut_short(folder: Path) -> str:
    path = shutil.make_archive(str(folder / "model"), "zip", whole(folder))
    shortened("model.zip")(folder)
    return path


def series(modality: str, description: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        kind = {"sop_class": CT} if modality == "CT" else {}
        return write_series(folder / "series", voxels(), equal_steps(), modality=modality,
                            SeriesDescription=description, **kind)

    return make


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def sealed(folder: Path) -> None:
    """No result can come here, not even by the superuser: the name of one of its files is taken by a folder."""
    (folder / "labels.npy").mkdir()


VOLUME = written("head.nrrd", voxels())
CT_SERIES, T1_SERIES = series("CT", "Head routine"), series("MR", "t1_mprage_sag")
REFUSING = damaged(with_card("on_mismatch", value="refuse"))
DAMAGED, MISSING = ModelDamagedError, ModelMissingError

CIRCUMSTANCES: List[Circumstance] = [
    Circumstance("nothing is wrong", VOLUME),
    # The wrong kind of image.
    Circumstance("CT for an MR model", CT_SERIES, notice="wrong-modality"),
    Circumstance("T1 for a FLAIR model", T1_SERIES, notice="wrong-contrast"),
    Circumstance("CT for a model that refuses it", CT_SERIES, UNSUPPORTED, "wrong-modality", model=REFUSING),
    Circumstance("T1 for a model that refuses it", T1_SERIES, UNSUPPORTED, "wrong-contrast", model=REFUSING),
    Circumstance("FLAIR for a model that refuses others", series("MR", "AX FLAIR"), model=REFUSING),
    # The model is not there, or not what it was.
    Circumstance("model of an unknown name", VOLUME, MISSING, "model-missing", model=lambda folder: "no-such-model"),
    Circumstance("model folder missing", VOLUME, MISSING, "model-missing", model=lambda folder: str(folder / "gone")),
    Circumstance("model folder empty", VOLUME, MISSING, "model-missing", model=damaged(empty)),
    Circumstance("one byte of the weights changed", VOLUME, DAMAGED, "model-damaged", model=damaged(one_byte_changed)),
    Circumstance("weights cut short", VOLUME, DAMAGED, "model-damaged", model=damaged(shortened(bundle.WEIGHTS))),
    Circumstance("weights missing", VOLUME, DAMAGED, "model-damaged",
                 model=damaged(lambda model: (model / bundle.WEIGHTS).unlink())),
    Circumstance("card cut short", VOLUME, DAMAGED, "model-damaged", model=damaged(shortened(bundle.CARD))),
    Circumstance("card of another network", VOLUME, DAMAGED, "model-damaged",
                 model=damaged(with_card("network", "state_size", value=8))),
    Circumstance("card without a teacher", VOLUME, DAMAGED, "model-damaged",
                 model=damaged(with_card("network", "teacher", value=None))),
    Circumstance("card without thresholds", VOLUME, DAMAGED, "model-damaged",
                 model=damaged(with_card("calibration", "map", "thresholds", value=[]))),
    Circumstance("card without normals", VOLUME, DAMAGED, "model-damaged",
                 model=damaged(with_card("calibration", "components", value={}))),
    Circumstance("card with words for numbers", VOLUME, DAMAGED, "model-damaged",
                 model=damaged(with_card("calibration", "input_check", "slice", "noise", "high", value="wide"))),
    Circumstance("card with an unknown plane", VOLUME, DAMAGED, "model-damaged",
                 model=damaged(with_card("plane", value="diagonal"))),
    Circumstance("zipped model cut short", VOLUME, DAMAGED, "model-damaged", model=zip_cut_short),
    # The disk and the folder of the results.
    Circumstance("disk full", VOLUME, OutputError, "cannot-write", disk=6000),
    Circumstance("disk full at the picture", VOLUME, OutputError, "cannot-write", disk=60000, job=None),
    Circumstance("results' folder is a file", VOLUME, OutputError, "cannot-write", output="inputs/head.nrrd", job=None),
    Circumstance("results' folder below a file", VOLUME, OutputError, "cannot-write", output="inputs/head.nrrd/in/side",
                 job=sealed),
    # What others delete while the analysis runs.
    Circumstance("input deleted meanwhile", VOLUME, meanwhile=lambda inputs, results: empty(inputs)),
    Circumstance("DICOM series deleted meanwhile", series("MR", ""), meanwhile=lambda inputs, results: empty(inputs)),
    Circumstance("results' folder deleted meanwhile", VOLUME, OutputError, "cannot-write",
                 meanwhile=lambda inputs, results: shutil.rmtree(results)),
]
