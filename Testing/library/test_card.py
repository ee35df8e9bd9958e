"""`spmamba doctor --device`: obstacles are told apart, and wrong numbers are found.  No card is needed."""
from __future__ import annotations

import pytest
import torch

from SPMambaLib import cli
from SPMambaLib.doctor import card, check, driver, parity
from SPMambaLib.scan import selective_scan

SIZE = parity.Size(8, 6, 4, 4, "circular-hilbert")
CARD = "NVIDIA RTX A2000, {}, 6138, 5000, 8.6"


def facts(version="580.65.06", **values):
    found = driver.find(lambda command: (0, CARD.format(version)))
    usable = {"torch": "2.9.0", "built_for": "13.0", "usable": True, "name": "A2000", "capability": (8, 6),
              "arches": ["sm_86"], "total": 6.0, "free": 5.0}
    return card.Facts(found, **{**usable, **values})


@pytest.mark.parametrize("found, code", [
    (facts(), None),
    (facts("535.10.01", usable=False), "driver-too-old"),
    (facts(built_for="", usable=False), "torch-without-cuda"),
    (facts(arches=["sm_90"]), "torch-not-for-this-card"),
    (facts(total=2.0, free=1.5), "little-memory"),
    (facts(free=0.2), "memory-in-use"),
    (card.Facts(driver.find(lambda command: (18, "Failed to initialize NVML: Driver/library version mismatch"))),
     "driver-mismatch"),
])
def test_obstacles_are_told_apart(found, code):
    assert [p.code for p in card.obstacles(found)][:1] == ([code] if code else [])


def test_the_ground_truth_is_the_reference():
    inputs, order = parity.problem(SIZE, batch=2)
    leaves = [tensor.requires_grad_() for tensor in inputs]
    value = selective_scan(*leaves[:6], order, dt_bias=leaves[6], softplus=True, backend="reference")
    right = [value.detach(), *torch.autograd.grad((value * parity.weights(value)).sum(), leaves)]
    forward, backward, _ = parity.distances(parity.ground_truth(inputs, order), right)
    assert forward < 1e-13 and backward < 1e-13


@pytest.mark.parametrize("factor, state", [(1.0, "right"), (1.001, "wrong")])
def test_wrong_numbers_are_found(monkeypatch, factor, state):
    right = parity.implementation("torch")
    monkeypatch.setattr(parity, "implementation", lambda name: lambda *given: factor * right(*given))
    rows = [row for row in parity.run("cpu", wanted=[SIZE]) if row["backend"] == "torch"]
    assert [row["state"] for row in rows] == [state]
    assert bool(check.wrong(rows)) == (state == "wrong")


def test_without_a_card_the_command_says_what_is_missing(capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a card here")
    assert cli.main(["doctor", "--device", "cuda"]) == 0
    assert "cuda cannot be used as it is." in capsys.readouterr().out
