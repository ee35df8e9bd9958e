"""The worker as a real process: protocol, cancellation, orphans, atomic results, typed errors."""
from __future__ import annotations

import contextlib
import json
import os
import queue
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from SPMambaLib.bundle import available_models
from SPMambaLib.errors import UnreadableFileError
from SPMambaLib.io import whole
from SPMambaLib.worker.protocol import Job, LineBuffer, ProtocolError, decode, encode, request

HERE = Path(__file__).resolve().parent
FAKE = HERE / "fake_detector.py"
REAL = HERE.parents[1] / "SPMambaLib" / "worker" / "__main__.py"
ENDINGS = ("result", "error", "cancelled")
PATIENCE = 120.0  # s before a test gives up; nothing waits that long when all is well


class Worker:
    """A worker process and everything it has said."""

    def __init__(self, script=FAKE, file_size_limit=None, **environment):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, file_size_limit))

        self.process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd="/", env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            preexec_fn=limit if file_size_limit else None)
        self.lines = queue.Queue()
        self.stderr = b""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._log, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def _log(self):
        for line in self.process.stderr:
            self.stderr += line

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ask(self, command, run=None, **fields):
        self.send(request(command, run, **fields))

    def status(self):
        self.ask("status", "s")
        while True:
            event, _ = self.wait("status")
            if event["id"] == "s":
                return event

    def next(self):
        """The next event; every line must be a message of the protocol."""
        return decode(self.lines.get(timeout=PATIENCE))

    def wait(self, *names):
        """The next event with one of these names, and the events that came before it."""
        before = []
        while True:
            event = self.next()
            if event["event"] in names:
                return event, before
            before.append(event)

    def detect(self, folder, run="1"):
        self.ask("detect", run, job=str(folder))
        return self.wait(*ENDINGS)

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture
def start():
    workers = []

    def make(*args, **kwargs):
        workers.append(Worker(*args, **kwargs))
        return workers[-1]

    yield make
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


@pytest.fixture
def make_job(tmp_path):
    def make(model="quick", name="job", shape=(10, 8, 9), force=True):  # noise is not a head
        folder = tmp_path / name
        folder.mkdir()
        voxels = np.random.default_rng(3).normal(size=shape).astype(np.float32)
        voxels[shape[0] // 2, 3:5, 3:5] = 9.0
        matrix = np.array([[-1.0, 0, 0, 7], [0, -2.0, 0, 5], [0, 0, 3.0, -9], [0, 0, 0, 1]])
        Job(voxels, matrix, model, facts={"modality": "MR"}, false_positive_rate=0.02,
            force=force).write(folder)
        return folder

    return make


# -- protocol without a process ---------------------------------------------------------------------------------------

def test_lines_are_ascii_and_come_back():
    line = encode({"event": "error", "message": "Müller → 7 µm", "id": None})
    assert line.isascii() and line.count(b"\n") == 1
    assert decode(line) == {"v": 1, "event": "error", "message": "Müller → 7 µm", "id": None}


def test_numbers_that_json_does_not_know_are_refused():
    with pytest.raises(ValueError):
        encode({"fraction": float("nan")})


@pytest.mark.parametrize("line", [b"", b"hello", b"[1]", b"null", b'{"v":2}', b'{"command":"status"}', b"\xff\xfe",
                                  b"[" * 100000])
def test_other_lines_are_protocol_errors(line):
    with pytest.raises(ProtocolError):
        decode(line)


def test_line_buffer_joins_pieces():
    buffer = LineBuffer()
    assert buffer.feed(b'{"v"') == []
    assert buffer.feed(b':1}\n\n{"v":1,"a":2}\n{"v') == [b'{"v":1}', b'{"v":1,"a":2}']
    assert buffer.feed(b'":1}\n') == [b'{"v":1}']


def test_job_comes_back(make_job):
    job = Job.read(make_job("quick"))
    assert job.voxels.shape == (10, 8, 9) and job.ijk_to_ras[1, 1] == -2.0
    assert (job.model, job.device, job.kind, job.false_positive_rate) == ("quick", "auto", "volume", 0.02)
    assert job.facts == {"modality": "MR"}


@pytest.mark.parametrize("damage", ["folder", "job.json", "input.npy", "text", "pickle", "matrix", "list"])
def test_damaged_jobs_are_unreadable(make_job, damage):
    folder = make_job()
    job = json.loads((folder / "job.json").read_text())
    if damage == "folder":
        shutil.rmtree(folder)
    elif damage in ("job.json", "input.npy"):
        (folder / damage).unlink()
    elif damage == "text":
        (folder / "job.json").write_text("{")
    elif damage == "pickle":
        np.save(folder / "input.npy", np.array([{}], dtype=object), allow_pickle=True)
    elif damage == "matrix":
        (folder / "job.json").write_text(json.dumps({**job, "ijk_to_ras": [[1, 0], [0, 1]]}))
    else:
        (folder / "job.json").write_text("[]")
    with pytest.raises(UnreadableFileError):
        Job.read(folder)


# -- the process ------------------------------------------------------------------------------------------------------

def test_a_run_from_ready_to_result(start, make_job):
    worker, folder = start(), make_job()
    ready, warm = worker.next(), worker.next()
    assert ready["event"] == "ready" and ready["pid"] == worker.process.pid
    assert (warm["event"], warm["id"], warm["state"], warm["devices"]) == ("status", None, "idle", ["cpu"])
    event, before = worker.detect(folder, "7")
    assert event == {"v": 1, "event": "result", "id": "7", "folder": str(folder), "result": "result.json"}
    assert all(e["event"] == "progress" and e["id"] == "7" for e in before) and before
    fractions = [e["fraction"] for e in before]
    assert len(fractions) > 10 and fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] < 1
    assert all(e["text"] for e in before)

    result = json.loads((folder / "result.json").read_text())
    arrays = {name: np.load(folder / (name + ".npy")) for name in ("map", "labels", "severity", "terms")}
    assert {name: str(a.dtype) for name, a in arrays.items()} == {
        "map": "float32", "labels": "int16", "severity": "uint8", "terms": "float16"}
    assert arrays["map"].shape == tuple(result["shape"]) == (10, 8, 9)
    assert arrays["terms"].shape == (2, 10, 8, 9) and result["terms"] == ["residual", "prototype"]
    assert np.allclose(arrays["terms"][0], arrays["map"] * 0.5, atol=0.01)
    assert result["ijk_to_ras"] == Job.read(folder).ijk_to_ras.tolist()
    assert result["false_positive_rate"] == 0.02 and len(result["findings"]) == 1
    assert (arrays["labels"] == 1).sum() == result["findings"][0]["voxels"]
    assert not list(folder.glob("*.part"))


def test_ready_does_not_wait_for_the_warm_up(start, make_job):
    worker = start(FAKE_WARM_UP=str(10 * PATIENCE))
    assert worker.next()["event"] == "ready"
    worker.ask("detect", "1", job=str(make_job()))
    assert worker.next()["text"] == "Starting PyTorch"  # and no word of devices yet
    worker.ask("cancel", "1")
    event, _ = worker.wait(*ENDINGS)
    assert event == {"v": 1, "event": "cancelled", "id": "1"}
    status = worker.status()
    assert status["state"] == "warming up" and status["devices"] == []
    assert worker.close() == 0


@pytest.mark.parametrize("model", ["slow", "stubborn", "slow-load"])
def test_cancel_is_answered_while_the_model_goes_on(start, make_job, tmp_path, model):
    hold = tmp_path / "hold"
    hold.touch()
    worker, folder = start(FAKE_HOLD=str(hold)), make_job(model)
    worker.ask("detect", "1", job=str(folder))
    worker.wait("progress")
    time.sleep(0.3)
    worker.ask("cancel", "1")
    event, _ = worker.wait(*ENDINGS)
    assert event["event"] == "cancelled"
    hold.unlink()
    # Nothing more comes of it, its results are not there, and the worker serves the next run.
    event, before = worker.detect(make_job("quick", "next"), "2")
    assert event["event"] == "result" and all(e["id"] == "2" for e in before)
    assert not (folder / "result.json").exists()
    worker.ask("cancel", "1")  # crossed with its answer: not an error
    worker.ask("status", "s")
    status, before = worker.wait("status")
    assert status["counters"]["cancelled"] == 1 and not before


def test_a_waiting_run_is_cancelled_without_waiting(start, make_job):
    worker = start()
    worker.ask("detect", "1", job=str(make_job("slow", "one")))
    worker.ask("detect", "2", job=str(make_job("quick", "two")))
    worker.ask("cancel", "2")
    event, _ = worker.wait(*ENDINGS)
    assert (event["event"], event["id"]) == ("cancelled", "2")
    event, _ = worker.wait(*ENDINGS)
    assert (event["event"], event["id"]) == ("result", "1")


def test_the_model_is_loaded_once(start, make_job):
    worker, folder = start(), make_job()
    for run in ("1", "2", "3"):
        assert worker.detect(folder, run)[0]["event"] == "result"
    worker.detect(make_job("chatty", "other"), "4")
    status = worker.status()
    assert status["counters"] == {"models_loaded": 2, "results": 4, "errors": 0, "cancelled": 0}
    assert status["loaded"][0] == {"model": "quick", "device": "cpu", "backend": "fake"} and status["runs"] == []


def test_no_more_than_two_models_stay_in_memory(start, make_job):
    worker = start()
    for run, model in enumerate(("quick", "chatty", "slow", "quick")):
        assert worker.detect(make_job(model, "job{}".format(run)), str(run))[0]["event"] == "result"
    status = worker.status()
    assert [m["model"] for m in status["loaded"]] == ["slow", "quick"] and status["counters"]["models_loaded"] == 4


def test_stray_prints_do_not_break_the_protocol(start, make_job):
    worker = start()
    event, before = worker.detect(make_job("chatty"), "1")
    assert event["event"] == "result" and {e["id"] for e in before if e["event"] == "progress"} == {"1"}
    worker.close()
    for words in (b"Python's stdout", b"forged", b"child process"):
        assert words in worker.stderr  # negative control: they were printed, and went to the log


def test_without_the_redirection_stray_prints_would_be_read(tmp_path):
    """Negative control of the test above: the same prints on an unclaimed stdout do reach a reader."""
    code = "import sys; sys.path.insert(0, {!r}); import fake_detector as f; f.FakeDetector('chatty')._behave()"
    output = subprocess.run([sys.executable, "-c", code.format(str(HERE))], capture_output=True, check=True,
                            timeout=PATIENCE).stdout
    assert b"Python's stdout" in output and b"forged" in output and b"child process" in output


@pytest.mark.parametrize("line, code", [
    (b"nonsense\n", "bad-request"), (b"\xff\xfe\n", "bad-request"), (b"[]\n", "bad-request"),
    (b'{"v":9,"command":"status"}\n', "bad-request"), (b'{"v":1,"command":"dance"}\n', "bad-request"),
    (b'{"v":1}\n', "bad-request"), (b'{"v":1,"command":"detect","id":"1"}\n', "bad-request"),
    (b'{"v":1,"command":"detect","id":1,"job":"x"}\n', "bad-request"),
    (b'{"v":1,"command":"detect","id":{},"job":[]}\n', "bad-request"),
    (b'{"v":1,"command":"cancel","id":"nobody"}\n', "bad-request"), (b'{"v":1,"command":"cancel","id":[]}\n',
                                                                     "bad-request")])
def test_wrong_lines_are_answered_and_survived(start, line, code):
    worker = start()
    worker.send(line)
    event, _ = worker.wait("error")
    assert event["code"] == code and event["id"] is None and event["message"].endswith(".")
    assert worker.status()["state"] in ("warming up", "idle")


def test_unknown_fields_are_ignored(start, make_job):
    worker, folder = start(), make_job()
    job = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**job, "colour": "red", "v": 1}))
    worker.ask("detect", "1", job=str(folder), colour="red", nested={"a": [1]})
    assert worker.wait(*ENDINGS)[0]["event"] == "result"


def test_the_same_id_twice_is_refused_and_the_first_goes_on(start, make_job):
    worker, folder = start(), make_job("slow")
    worker.ask("detect", "1", job=str(folder))
    worker.ask("detect", "1", job=str(folder))
    event, _ = worker.wait("error")
    assert event["id"] is None
    assert worker.wait(*ENDINGS)[0]["event"] == "result"


@pytest.mark.parametrize("model, code", [("damaged", "model-damaged"), ("absent", "model-missing"),
                                         ("out-of-memory", "out-of-memory"), ("crash", "internal")])
def test_failures_are_typed_and_the_worker_goes_on(start, make_job, model, code):
    worker = start()
    event, _ = worker.detect(make_job(model), "1")
    assert (event["event"], event["id"], event["code"]) == ("error", "1", code)
    assert "Traceback" not in event["message"] and "\n" not in event["message"]
    assert worker.detect(make_job("quick", "next"), "2")[0]["event"] == "result"


def test_a_missing_job_folder_is_unreadable(start, tmp_path):
    event, _ = start().detect(tmp_path / "nowhere", "1")
    assert (event["code"], event["id"]) == ("unreadable-file", "1")


def test_a_result_that_cannot_be_written(start, make_job):
    worker, folder = start(), make_job()
    (folder / "map.npy").mkdir()  # a folder in the way, which is not ours
    event, _ = worker.detect(folder, "1")
    assert event["code"] == "cannot-write"
    assert {path.name for path in folder.iterdir()} == {"input.npy", "job.json", "map.npy"}


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_unwritable_job_folder_is_known_before_the_work(start, make_job):
    worker, folder = start(), make_job("slow")
    folder.chmod(0o500)
    event, before = worker.detect(folder, "1")
    folder.chmod(0o700)
    assert event["code"] == "cannot-write" and not any("Slice" in e["text"] for e in before)


def test_a_full_disk_is_said_and_leaves_no_result(start, make_job):
    folder = make_job(shape=(20, 20, 20))
    worker = start(file_size_limit=10000)  # the map needs 32 kB: the write fails in its middle
    event, _ = worker.detect(folder, "1")
    assert event["code"] == "cannot-write" and "space" in event["message"]
    assert not (folder / "result.json").exists() and not list(folder.glob("*.part"))


def test_killed_while_writing_leaves_no_result(start, make_job):
    worker, folder = start(), make_job("die-writing")
    worker.ask("detect", "1", job=str(folder))
    assert worker.process.wait(timeout=PATIENCE) == -9
    (left,) = folder.glob(".spmamba-*.part")  # it did die in the middle
    assert (left / "files" / "map.npy").exists() and not (left / "files" / "severity.npy").exists()
    assert {path.name for path in folder.iterdir()} == {"input.npy", "job.json", left.name}
    whole.check_writable(folder)  # as the next run does
    assert not left.exists()


@pytest.mark.parametrize("model", [None, "slow", "stubborn", "slow-load"])
def test_the_end_of_stdin_ends_the_process(start, make_job, tmp_path, model):
    (tmp_path / "hold").touch()
    worker = start(FAKE_HOLD=str(tmp_path / "hold"))
    worker.wait("ready")
    if model:
        worker.ask("detect", "1", job=str(make_job(model, shape=(200, 4, 4))))
        worker.wait("progress")
    assert worker.close() == 0


def test_shutdown_ends_the_process(start):
    worker = start()
    worker.ask("shutdown")
    assert worker.process.wait(timeout=PATIENCE) == 0


def test_models_are_listed(start):
    worker = start()
    worker.ask("models", "m")
    event, _ = worker.wait("models")
    assert event["id"] == "m" and {"name": "quick"} in event["models"]


# -- the real thing ----------------------------------------------------------------------------------------------------

needs_model = pytest.mark.skipif("brain-flair" not in available_models(), reason="brain-flair is not installed")


def test_started_by_path_from_anywhere_it_answers_before_torch_is_there(start, make_job):
    """As Slicer starts it: by path, in another folder, without the package on the path."""
    pytest.importorskip("torch")
    worker = start(REAL)
    assert worker.next()["event"] == "ready"
    worker.ask("detect", "1", job=str(make_job("brain-flair")))
    worker.wait("progress")
    worker.ask("cancel", "1")
    event, _ = worker.wait(*ENDINGS)
    assert event["event"] == "cancelled"
    event, _ = worker.wait("status")
    assert event["id"] is None and event["state"] == "idle" and event["devices"][0] == "cpu"
    worker.ask("models")
    listed = [model["name"] for model in worker.wait("models")[0]["models"]]
    assert listed == available_models()
    event, _ = worker.detect(make_job("no-such-model", "next"), "2")
    assert event["code"] == "model-missing"
    assert worker.close() == 0


@needs_model
def test_the_shipped_model_runs_warm_and_gives_the_same_twice(start, make_job):
    worker = start(REAL)
    event, _ = worker.detect(make_job("brain-flair", "noise", shape=(4, 64, 60), force=False), "refused")
    assert event["code"] == "not-what-the-model-knows"
    folders = [make_job("brain-flair", name, shape=(4, 64, 60)) for name in ("one", "two")]
    for run, folder in enumerate(folders):
        event, _ = worker.detect(folder, str(run))
        assert event["event"] == "result", event
    assert worker.status()["counters"] == {"models_loaded": 1, "results": 2, "errors": 1, "cancelled": 0}
    first, second = (np.load(folder / "map.npy") for folder in folders)
    assert first.shape == (4, 64, 60) and np.isfinite(first).all() and (first == second).all()
    result = json.loads((folders[0] / "result.json").read_text())
    assert result["ijk_to_ras"] == Job.read(folders[0]).ijk_to_ras.tolist() and result["backend"]
    assert np.load(folders[0] / "terms.npy").shape == (len(result["terms"]), 4, 64, 60)


@needs_model
def test_the_shipped_model_is_cancelled_while_it_computes(start, make_job):
    worker, folder = start(REAL), make_job("brain-flair", shape=(96, 96, 96))
    worker.ask("detect", "1", job=str(folder))
    while "slice" not in worker.wait("progress")[0]["text"]:
        pass
    worker.ask("cancel", "1")
    assert worker.wait(*ENDINGS)[0]["event"] == "cancelled"
    assert worker.detect(make_job("brain-flair", "next", shape=(2, 64, 64)), "2")[0]["event"] == "result"


UNSUPPORTED = {
    "no-finite-voxels": np.full((4, 64, 64), np.nan, np.float32),
    "constant-image": np.zeros((4, 64, 64), np.int64),
    "colour-image": np.ones((4, 64, 64, 3), np.uint8) * np.array([1, 90, 200], np.uint8),
    "too-small": np.arange(27.0).reshape(3, 3, 3),
    "four-dimensional": np.array(["text"]),
}


@needs_model
def test_unsupported_images_are_typed(start, tmp_path):
    """Also those that only a viewer with other rules would hand over; the worker answers all of them in turn."""
    worker, answers = start(REAL), {}
    for code, voxels in UNSUPPORTED.items():
        (tmp_path / code).mkdir()
        Job(voxels, np.eye(4), "brain-flair").write(tmp_path / code)
        answers[code] = worker.detect(tmp_path / code, code)[0].get("code")
    assert answers == {code: code for code in UNSUPPORTED}


# -- the check of this computer ---------------------------------------------------------------------------------------

def test_a_check_ends_with_its_report(start, make_job):
    worker = start()
    worker.ask("check", "8", device="cpu")
    event, before = worker.wait("checked", *ENDINGS)
    assert event == {"v": 1, "event": "checked", "id": "8", "report": {"device": "cpu", "verdict": "right"}}
    assert [e["fraction"] for e in before if e["event"] == "progress"] == [0.0, 0.5]
    assert worker.detect(make_job(), "9")[0]["event"] == "result", "detections go on afterwards"


def test_a_check_is_cancelled_or_fails_like_any_run(start):
    worker = start(FAKE_CHECKS="1000")
    worker.ask("check", "8")
    worker.wait("progress")
    worker.ask("cancel", "8")
    assert worker.wait("checked", *ENDINGS)[0]["event"] == "cancelled"
    worker.ask("check", "9", device="quantum")
    assert worker.wait("error")[0]["code"] == "bad-request"
    assert start().close() == 0


def test_the_options_of_a_job_reach_the_model():
    from types import SimpleNamespace

    from SPMambaLib.worker.server import Server

    seen = []
    server = Server(None, None, load=lambda *names, **options: seen.append((names, options)) or SimpleNamespace(),
                    make_image=None, models=list, check=None)
    run = SimpleNamespace(progress=lambda fraction, text: None)
    for options in ({}, {"scan": "torch", "batch_size": 8}, {}):
        server._detector(Job(np.zeros((1, 1, 1)), np.eye(4), "quick", "cpu", **options), run)
    assert seen == [(("quick", "cpu"), {}), (("quick", "cpu"), {"scan": "torch", "batch_size": 8})]
