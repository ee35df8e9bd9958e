"""Who listens, what the names are and who runs it cannot change what is computed, nor the exit status."""
from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_detector
import numpy as np
import pytest
from dicom_files import write_series

from SPMambaLib import bundle, cli
from SPMambaLib.bundle.catalogue import model_for
from SPMambaLib.commands import detect
from SPMambaLib.commands.streams import LenientStream
from SPMambaLib.errors import UsageError
from SPMambaLib.io.image import write_image

ROOT = Path(__file__).resolve().parents[2]
FILES = {"anomaly_map.nrrd", "severity.nrrd", "findings.seg.nrrd", "overview.png", "result.json"}
SCRIPT = """import sys; sys.path[:0] = {!r}
import fake_detector
from SPMambaLib import cli
from SPMambaLib.commands import detect
detect.load_model = fake_detector.load
sys.exit(cli.main(sys.argv[1:]))
""".format([str(ROOT), str(ROOT / "Testing" / "library")])


def head(path):
    voxels = np.random.default_rng(5).normal(100.0, 5.0, size=(18, 24, 20)).astype(np.float32)
    voxels[8:11, 10:14, 6:10] = 400.0
    write_image(path, voxels, np.diag([-1.0, -1.0, 2.0, 1.0]))
    return path


def shell(folder, command, **env):
    """Run a shell command in which spmamba is the command line with the fake detector."""
    function = "spmamba() {{ {} -B {} \"$@\"; }}; ".format(sys.executable, script(folder))
    return subprocess.run(["bash", "-c", "set -o pipefail; " + function + command], cwd=folder, capture_output=True,
                          check=False, timeout=120, env={**os.environ, **env})


def script(folder):
    path = folder / "run.py"
    path.write_text(SCRIPT)
    return path


@pytest.mark.skipif(os.name == "nt", reason="the shell's ways to close and fill streams")
@pytest.mark.parametrize("streams", [
    "", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full >/dev/full", "--json >/dev/full", "2>&1 | true",
    "2> >(true)"])
def test_streams_change_nothing(streams, tmp_path):
    head(tmp_path / "head.nrrd")
    done = shell(tmp_path, "spmamba detect head.nrrd --model quick --output out " + streams)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
    if "full" in streams and "2>" not in streams:
        assert b"could not be written; its files are whole" in done.stderr


@pytest.mark.parametrize("streams, status", [(">/dev/full", 7), (">&-", 0), ("| head -c 10", 0)])
def test_a_result_that_is_printed_needs_its_stream(streams, status, tmp_path):
    done = shell(tmp_path, "spmamba models list --json " + streams)
    assert done.returncode == status and b"Traceback" not in done.stderr
    assert (b"[cannot-write]" in done.stderr) == (status == 7)


def test_an_encoding_without_the_letters_of_the_name(tmp_path):
    head(tmp_path / "Schädel.nrrd")
    done = shell(tmp_path, "spmamba detect Sch*.nrrd --model quick", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and b"Sch\\xe4del" in done.stdout, done.stderr
    assert {path.name for path in (tmp_path / "Schädel_spmamba").iterdir()} == FILES


def test_a_path_in_latin_1(tmp_path):
    place = tmp_path / b"M\xfcller".decode("utf-8", "surrogateescape")
    place.mkdir()
    head(place / b"sch\xe4del.nrrd".decode("utf-8", "surrogateescape"))
    done = shell(tmp_path, "spmamba detect M*/sch*.nrrd --model quick --json && mv sch*_spmamba out")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    text = (tmp_path / "out" / "result.json").read_text("ascii")
    assert "\\\\udcfc" in text and "\\\\udcfc" in done.stdout.decode()
    json.loads(text)["input"].encode("utf-8")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only the superuser can be somebody unknown")
def test_a_user_without_a_name_and_a_home(tmp_path):
    head(tmp_path / "head.nrrd")
    for place in (tmp_path, *tmp_path.parents[:3]):
        place.chmod(0o777)
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_DATA_HOME", "USER")}
    code = ("exec(open('run.py').read().replace('sys.exit(cli.main(sys.argv[1:]))', ''));"
            "cli.main(['detect', 'head.nrrd', '--model', 'quick', '--output', 'first']);"  # imports what it needs
            "import os; os.setgid(54321); os.setuid(54321);"
            "from SPMambaLib import bundle; bundle.installed_bundles();"
            "sys.exit(cli.main(['detect', 'head.nrrd', '--model', 'quick', '--output', 'out']))")
    script(tmp_path).chmod(0o644)
    (tmp_path / "head.nrrd").chmod(0o644)
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=tmp_path, env=environment, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


def test_without_a_home_there_is_no_place_to_install(monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    assert bundle.search_folders()
    with pytest.raises(UsageError, match="no home"):
        bundle.user_folder()


class Failing(io.StringIO):
    encoding = "ascii"

    def __init__(self, error=None):
        super().__init__()
        self.fault = error

    def write(self, text):
        if self.fault is not None:
            raise self.fault
        text.encode(self.encoding)
        return super().write(text)


@pytest.mark.parametrize("fault", [OSError(28, "full"), BrokenPipeError(), ValueError("closed")])
def test_a_stream_that_fails_is_remembered(fault):
    stream = LenientStream(Failing(fault))
    print("text", file=stream, flush=True)
    assert stream.error is fault and stream.reader_left == isinstance(fault, BrokenPipeError) and not stream.isatty()
    absent = LenientStream(None)
    print("text", file=absent, flush=True)
    assert absent.error is None and not absent.isatty()
    narrow = LenientStream(Failing())
    print("Müller", file=narrow)
    assert narrow._stream.getvalue() == "M\\xfcller\n" and narrow.error is None


# -- interruptions, and what killed runs leave ------------------------------------------------------------------------


def start(folder, model, *arguments):
    process = subprocess.Popen([sys.executable, "-B", "run.py", "detect", "head.nrrd", "--model", model, *arguments],
                               cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while not list(folder.glob(".spmamba-*.part/lock")) and time.monotonic() < end:
        time.sleep(0.02)
    return process


def test_a_hangup_cancels(tmp_path):
    head(tmp_path / "head.nrrd")
    script(tmp_path)
    process = start(tmp_path, "slow")
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.decode().strip().endswith("[cancelled]")
    assert {path.name for path in tmp_path.iterdir()} == {"head.nrrd", "run.py"}


def test_what_a_killed_run_has_left_is_swept_by_the_next(tmp_path):
    head(tmp_path / "head.nrrd")
    script(tmp_path)
    process = start(tmp_path, "slow")
    process.kill()
    process.communicate()
    (left,) = tmp_path.glob(".spmamba-*.part")
    assert shell(tmp_path, "spmamba detect head.nrrd --model quick").returncode == 0
    assert not left.exists() and (tmp_path / "head_spmamba" / "result.json").exists()


# -- names --------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detect, "load_model", fake_detector.load)

    def call(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        return (status, *capsys.readouterr())

    return call


def test_names_of_300_letters(run, tmp_path):
    path = head(tmp_path / "head.nrrd").rename(tmp_path / ("ä" * 120 + ".nrrd"))
    status, out, err = run("detect", path, "--model", "quick")
    assert status == 0 and len(list(tmp_path.glob("ä*_spmamba/result.json"))) == 1, err
    for arguments in (["x" * 300], [path.name, "--output", "x" * 300]):
        status, out, err = run("detect", *arguments, "--model", "crash")
        assert status in (3, 7) and "[internal]" not in err and "ZeroDivision" not in err, "before the work"
    status, _, err = run("series", "x" * 300)
    assert status == 3 and "[internal]" not in err


def test_a_copy_of_a_model_has_its_folders_name():
    rows = [{"name": name, "plane": "axial", "modality": []} for name in ("brain-flair", "brain-flair-2")]
    with pytest.raises(UsageError, match="brain-flair, brain-flair-2"):
        model_for("volume", {}, rows)


def test_installed_models_go_by_their_folders(tmp_path, monkeypatch):
    from SPMambaLib.bundle import catalogue

    card = dict.fromkeys(bundle.REQUIRED, "")
    card.update(format=bundle.FORMAT, name="brain-flair")
    for name in ("brain-flair", "copy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / bundle.CARD).write_text(json.dumps(card))
    monkeypatch.setattr(bundle, "search_folders", lambda: [tmp_path])
    assert [row["name"] for row in catalogue.installed()] == ["brain-flair", "copy"]


PATIENT, ID = "Mustermann^Erika", "PID-4711-0815"


@pytest.mark.parametrize("model", ["quick", "crash", "disk-full"])
def test_nothing_names_the_patient(model, run, tmp_path, monkeypatch):
    """Neither logs nor results, nor the names of files; the series' folder is one that a user has named."""
    voxels = np.random.default_rng(0).integers(0, 300, (8, 20, 24)).astype("int16")
    series = write_series(tmp_path / "series", voxels, np.outer(np.arange(8), (0.0, 0.0, 2.0)), PatientName=PATIENT,
                          PatientID=ID)
    logs = tmp_path / "temporary"
    logs.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(logs))
    seen = []
    monkeypatch.setattr("tempfile.mkdtemp", spying(seen))
    status, out, err = run("detect", series, "--model", model, "--output", "out")
    assert (status == 0) == (model == "quick")
    texts = [out, err, *seen]
    for path in (path for path in tmp_path.rglob("*") if series not in (path, *path.parents)):
        texts += [str(path.relative_to(tmp_path)), path.read_bytes().decode("latin-1") if path.is_file() else ""]
    assert len(seen) >= 1 and (model != "crash" or list(logs.glob("*.log")))
    for name in (PATIENT, ID, "Mustermann", "4711"):
        assert not [text for text in texts if name in text]
    assert PATIENT.encode() in next(series.glob("*")).read_bytes(), "negative control: it is in the files"


def spying(seen):
    from tempfile import mkdtemp

    def spy(**options):
        seen.append(mkdtemp(**options))
        return seen[-1]

    return spy
