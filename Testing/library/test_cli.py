"""The command line: files, exit status, messages, cancellation; with a fake detector, and with the shipped models."""
from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_detector
import numpy as np
import pytest
import tiny

from SPMambaLib import bundle, cli
from SPMambaLib.bundle.catalogue import model_for
from SPMambaLib.commands import detect
from SPMambaLib.detector import load_model
from SPMambaLib.errors import ModelMissingError, UnsupportedImageError, UsageError
from SPMambaLib.evidence.record import Evidence
from SPMambaLib.io.image import read_image, write_image
from SPMambaLib.output.files import write_detection
from SPMambaLib.progress import ProgressBar, duration

ROOT = Path(__file__).resolve().parents[2]
OBLIQUE = np.array([[-0.9, 0.1, 0.2, 12.5], [0.15, -1.1, 0.3, -7.25], [0.05, 0.2, 2.5, 33.0], [0, 0, 0, 1.0]])
FILES = {"anomaly_map.nrrd", "severity.nrrd", "findings.seg.nrrd", "overview.png", "result.json"}

SCRIPT = """import sys; sys.path[:0] = {!r}
import fake_detector
from SPMambaLib import cli
from SPMambaLib.commands import detect
def load(*choice):
    print('loading', flush=True)
    return fake_detector.load(*choice)
detect.load_model = load
sys.exit(cli.main(['detect', 'head.nrrd', '--model', {!r}]))
"""


@pytest.fixture
def volume(tmp_path):
    """A small volume with one bright block, of oblique and sheared geometry."""
    voxels = np.random.default_rng(5).normal(100.0, 5.0, size=(18, 24, 20)).astype(np.float32)
    voxels[8:11, 10:14, 6:10] = 400.0
    path = tmp_path / "head.nrrd"
    write_image(path, voxels, OBLIQUE)
    return path


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line in `tmp_path` with the fake detector; gives (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detect, "load_model", fake_detector.load)

    def call(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


# -- detect ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("suffix", ["nrrd", "nii.gz"])
def test_detect_writes_everything_on_the_grid_of_the_input(run, volume, tmp_path, suffix):
    status, out, _ = run("detect", volume, "--model", "quick", "--format", suffix, "--false-positives", "0.05")
    folder = tmp_path / "head_spmamba"
    names = {name.replace("nrrd", suffix) if "seg" not in name else name for name in FILES}
    assert status == 0 and {path.name for path in folder.iterdir()} == names
    source = read_image(volume)
    for name in ("anomaly_map.", "severity."):
        written = read_image(folder / (name + suffix))
        assert written.voxels.shape == source.voxels.shape
        assert np.abs(written.ijk_to_ras - source.ijk_to_ras).max() < 1e-5
    assert np.abs(read_image(folder / "findings.seg.nrrd").ijk_to_ras - source.ijk_to_ras).max() < 1e-6
    result = json.loads((folder / "result.json").read_text())
    assert set(result["files"]) == names and result["input"] == str(volume)
    assert np.allclose(result["ijk_to_ras"], source.ijk_to_ras)
    assert "Findings   1" in out and "head_spmamba" in out and "not for diagnosis" in out
    assert result["findings"][0]["voxels"] == 48  # the block of 3 x 4 x 4 voxels
    row = next(line.split() for line in out.splitlines() if line.startswith("   1 "))
    assert row[3] == "{:.0f}".format(result["findings"][0]["volume_mm3"])


def test_the_evidence_of_the_worker_is_written_too(monkeypatch, tmp_path):
    """The same bytes as in a job folder of the panel; none of a former run stays where there is none."""
    monkeypatch.chdir(tmp_path)
    tiny_model, image = str(tiny.bundle_folder("tiny-brain")), tiny.brain_image(lesion=True)
    write_image(tmp_path / "head.nii.gz", image.voxels, image.ijk_to_ras)
    assert cli.main(["detect", "head.nii.gz", "--model", tiny_model, "--device", "cpu", "--anyway"]) == 0
    folder, job = tmp_path / "head_spmamba", tmp_path / "job"
    job.mkdir()
    source = read_image("head.nii.gz")
    write_detection(load_model(tiny_model, "cpu").detect(source, force=True), job)
    assert (folder / "evidence.npz").read_bytes() == (job / "evidence.npz").read_bytes()
    result = json.loads((folder / "result.json").read_text())
    assert set(result["files"]) == FILES | {"evidence.npz"}
    evidence = Evidence.from_bytes((folder / "evidence.npz").read_bytes())
    peak = np.linalg.solve(source.ijk_to_ras, [*result["findings"][0]["peak_ras"], 1.0])[:3].round().astype(int)
    assert evidence.at(source.plane("axial"), peak).terms
    monkeypatch.setattr(detect, "load_model", fake_detector.load)  # knows of no evidence
    assert cli.main(["detect", "head.nii.gz", "--model", "quick"]) == 0
    assert {path.name for path in folder.iterdir()} == FILES


def test_detect_as_json(run, volume):
    status, out, err = run("detect", volume, "--model", "quick", "--json", "--output", "elsewhere")
    result = json.loads(out)
    assert status == 0 and result["folder"] == "elsewhere" and result["findings"][0]["voxels"] == 48


def test_the_operating_point_moves_the_threshold(run, volume):
    values = [json.loads(run("detect", volume, "--model", "quick", "--json", "--false-positives", rate)[1])["threshold"]
              for rate in ("0.5", "0.05")]
    assert values[0] < values[1]


@pytest.mark.parametrize("name, stem", [("flair.nii.gz", "flair"), ("a.b.nrrd", "a.b"), ("SCAN.NII.GZ", "SCAN"),
                                        ("chest.jpeg", "chest"), ("IM0001", "IM0001")])
def test_results_are_named_after_the_input(name, stem):
    assert detect.stem(Path("/data") / name) == stem


def test_results_of_a_series_are_named_after_its_folder(tmp_path, monkeypatch):
    (tmp_path / "series.1").mkdir()
    monkeypatch.chdir(tmp_path / "series.1")
    assert detect.stem(Path(".")) == "series.1"


@pytest.mark.parametrize("arguments, status, code", [
    (["nowhere.nii.gz"], 3, "file-missing"),
    (["head.nrrd", "--model", "absent"], 5, "model-missing"),
    (["head.nrrd", "--model", "damaged"], 5, "model-damaged"),
    (["head.nrrd", "--model", "out-of-memory"], 6, "out-of-memory"),
    (["head.nrrd", "--model", "crash"], 1, "internal"),
    (["head.nrrd", "--model", "quick", "--false-positives", "0"], 2, "usage"),
    (["head.nrrd", "--model", "quick", "--false-positives", "often"], 2, "usage"),
    (["head.nrrd", "--model", "quick", "--format", "png"], 2, "usage"),
    (["head.nrrd", "--model", "quick", "--output", "head.nrrd"], 7, "cannot-write"),
    (["head.nrrd", "--model", "quick", "--output", "head.nrrd/inside"], 7, "cannot-write"),
    (["--model", "quick"], 2, "usage"),
    (["text.nii.gz", "--model", "quick"], 3, "not-an-image"),
])
def test_failures_have_a_status_and_one_line(run, volume, tmp_path, arguments, status, code):
    (tmp_path / "text.nii.gz").write_text("not an image")
    before = set(tmp_path.iterdir())
    got, out, err = run("detect", *arguments)
    lines = err.strip().splitlines()
    assert got == status and out == ""
    assert lines[-1].startswith("spmamba: ") and lines[-1].endswith("[{}]".format(code)), err
    assert "Traceback" not in err
    assert set(tmp_path.iterdir()) == before  # nothing left behind


def test_an_internal_error_keeps_its_traceback_in_a_file(run, volume):
    _, _, err = run("detect", volume, "--model", "crash")
    path = Path(err.split("Details are in ")[1].split(". [")[0])
    text = path.read_text()
    assert "ZeroDivisionError" in text and "in _behave" in text
    assert "a bug" not in text and "head" not in text, "an error's words and a file's name may name the patient"
    path.unlink()
    assert "ZeroDivisionError: a bug" in run("detect", volume, "--model", "crash", "-v")[2]


def test_a_failure_leaves_earlier_results_whole(run, volume, tmp_path, monkeypatch):
    assert run("detect", volume, "--model", "quick")[0] == 0
    folder = tmp_path / "head_spmamba"
    (folder / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    script = SCRIPT.format([str(ROOT), str(ROOT / "Testing" / "library")], "quick")

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    failed = subprocess.run([sys.executable, "-B", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                            check=False, preexec_fn=small_disk)
    assert failed.returncode == 7 and failed.stderr.strip().endswith("[cannot-write]"), failed.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    # Negative control: without the limit the same run replaces them, and the reader's own file stays.
    assert run("detect", volume, "--model", "quick", "--false-positives", "0.5")[0] == 0
    assert (folder / "result.json").read_bytes() != before["result.json"]
    assert (folder / "notes.txt").read_text() == "mine" and {p.name for p in folder.iterdir()} == FILES | {"notes.txt"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("model", ["slow", "stubborn", "slow-load"])
def test_one_interruption_cancels_cleanly(volume, tmp_path, model, number):
    code = SCRIPT.format([str(ROOT), str(ROOT / "Testing" / "library")], model)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"loading\n"
    time.sleep(0.5)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.decode().strip().splitlines()[-1] == "spmamba: Cancelled. [cancelled]"
    assert [path.name for path in tmp_path.iterdir()] == ["head.nrrd"]


# -- the choice of the model -------------------------------------------------------------------------------------------

CHEST = {"name": "chest-xray", "plane": "native", "modality": ["CR", "DX"]}
BRAIN = {"name": "brain-flair", "plane": "axial", "modality": ["MR"]}
BROKEN = {"name": "broken", "path": "x", "error": {"code": "model-damaged"}}


@pytest.mark.parametrize("kind, modality, name", [("image", "", "chest-xray"), ("image", "CR", "chest-xray"),
                                                  ("volume", "", "brain-flair"), ("volume", "mr", "brain-flair")])
def test_the_model_follows_from_the_image(kind, modality, name):
    assert model_for(kind, {"modality": modality}, [BROKEN, CHEST, BRAIN])["name"] == name


@pytest.mark.parametrize("age, name", [(3.0, "chest"), (17.0, "chest"), (18.0, "adult"), (90.0, "adult")])
def test_the_age_chooses_among_films(age, name):
    models = [dict(CHEST, name="chest", ages=[0, 17]), dict(CHEST, name="adult", ages=[18, 130])]
    assert model_for("image", {"modality": "DX", "age": age}, models)["name"] == name
    with pytest.raises(UsageError, match="chest, adult"):
        model_for("image", {"modality": "DX"}, models)


@pytest.mark.parametrize("kind, modality, models, error", [
    ("volume", "CT", [CHEST, BRAIN], UnsupportedImageError), ("image", "OP", [CHEST, BRAIN], UnsupportedImageError),
    ("volume", "", [CHEST, BROKEN], ModelMissingError), ("image", "", [], ModelMissingError),
    ("volume", "MR", [BRAIN, {**BRAIN, "name": "other"}], UsageError)])
def test_no_model_is_guessed(kind, modality, models, error):
    with pytest.raises(error):
        model_for(kind, {"modality": modality}, models)


def test_the_chosen_model_is_said(run, volume, monkeypatch):
    monkeypatch.setattr(
        "SPMambaLib.bundle.catalogue.installed", lambda: [dict(BRAIN, name="quick", title="Quick"), CHEST]
    )
    status, _, err = run("detect", volume)
    assert status == 0 and "spmamba: model quick chosen (Quick)" in err


# -- the other commands ------------------------------------------------------------------------------------------------

@pytest.fixture
def models_folder(tmp_path, monkeypatch):
    """A folder with one whole bundle, one with a damaged card and one with tampered weights."""
    import hashlib

    folder = tmp_path / "models"
    card = dict.fromkeys(bundle.REQUIRED, "")
    card.update(format=bundle.FORMAT, name="whole", title="A model", purpose="For tests.", not_for="Everything else.",
                modality=["MR"], plane="axial", metrics={"image auroc": 0.87654}, licence="CC0",
                files={bundle.WEIGHTS: hashlib.sha256(b"weights").hexdigest()})
    for name, weights in (("whole", b"weights"), ("tampered", b"Weights"), ("damaged", b"")):
        (folder / name).mkdir(parents=True)
        (folder / name / bundle.WEIGHTS).write_bytes(weights)
        (folder / name / bundle.CARD).write_text("{" if name == "damaged" else json.dumps(dict(card, name=name)))
    monkeypatch.setattr(bundle, "search_folders", lambda: [folder])
    return folder


def test_models_list_shows_the_whole_and_the_damaged(run, models_folder):
    status, out, _ = run("models", "list")
    assert status == 0 and "whole            A model" in out and "For tests." in out and "damaged:" in out
    rows = {row["name"]: row for row in json.loads(run("models", "list", "--json")[1])}
    assert rows["whole"]["modality"] == ["MR"] and rows["damaged"]["error"]["code"] == "model-damaged"


def test_models_list_without_models_says_where_it_looked(run, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "search_folders", lambda: [tmp_path / "empty"])
    status, out, _ = run("models", "list")
    assert status == 0 and str(tmp_path / "empty") in out and run("models", "list", "--json")[1].strip() == "[]"


def test_models_show(run, models_folder):
    status, out, _ = run("models", "show", "whole")
    assert status == 0 and "Not for   Everything else." in out and "image auroc: 0.8765" in out
    assert json.loads(run("models", "show", "whole", "--json")[1])["licence"] == "CC0"


@pytest.mark.parametrize("model, status, code", [("whole", 0, ""), ("tampered", 5, "model-damaged"),
                                                 ("damaged", 5, "model-damaged"), ("absent", 5, "model-missing")])
def test_models_verify(run, models_folder, model, status, code):
    got, out, err = run("models", "verify", model)
    assert got == status and (code in err if code else "match their hashes" in out)


def test_help_names_every_command_and_needs_no_torch():
    code = ("import sys; from SPMambaLib import cli\n"
            "try:\n    cli.main(['--help'])\nexcept SystemExit as end:\n    status = end.code\n"
            "print(status, sorted({'torch', 'SimpleITK', 'vtk', 'PIL'} & set(sys.modules)))")
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("0 []")
    assert all("\n    {} ".format(name) in out for name in cli.COMMANDS)


def test_every_command_has_help(capsys):
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as end:
            cli.main([name, "--help"])
        assert end.value.code == 0 and "usage: spmamba {}".format(name) in capsys.readouterr().out


def test_a_reader_that_stops_early_is_no_error():
    process = subprocess.Popen([sys.executable, "-m", "SPMambaLib", "models", "list"], cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    process.stdout.close()
    assert process.wait(timeout=20) == 0 and not process.stderr.read()


# -- the progress bar --------------------------------------------------------------------------------------------------

class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_in_a_terminal():
    now = [0.0]
    stream = Terminal()
    bar = ProgressBar(stream, lambda: now[0])
    for step in range(5):
        now[0] = 5.0 * step
        bar(step / 4, "slice {} of 4".format(step))
    assert "\r[############............]  50%  10 s left  slice 2 of 4" in stream.getvalue()
    assert stream.getvalue().isascii() and "\n" not in stream.getvalue()
    bar.close()
    assert stream.getvalue().endswith(" \r")


def test_the_bar_in_a_file_is_sparse():
    now = [0.0]
    stream = io.StringIO()
    bar = ProgressBar(stream, lambda: now[0])
    for step in range(100):
        now[0] = step * 0.3
        bar(step / 100, "working")
    bar(1.0, "done")
    bar.close()
    assert 1 <= stream.getvalue().count("\n") <= 3 and "\r" not in stream.getvalue()


@pytest.mark.parametrize("seconds, text", [(0.4, "0 s"), (59.4, "59 s"), (65, "1 min 05 s"), (3780, "1 h 03 min")])
def test_durations_are_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


# -- the shipped models ------------------------------------------------------------------------------------------------

def needs_model(name):
    return pytest.mark.skipif(name not in bundle.available_models(), reason="{} is not installed".format(name))


def real_data(path):
    root = os.environ.get("SPMAMBA_DATA")
    if not root or not (Path(root) / path).exists():
        pytest.skip("SPMAMBA_DATA does not lead to {}".format(path))
    return Path(root) / path


@pytest.mark.parametrize("name", ["chest-xray", "chest-xray-adult", "brain-flair"])
def test_shipped_models_are_whole_and_shown(capsys, name):
    if name not in bundle.available_models():
        pytest.skip("the model {} is not installed".format(name))
    assert cli.main(["models", "verify", name]) == 0 and cli.main(["models", "show", name]) == 0
    assert "Not for" in capsys.readouterr().out


@needs_model("chest-xray")
def test_a_picture_end_to_end(tmp_path, monkeypatch, capsys):
    source = real_data("dicom/chest_cr")
    monkeypatch.chdir(tmp_path)
    asked = ["detect", str(source), "--json", "--device", "cpu", "--output", "out", "--model", "chest-xray"]
    assert cli.main(asked[:-2]) == 2, "children or adults: the film does not say whose it is"
    assert "chest-xray, chest-xray-adult" in capsys.readouterr().err
    assert cli.main(asked) == 4, "an adult's film is not what the model for children knows"
    assert "not-what-the-model-knows" in capsys.readouterr().err and not Path("out").exists()
    assert cli.main([*asked, "--anyway"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["model"]["name"] == "chest-xray"
    assert {path.name for path in Path("out").iterdir()} == FILES | {"evidence.npz"}
    assert read_image("out/anomaly_map.nrrd").voxels.shape == read_image(source).voxels.shape
    assert cli.main([*asked[:-1], "chest-xray-adult", "--output", "adult"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["input_check"]["state"] == "usual" and result["scan_verdict"]["unit"] == "image"


@needs_model("brain-flair")
def test_a_volume_end_to_end(tmp_path, monkeypatch, capsys):
    image = read_image(real_data("brain_volumes/ms_patient07/FLAIR.nii.gz"))
    first = 88  # a few slices are enough here
    geometry = image.ijk_to_ras.copy()
    geometry[:3, 3] = (image.ijk_to_ras @ [0, 0, first, 1])[:3]
    write_image(tmp_path / "part.nii.gz", image.voxels[first:first + 4], geometry)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["detect", "part.nii.gz", "--model", "brain-flair", "--device", "cpu", "--anyway"]) == 0
    out = capsys.readouterr().out
    assert "Model      brain-flair" in out and "Threshold" in out
    written = read_image(tmp_path / "part_spmamba" / "anomaly_map.nrrd")
    assert written.voxels.shape == (4, *image.voxels.shape[1:]) and np.abs(written.ijk_to_ras - geometry).max() < 1e-5
