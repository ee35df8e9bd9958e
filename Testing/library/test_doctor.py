"""`spmamba doctor`: every part is tried; absent and broken parts are told apart, and neither stops the report."""
from __future__ import annotations

import builtins
import json

import pytest

from SPMambaLib import cli
from SPMambaLib.doctor import machine as doctor


def states(checks):
    return {check.name: check.state for check in checks}


def test_this_machine(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    checks = {row["name"]: row for row in json.loads(capsys.readouterr().out)["checks"]}
    for name in ("Python", "numpy", "SimpleITK", "safetensors", "PyTorch", "reference on cpu", "torch on cpu",
                 "in use on cpu"):
        assert checks[name]["state"] == "ok", checks[name]
    assert {row["group"] for row in checks.values()} == set(doctor.GROUPS)
    assert {row["state"] for row in checks.values()} <= {"ok", "absent"}


def test_the_table_shows_every_check(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for group in doctor.GROUPS:
        assert "\n{}\n".format(group) in "\n" + out
    assert "[  ok  ] PyTorch" in out


def test_a_wrong_scan_backend_is_found(monkeypatch):
    scan = pytest.importorskip("SPMambaLib.scan")
    reasons = {"numba": "its result differs from the reference by 1e-02", "torch": "numba is not installed (advice)"}
    monkeypatch.setattr(scan, "trouble", lambda name, device: reasons.get(name, ""))
    found = states(doctor.Check("scan", *row) for row in doctor._scan())
    assert found["numba on cpu"] == "failed" and found["torch on cpu"] == "absent" and found["reference on cpu"] == "ok"


def test_a_scan_backend_asked_for_in_vain_is_told(monkeypatch):
    monkeypatch.setenv("SPMAMBA_SCAN", "quantum")
    rows = {row[0]: row for row in doctor._scan()}
    assert rows["in use on cpu"][1] == "failed" and "quantum" in rows["in use on cpu"][2]


@pytest.mark.parametrize("error, state", [(ModuleNotFoundError, "absent"), (ImportError, "failed"),
                                          (RuntimeError, "failed")])
def test_missing_and_broken_packages_are_told_apart(monkeypatch, error, state):
    def import_module(name):
        if name == "pydicom":
            raise error("No module named 'pydicom'")
        return builtins.__import__(name)

    monkeypatch.setattr(doctor.importlib, "import_module", import_module)
    found = states(doctor.Check("packages", *row) for row in doctor._packages())
    assert found["pydicom"] == state and found["numpy"] == "ok"


def test_a_check_that_breaks_is_a_failed_check(monkeypatch):
    def broken():
        yield "first", "ok", "fine"
        raise RuntimeError("driver\nmismatch")

    monkeypatch.setattr(doctor, "GROUPS", {"System": doctor._system, "Broken": broken})
    last = doctor.examine()[-1]
    assert (last.group, last.state, last.text) == ("Broken", "failed", "RuntimeError: driver mismatch")


def test_a_machine_without_torch(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)  # makes `import torch` raise ModuleNotFoundError
    found = states(doctor.examine())
    assert found["PyTorch"] == "absent" and found["backends"] == "absent" and found["Python"] == "ok"
