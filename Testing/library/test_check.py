"""`spmamba doctor --device` as a whole: maps, memory, speed, verdict, what may be sent to others.  No card needed."""
from __future__ import annotations

import contextlib
import getpass
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from SPMambaLib import cli
from SPMambaLib.detector import Detector
from SPMambaLib.doctor import anonymous, card, check, driver, maps, memory, parity, speed
from SPMambaLib.errors import Cancelled
from SPMambaLib.model import device as devices

A2000 = driver.Driver(driver.READY, (580, 65, 6), (driver.Card("NVIDIA RTX A2000", 6138, 5000, (8, 6)),), True)
BRAIN, CHEST, ADULT = maps.shipped()


@pytest.fixture(scope="module")
def image():
    return maps.volume(2)[0]


@pytest.fixture
def quick(monkeypatch):
    """The smallest size, one model of one slice: every step, in little time."""
    monkeypatch.setattr(parity, "sizes", lambda: [parity.Size(8, 6, 4, 4, "circular-hilbert")])
    monkeypatch.setattr(maps, "shipped", lambda: [CHEST])
    monkeypatch.setattr(speed, "BATCHES", {"cpu": (1,)})
    monkeypatch.setattr(speed, "ROUNDS", 1)


# -- whole networks --------------------------------------------------------------------------------------------------

def test_both_shipped_models_are_compared():
    assert (BRAIN.name, CHEST.name, ADULT.name) == ("brain-flair", "chest-xray", "chest-xray-adult")
    assert maps.volume(4)[1] == "the sample"


@pytest.mark.parametrize("factor, state", [(1.0, "right"), (1.01, "wrong")])
def test_a_network_that_computes_otherwise_is_noticed(monkeypatch, factor, state):
    """What the network on trial says is changed by a hundredth."""
    monkeypatch.setattr(maps, "shipped", lambda: [CHEST])
    load = maps.load

    def other(path, device, scan=None, precision="single"):
        detector = load(path, device, scan, precision)
        if scan == "torch":
            inner = detector.terms

            def terms(pixels):
                values, nearest = inner(pixels)
                return {name: factor * value for name, value in values.items()}, nearest

            detector.terms = terms
        return detector

    monkeypatch.setattr(maps, "load", other)
    monkeypatch.setattr(maps, "yardstick", lambda device, scan: ("cpu", None))
    rows = maps.run("cpu", "torch", slices=2)
    assert [(row["model"], row["state"]) for row in rows] == [("chest-xray", state)]
    assert [p.fatal for p in check.wrong_maps(rows)] == [True] * (state == "wrong")
    json.dumps(rows, allow_nan=False)


def test_differences_are_shares_of_the_range():
    right = np.array([[[1.0, 3.0]]])
    assert maps.difference(right + 0.2, right) == pytest.approx(0.1)
    assert maps.difference(right * np.nan, right) == maps.difference(right[..., :1], right) == float("inf")


def test_half_precision_lies_within_what_is_allowed(image):
    """A CPU's bfloat16, by which the tolerance was chosen; and half of the tolerance would be too little to hide in."""
    detector = maps.load(CHEST, "cpu")
    right = maps.map_of(detector, image)
    detector._half = torch.bfloat16
    off = maps.difference(maps.map_of(detector, image), right)
    assert maps.TOLERANCE["single"] < off < 0.5 * maps.TOLERANCE["half"]


# -- memory ----------------------------------------------------------------------------------------------------------

def little(detector, fits):
    """A limit that lets batches of at most `fits(share)` slices through."""
    @contextlib.contextmanager
    def limit(share):
        inner = Detector.terms

        def full(self, pixels):
            if len(pixels) > fits(share):
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return inner(self, pixels)

        Detector.terms = full
        try:
            yield
        finally:
            Detector.terms = inner
    return limit


@pytest.fixture(scope="module")
def brain(image):
    detector = maps.load(BRAIN, "cpu")
    right, sizes = memory._run(detector, image)
    return detector, right, max(sizes)


@pytest.mark.parametrize("fits, state", [(lambda share: 2 if share > 0.7 else 1, "recovered"),
                                         (lambda share: 99, "not provoked"), (lambda share: 0, "failed")])
def test_memory_that_runs_out(brain, image, fits, state):
    detector, right, full = brain
    row = memory.prove(detector, image, little(detector, fits), right, full)
    assert row["state"] == state and bool(check.not_recovered(row)) == (state != "recovered")
    assert state != "recovered" or (set(row["batches"]) == {1} and full == 2)


def test_a_map_that_changes_with_the_batch_is_no_recovery(brain, image):
    detector, right, full = brain
    row = memory.prove(detector, image, little(detector, lambda share: 1), right + 1.0, full)
    assert row["state"] == "failed" and "off by" in row["text"]


def test_nothing_of_a_failed_batch_is_held_when_memory_is_cleared(monkeypatch):
    """PyTorch's cache can give back only what no exception holds any more."""
    held, detector = [], maps.load(BRAIN, "cpu")
    inner = detector.terms

    class Big:
        alive = 0

        def __init__(self):
            Big.alive += 1

        def __del__(self):
            Big.alive -= 1

    def terms(pixels):
        kept = Big()
        if len(pixels) > 1:
            raise RuntimeError("CUDA out of memory")
        del kept
        return inner(pixels)

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: held.append(Big.alive))
    detector.batch_size = 2
    prepared = detector._prepared(maps.volume(2)[0], lambda: None)[1]
    detector.device = "cuda"  # only the name: `terms` is ours

    def on_cpu(pixels):
        detector.device = "cpu"
        try:
            return terms(pixels)
        finally:
            detector.device = "cuda"

    monkeypatch.setattr(detector, "terms", on_cpu)
    detector._run(prepared, lambda fraction, text: None, lambda: None)
    assert held == [0]


# -- single precision ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind, kept", [("cuda", False), ("cpu", True)])
def test_single_means_single_on_a_card(kind, kept):
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = True
    try:
        devices.single_means_single(torch.device(kind))
        assert (matmul.allow_tf32, cudnn.allow_tf32) == (kept, kept)
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def test_choosing_a_card_switches_it_off(monkeypatch):
    asked = []
    monkeypatch.setattr(devices, "single_means_single", asked.append)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    devices.choose_device("cuda:0")
    assert asked == [torch.device("cuda:0")]


# -- the report ------------------------------------------------------------------------------------------------------

def test_the_cpu_is_proved_from_end_to_end(quick, capsys, tmp_path):
    assert cli.main(["doctor", "--device", "cpu", "--json", str(tmp_path / "report.json")]) == 0
    said, report = capsys.readouterr().out, json.loads((tmp_path / "report.json").read_text())
    assert report["verdict"] == "cpu computes rightly." and report["verdict"] in said and report["advice"] in said
    wanted = report["recommendation"]
    assert (wanted["device"], wanted["precision"], wanted["batch"], wanted["force_backend"]) == (
        "cpu", "single", 1, False)
    assert [row["state"] for row in report["maps"]] == ["right"] and report["speed"][0]["slices_per_second"] > 0
    text = (tmp_path / "report.json").read_text()
    assert str(Path.home()) not in text and str(tmp_path) not in text
    (gain,) = report["gain"]
    assert gain["scans"] and 0 < gain["scan_ms"] < gain["torch_ms"] and gain["text"] in said
    assert gain["measured"] == gain["installed"]


def test_wrong_backends_are_passed_over_and_said(quick, monkeypatch):
    right = parity.implementation
    if parity.trouble("numba", "cpu"):
        pytest.skip("numba is not installed")
    monkeypatch.setattr(parity, "implementation", lambda name: (
        lambda *given: 1.001 * right(name)(*given)) if name == "numba" else right(name))
    report = check.run("cpu")
    assert [p["code"] for p in report["problems"]] == ["wrong-numbers"]
    assert report["recommendation"]["backend"] == "torch" and report["recommendation"]["force_backend"]
    assert report["verdict"].endswith("except for what is said above.")


def test_a_check_without_time_says_what_is_left_out(quick):
    report = check.run("cpu", budget=0.0)
    assert [p["code"] for p in report["problems"]] == ["cut-short"] and report["maps"] == []
    assert "maps" in report["problems"][0]["text"] and report["recommendation"]["device"] == "cpu"


def test_a_check_can_be_cancelled(quick):
    def cancelled():
        raise Cancelled()

    with pytest.raises(Cancelled):
        check.run("cpu", check=cancelled)


@pytest.mark.parametrize("found, code, device", [
    (driver.Driver(driver.ABSENT, hardware=False), None, "cpu"),
    (driver.Driver(driver.ABSENT, hardware=True), "no-driver", "cuda"),
    (driver.Driver(driver.BROKEN, hardware=True, text="Driver/library version mismatch"), "driver-mismatch", "cuda"),
    (A2000, "torch-without-cuda", "cuda"),
])
def test_this_computer_is_its_card_if_it_has_one(quick, monkeypatch, found, code, device):
    """What *Check this computer* of the panel asks for."""
    if torch.version.cuda:
        pytest.skip("this PyTorch is built with CUDA")
    monkeypatch.setattr(driver, "find", lambda: found)
    report = check.run("auto", budget=60.0 if code else 0.0)
    codes = [p["code"] for p in report["problems"] if p["code"] != "cut-short"]
    assert (codes[:1], report["device"]) == ([code] if code else [], device)
    assert report["recommendation"]["device"] == "cpu"
    assert (report["verdict"] == "cuda cannot be used as it is.") == bool(code)


def test_a_card_with_too_little_memory_is_told(monkeypatch):
    facts = card.Facts(A2000, torch="2.9.0", built_for="13.0", usable=True, name="A2000", capability=(8, 6),
                       arches=["sm_86"], total=0.9, free=0.8)
    monkeypatch.setattr(card, "look", lambda *given: facts)
    report = check.run("cuda")
    assert [(p["code"], p["fatal"]) for p in report["problems"]] == [("little-memory", True)]
    assert report["verdict"] == "cuda cannot be used as it is." and report["parity"] == []


# -- what may be sent ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, after", [
    ("No such file: /home/erika/scans/Meier.nii", "No such file: .../Meier.nii"),
    ("C:\\Users\\erika\\Slicer\\python.exe failed", ".../python.exe failed"),
    ("see https://download.pytorch.org/whl/cu130", "see https://download.pytorch.org/whl/cu130"),
    ("erika@pacs-07: no", "user@this-computer: no"), ("generika", "generika"), ("2/3 and 4 / 5", "2/3 and 4 / 5"),
])
def test_names_are_taken_out(text, after):
    known = [("/home/erika", "~"), ("pacs-07", "this-computer"), ("erika", "user")]
    assert anonymous.without_names({"a": [text]}, known) == {"a": [after]}


def test_the_names_of_this_computer_are_known():
    assert (str(Path.home()), "~") in anonymous.names()
    assert len(getpass.getuser()) < anonymous.LEAST or (getpass.getuser(), "user") in anonymous.names()


def test_the_smallest_good_batch_is_recommended():
    def row(model, batch, rate):
        return {"model": model, "precision": "single", "batch": batch, "slices_per_second": rate}

    assert speed.best_batch([row("a", 1, 10.0), row("a", 8, 99.0), row("a", 32, 100.0)]) == 8
    assert speed.best_batch([row("a", 1, 10.0), row("a", 8, 9.0), row("b", 1, 5.0), row("b", 8, 50.0)]) is None
    assert speed.best_batch([]) is None and np.isfinite(speed.NUMBA_RATIO)
