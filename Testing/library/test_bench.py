"""`spmamba bench`: the numbers are there, belong to what they name, and survive as JSON.  No time is asserted."""
from __future__ import annotations

import json

import oracles
import pytest
import torch

from SPMambaLib import cli
from SPMambaLib.bench import detect, measure, scan
from SPMambaLib.scan import available_backends

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """One call of everything is enough to see that it is measured."""
    monkeypatch.setattr(measure, "SLOW", 0.0)
    monkeypatch.setattr(measure, "ENOUGH", 0.0)


def run(capsys, *arguments):
    assert cli.main(["bench", *arguments]) == 0
    return capsys.readouterr().out


def test_scan(capsys, tmp_path):
    out = run(capsys, "scan", "--device", "cpu", "--tokens", "64", "--output", str(tmp_path / "scan.json"))
    result = json.loads((tmp_path / "scan.json").read_text())
    assert [row["backend"] for row in result["rows"]] == ["authors' layout", *available_backends()]
    for row in result["rows"]:
        assert row["error"] < 1e-5 and row["forward_ms"] > 0 and row["backend"] in out
    by_name = {row["backend"]: row for row in result["rows"]}
    assert by_name["authors' layout"]["forward_ratio"] == by_name["reference"]["both_ratio"] == 1.0
    assert result["command"] == "spmamba bench scan --device cpu --batch 1 --tokens 64"
    assert {"date", "device", "processor", "threads", "torch"} <= set(result["machine"])


def test_detect(capsys):
    result = json.loads(run(capsys, "detect", "--device", "cpu", "--model", "compact", "--batch", "1", "2",
                            "--slices", "2", "--scan", "torch", "--json"))
    assert result["backend"] == "torch" and [row["batch"] for row in result["rows"]] == [1, 2]
    for row in result["rows"]:
        stages = row["stages_ms"]
        assert {"teacher", "neck", "prototypes", "decoder stage 0", "decoder stage 2", "scan",
                "maps and the rest"} <= set(stages)
        assert 0 < stages["scan"] < sum(value for name, value in stages.items() if name.startswith("decoder"))
        assert row["teacher_ratio"] == pytest.approx(row["total_ms"] / row["teacher_ms"], rel=0.01)
        assert row["times_faster"] == pytest.approx(row["batch"] * result["sequential_ms"] / row["total_ms"], rel=0.01)
    assert result["volume"]["slices"] == result["volume"]["analysed"] == 2


def test_train(capsys):
    result = json.loads(run(capsys, "train", "--device", "cpu", "--batch", "1", "--json"))
    assert [row["backend"] for row in result["rows"]] == list(available_backends())
    assert result["rows"][-1]["ratio"] == 1.0


@pytest.mark.parametrize("arguments, message", [
    (["scan", "--tokens", "63"], "invalid choice"), (["detect", "--batch", "0"], "at least 1"),
    (["detect", "--scan", "quantum"], "Unknown scan backend 'quantum'"), (["detect", "--model", "nowhere"], "nowhere"),
    ([], "required"),
])
def test_bad_requests_get_one_sentence(capsys, arguments, message):
    assert cli.main(["bench", *arguments]) in (2, 5)
    error = capsys.readouterr().err.splitlines()
    assert message in error[-1] and error[-1].startswith("spmamba: ")


def test_the_authors_layout_is_the_same_scan():
    tensors, order = scan.inputs(64, 2, CPU)
    right = scan.forward([tensor.double() for tensor in tensors], order, "reference")
    assert oracles.relative_error(scan.authors_forward(tensors, order).transpose(1, 2), right) < 1e-5
    wrong = scan.authors_forward(tensors, order.flip(1)).transpose(1, 2)
    assert oracles.relative_error(wrong, right) > 0.1


def test_stage_times_leave_the_network_as_it_was():
    detector = detect.untrained_detector("compact", CPU, "")
    pixels, masks = torch.rand(1, 1, 256, 256), torch.ones(1, 256, 256)
    before = detect.whole_slice(detector, pixels, masks)
    with detect.stage_times(detector.network, CPU) as times:
        during = detect.whole_slice(detector, pixels, masks)
    assert times and torch.equal(before, during)
    counted = dict(times)
    assert torch.equal(detect.whole_slice(detector, pixels, masks), before) and dict(times) == counted


def test_peak_memory_sees_what_is_held():
    if measure.peak_bytes(lambda: None, CPU) is None:
        pytest.skip("this system does not tell the memory of a process")
    size = 2 ** 28
    held = measure.peak_bytes(lambda: bytearray(b"x") * size, CPU)
    assert 0.9 * size < held < 1.5 * size
    assert measure.peak_bytes(lambda: None, CPU) < 0.1 * size
