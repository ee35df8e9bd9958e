"""Every bad input gives its typed error or a correct result, never another exception, and nothing is lost: in the
library, on the command line, and in the worker."""
from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import resource
import threading
from unittest import mock

import numpy as np
import pytest
from bad_circumstances import CIRCUMSTANCES, Circumstance, whole
from bad_inputs import CASES, LPS, SHEARED, voxels

from SPMambaLib import bundle, cli, detector
from SPMambaLib.errors import SPMambaError
from SPMambaLib.input_check import stated
from SPMambaLib.io.image import Image, finite_voxels, read_image
from SPMambaLib.worker.protocol import Job, request
from SPMambaLib.worker.server import Server, library_parts

ALL = [Circumstance(case.name, case.make, case.error, case.code) for case in CASES] + CIRCUMSTANCES
LISTED = {
    "missing file": ["missing file", "missing folder"],
    "text file named .nii.gz": ["text named .nii.gz", "packed text named .nii.gz"],
    "truncated NIfTI": ["truncated .nii.gz", "truncated .nii", "NIfTI header only"],
    "RGB": ["colour PNG", "colour NIfTI", "colour DICOM"],
    "4D": ["4D NIfTI", "4D NRRD", "DICOM time series"],
    "all NaN": ["all NaN"],
    "some NaN": ["some NaN"],
    "constant": ["constant", "constant but for NaN"],
    "int64": ["int64"],
    "one slice": ["one slice", "one slice NRRD"],
    "3 voxels": ["3 voxels"],
    "zero spacing": ["NIfTI spacing zero", "MetaImage spacing zero", "zero spacing beside a good sform"],
    "negative spacing": ["NIfTI spacing negative", "negative spacing NRRD", "negative spacing MetaImage"],
    "non-orthogonal axes": ["non-orthogonal axes", "non-orthogonal NRRD", "non-orthogonal MetaImage"],
    "left-handed geometry": ["left-handed", "left-handed NRRD"],
    "wrong modality": ["CT for an MR model", "T1 for a FLAIR model", "CT for a model that refuses it"],
    "missing bundle": ["model of an unknown name", "model folder missing", "model folder empty"],
    "tampered bundle": ["one byte of the weights changed", "card of another network", "card without thresholds"],
    "full disk": ["disk full", "disk full at the picture"],
    "unwritable folder": ["results' folder is a file", "results' folder below a file"],
    "input deleted while running": ["input deleted meanwhile", "DICOM series deleted meanwhile"],
}


def by_name(cases):
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def digests(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*")
            if path.is_file() and not path.parent.name.startswith(".spmamba-")}  # working files of a run


@contextlib.contextmanager
def under(case, inputs, results):
    """The circumstances of a case; gives a list that holds what was left of the files when they had changed."""
    prepare, before = detector.prepare, []

    def prepare_and_act(*args):
        case.meanwhile(inputs, results)
        before.append(digests(inputs.parent))
        return prepare(*args)

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.ExitStack() as stack:
        if case.meanwhile is not None:
            stack.enter_context(mock.patch.object(detector, "prepare", prepare_and_act))
        if case.disk is not None:  # as on a full disk, the write that reaches the limit fails
            resource.setrlimit(resource.RLIMIT_FSIZE, (case.disk, hard))
            stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
        yield before


def test_names_are_unique():
    assert len({case.name for case in ALL}) == len(ALL)


@pytest.mark.parametrize("what", LISTED)
def test_the_tables_hold_what_goes_wrong(what):
    missing = set(LISTED[what]) - {case.name for case in ALL}
    assert LISTED[what] and not missing, "no case for: {}".format(", ".join(sorted(missing)))


# -- the library -------------------------------------------------------------------------------------------------------

@by_name(CASES)
def test_reading_and_checking(case, tmp_path):
    path = case.make(tmp_path)
    before = digests(tmp_path)
    if case.error is None:
        image = read_image(path)
        stored = image.voxels.copy()
        clean, notices = finite_voxels(image)
        case.verify(image, clean, image.notices + notices)
        assert np.array_equal(image.voxels, stored, equal_nan=image.voxels.dtype.kind == "f"), "changed by the check"
        assert clean.shape == image.voxels.shape and np.isfinite(clean).all()
    else:
        with pytest.raises(SPMambaError) as caught:
            finite_voxels(read_image(path))
        error = caught.value
        assert (type(error), error.code) == (case.error, case.code), error.detail
        assert error.message.endswith(".") and "\n" not in error.message and "Traceback" not in error.message
        assert "itk" not in error.message.lower(), "the reader's words belong into the detail"
    assert digests(tmp_path) == before, "reading changed a file"


@pytest.mark.parametrize("dtype", [complex, "U3"])
def test_values_that_are_no_numbers(dtype):
    with pytest.raises(SPMambaError) as caught:
        finite_voxels(Image(np.zeros((4, 20, 20), dtype), np.eye(4)))
    assert caught.value.code == "unsupported-numbers"


def test_a_plane_with_too_few_voxels_is_refused_where_another_is_not():
    image = Image(np.random.default_rng(0).normal(size=(6, 40, 40)), np.eye(4))
    assert finite_voxels(image, "axial")[0].shape == (6, 40, 40)
    with pytest.raises(SPMambaError) as caught:
        finite_voxels(image, "sagittal")
    assert caught.value.code == "too-small"


def test_values_beyond_float32_count_as_missing():
    voxels = np.random.default_rng(0).normal(size=(4, 20, 20))
    voxels[0, 0, 0] = 1e300
    with np.errstate(over="ignore"):
        smallest = voxels.astype(np.float32).min()
    clean, notices = finite_voxels(Image(voxels, np.eye(4)))
    assert [n.code for n in notices] == ["nan-replaced"]
    assert clean[0, 0, 0] == smallest == clean.min()


@pytest.mark.parametrize("name, facts, code", [
    ("brain-flair", {"modality": "CT"}, "wrong-modality"), ("chest-xray", {"modality": "CT"}, "wrong-modality"),
    ("brain-flair", {"description": "T1 MPRAGE"}, "wrong-contrast")])
def test_the_shipped_models_notice_the_wrong_image(name, facts, code):
    if name not in bundle.available_models():
        pytest.skip("the model {} is not installed".format(name))
    card = bundle.read_card(bundle.find_bundle(name))
    assert code in [notice.code for notice in stated.check(card, facts, is_volume=card["plane"] != "native")]


# -- the command line --------------------------------------------------------------------------------------------------

@by_name(ALL)
def test_command_line(case, tmp_path, capsys):
    """An earlier result and the input are as they were after a failure; a success replaces the result, and only it."""
    inputs, results, models = (tmp_path / name for name in ("inputs", "results", "models"))
    for folder in (inputs, results, models):
        folder.mkdir()
    for name in ("result.json", "anomaly_map.nrrd", "notes.txt"):
        (results / name).write_text("earlier " + name)
    source, model, output = case.make(inputs), case.model(models), tmp_path / case.output
    expected = read_image(source).ijk_to_ras if case.error is None else None
    before = [digests(tmp_path)]
    with under(case, inputs, results) as left:
        status = cli.main(["detect", str(source), "--model", model, "--output", str(output), "--device", "cpu",
                           "--anyway"])
    captured = capsys.readouterr()
    before = (before + left)[-1]
    after = digests(tmp_path)
    assert "Traceback" not in captured.err + captured.out
    if case.error is not None:
        lines = captured.err.strip().splitlines()
        assert (status, captured.out) == (case.error.exit_code, "") and lines[-1].startswith("spmamba: "), captured.err
        assert lines[-1].endswith("[{}]".format(case.code)) and sum("spmamba: " in line for line in lines) == 1
        assert after == before, "something was lost, changed or left behind"
        return
    assert status == 0 and "spmamba: " not in captured.err, captured.err
    result = json.loads((results / "result.json").read_text())
    made = {results / name for name in result["files"]}
    assert made <= after.keys() and {p: d for p, d in after.items() if p not in made} == {
        p: d for p, d in before.items() if p not in made}
    anomaly_map = read_image(results / "anomaly_map.nrrd")
    assert np.abs(anomaly_map.ijk_to_ras - expected).max() < 1e-6 and list(anomaly_map.voxels.shape) == result["shape"]
    assert np.isfinite(anomaly_map.voxels).all() and anomaly_map.voxels.any()
    assert case.notice in [notice["code"] for notice in result["notices"]] + [""]


# -- the worker --------------------------------------------------------------------------------------------------------

class Desk:
    """A server with the library's own parts in this process, and what it says."""

    def __init__(self):
        requests, self._write = os.pipe()
        self.events = queue.Queue()
        server = Server(os.fdopen(requests, "rb"), self, leave=lambda status: None, **library_parts())
        self._thread = threading.Thread(target=server.serve, daemon=True)
        self._thread.start()
        self._runs = 0

    def send(self, event):
        self.events.put(event)

    def detect(self, folder):
        """The last event of the run."""
        self._runs += 1
        os.write(self._write, request("detect", str(self._runs), job=str(folder)))
        while True:
            event = self.events.get(timeout=60)
            if event["event"] in ("result", "error", "cancelled"):
                assert event["id"] == str(self._runs)
                return event

    def close(self):
        os.close(self._write)
        self._thread.join(10)


@pytest.fixture(scope="module")
def desk():
    desk = Desk()
    yield desk
    desk.close()


def refused(event, code):
    assert (event["event"], event.get("code")) == ("error", code), event
    assert event["message"].endswith(".") and "\n" not in event["message"] and "Traceback" not in event["message"]


READABLE = [case for case in ALL if isinstance(case, Circumstance) and case.job is not None
            and (case.error is None or case in CIRCUMSTANCES
                 or case.code in ("no-finite-voxels", "constant-image", "too-small"))]


@by_name(READABLE)
def test_worker(case, tmp_path, desk):
    """With the voxels that a viewer has read and hands over; one worker answers all of them in turn."""
    inputs, folder, models = (tmp_path / name for name in ("inputs", "job", "models"))
    for each in (inputs, folder, models):
        each.mkdir()
    image = read_image(case.make(inputs))
    Job(image.voxels, image.ijk_to_ras, case.model(models), "cpu", image.facts, image.kind,
        force=True).write(folder)
    case.job(folder)
    with under(case, folder, folder):
        event = desk.detect(folder)
    if case.error is not None:
        refused(event, case.code)
        assert not (folder / "result.json").exists() and not list(folder.glob("*.npy.part"))
        return
    assert event["event"] == "result", event
    result = json.loads((folder / "result.json").read_text())
    values = np.load(folder / "map.npy")
    assert np.array_equal(result["ijk_to_ras"], image.ijk_to_ras) and values.shape == image.voxels.shape
    assert np.isfinite(values).all() and values.any()
    assert case.notice in [notice["code"] for notice in result["notices"]] + [""]


@pytest.mark.parametrize("geometry", [np.diag([1.0, 0, 2, 1]), np.diag([1.0, np.nan, 2, 1]), np.diag([1.0, 1, 1, 0]),
                                      LPS[:, [0, 0, 2, 3]]], ids=["zero spacing", "NaN", "projective", "parallel axes"])
def test_worker_refuses_a_geometry_that_makes_no_sense(geometry, tmp_path, desk):
    """No file reader stands before the worker."""
    Job(voxels("float32"), LPS, whole(tmp_path), "cpu", force=True).write(tmp_path)
    job = json.loads((tmp_path / "job.json").read_text())
    (tmp_path / "job.json").write_text(json.dumps({**job, "ijk_to_ras": geometry.tolist()}))
    refused(desk.detect(tmp_path), "bad-geometry")
    # The same folder with a sound one.
    Job(voxels("float32"), SHEARED, whole(tmp_path), "cpu", force=True).write(tmp_path)
    assert desk.detect(tmp_path)["event"] == "result"
