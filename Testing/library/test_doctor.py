"""`spmamba doctor`: every part is tried; absent and broken parts are told apart, and neither stops the report."""
from __future__ import annotations

import builtins
import json

import pytest

from SPMambaLib import cli, doctor


def states(checks):
    return {check.name: check.state for check in checks}


def test_this_machine(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    checks = {row["name"]: row for row in json.loads(capsys.readouterr().out)["checks"]}
    for name in ("Python", "numpy", "SimpleITK", "safetensors", "PyTorch", "reference on cpu", "torch-chunked on cpu"):
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
    from SPMambaLib import scan

    torch = pytest.importorskip("torch")

    def wrong(*arguments):
        return arguments[0] * torch.tensor(1.001)

    def crash(*arguments):
        raise OSError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr(scan, "available_backends", lambda: ("reference", "wrong", "crash"))
    compute = scan.selective_scan
    monkeypatch.setattr(scan, "selective_scan", lambda *inputs, backend: {"wrong": wrong, "crash": crash}.get(
        backend, lambda *a: compute(*a, backend=backend))(*inputs))
    found = states(doctor.Check("scan", *row) for row in doctor._scan())
    assert found["reference on cpu"] == "ok" and found["wrong on cpu"] == found["crash on cpu"] == "failed"


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
