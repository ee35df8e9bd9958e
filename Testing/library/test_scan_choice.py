"""Which backend computes a scan: tried by a real call, chosen by device, forced by argument, context or environment."""
from __future__ import annotations

import importlib
import logging
import sys
import types
from pathlib import Path

import pytest
import scan_cases
import tiny
import torch

from SPMambaLib import load_model
from SPMambaLib.errors import DeviceError, UsageError
from SPMambaLib.scan import BACKENDS, available_backends, backends_for, default_backend, registry, selective_scan, using


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Every test tries and tells anew, and no environment forces a choice."""
    monkeypatch.delenv(registry.VARIABLE, raising=False)
    monkeypatch.setattr(registry, "_told", set())
    registry._trouble.cache_clear()
    yield
    registry._trouble.cache_clear()


def scan(backend=None):
    inputs, order = [t.float() for t in scan_cases.arguments()], scan_cases.random_order(37)
    return selective_scan(*inputs[:6], order, dt_bias=inputs[6], softplus=True, backend=backend)


def add(monkeypatch, name, function):
    """Register `function` as the preferred backend of the CPU."""
    module = types.ModuleType("SPMambaLib.scan." + name)
    module.scan = function
    monkeypatch.setitem(sys.modules, module.__name__, module)
    backends = {name: registry.Backend(name, ("cpu",)), **BACKENDS}
    monkeypatch.setattr(registry, "BACKENDS", backends)


def counted(monkeypatch):
    """Names of the backends that really ran, as they run."""
    ran = []
    original = registry.implementation

    def implementation(name):
        def run(*arguments):
            ran.append(name)
            return original(name)(*arguments)
        return run

    monkeypatch.setattr("SPMambaLib.scan.implementation", implementation)
    return ran


def test_the_fastest_that_works_comes_first():
    assert backends_for("cpu") == ("numba", "torch", "reference")
    assert backends_for("cuda") == ("triton", "mamba_ssm", "torch", "reference")
    assert backends_for("mps") == ("torch", "reference")
    assert available_backends()[-2:] == ("torch", "reference")
    assert default_backend() == available_backends()[0]


def test_forced_by_argument_context_and_environment(monkeypatch):
    ran = counted(monkeypatch)
    scan()
    monkeypatch.setenv(registry.VARIABLE, "reference")
    scan()
    with using("torch"):
        scan()
        with using(None):
            scan()
        scan(backend="reference")
    scan()
    assert ran == [default_backend_without(monkeypatch), "reference", "torch", "torch", "reference", "reference"]


def default_backend_without(monkeypatch):
    monkeypatch.delenv(registry.VARIABLE)
    return default_backend()


def test_unknown_and_unsuited_backends_are_refused(monkeypatch):
    with pytest.raises(UsageError, match="Unknown scan backend 'quantum'; use one of: triton"):
        scan(backend="quantum")
    with pytest.raises(DeviceError, match="triton does not run on cpu; use one of: numba, torch, reference"):
        scan(backend="triton")
    monkeypatch.setenv(registry.VARIABLE, "mamba_ssm")
    with pytest.raises(DeviceError, match="mamba_ssm does not run on cpu"):
        scan()


def test_a_missing_package_is_passed_over_and_said_once(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "SPMambaLib.scan.numba_cpu", None)
    with pytest.raises(DeviceError, match="numba does not work here"):
        scan(backend="numba")
    monkeypatch.setattr(registry, "implementation", lambda name: (_ for _ in ()).throw(
        ModuleNotFoundError("No module named 'numba'", name="numba")) if name == "numba" else _module(name).scan)
    registry._trouble.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [default_backend() for _ in range(3)] == ["torch"] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "The selective scan runs by 'torch' on cpu; faster would be numba, but numba is not installed "
        "(pip install 'spmamba[cpu]')."]


def _module(name):
    return importlib.import_module("SPMambaLib.scan." + BACKENDS[name].module)


def test_the_fastest_choice_and_a_forced_one_say_nothing(caplog):
    pytest.importorskip("numba")
    with caplog.at_level(logging.WARNING), using("torch"):
        scan()
    with caplog.at_level(logging.WARNING):
        scan()
    assert not caplog.records


@pytest.mark.parametrize("fault, reason", [
    (lambda value: value * 1.001, "differs from the reference"),
    (lambda value: value * float("nan"), "differs from the reference"),
    (lambda value: value.detach(), "does not require grad"),
    (lambda value: value.missing, "AttributeError"),
])
def test_a_backend_that_is_wrong_or_fails_is_not_taken(monkeypatch, fault, reason):
    add(monkeypatch, "faulty", lambda *a: fault(_module("torch").scan(*a)))
    assert reason in registry.trouble("faulty", "cpu")
    assert default_backend() != "faulty"


def test_wrong_gradients_are_found(monkeypatch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, value):
            return value.clone()

        @staticmethod
        def backward(ctx, grad):
            return 1.01 * grad

    add(monkeypatch, "wrong_gradients", lambda *a: Wrong.apply(_module("torch").scan(*a)))
    assert "differs" in registry.trouble("wrong_gradients", "cpu")


def test_a_right_backend_is_taken(monkeypatch):
    """The negative control of the two tests above."""
    add(monkeypatch, "right", _module("torch").scan)
    assert default_backend() == "right"


def test_float64_goes_where_it_can_be_computed(monkeypatch):
    ran = counted(monkeypatch)
    inputs, order = scan_cases.arguments(), scan_cases.random_order(37)
    assert selective_scan(*inputs[:6], order).dtype == torch.float64
    assert ran == ["torch"]


def test_inference_mode_tries_backends_too():
    with torch.inference_mode():
        assert default_backend() in available_backends()


@pytest.mark.parametrize("name", ["torch", "reference"])
def test_a_detector_computes_by_what_it_records(monkeypatch, name):
    folder = tiny.bundle_folder("tiny-chest")  # its training is not what is looked at
    ran = counted(monkeypatch)
    detector = load_model(str(folder), "cpu", scan=name)
    detection = detector.detect(tiny.chest_image(lesion=True), force=True)
    assert detection.backend == detection.to_dict()["backend"] == name
    assert set(ran) == {name}


def test_a_detector_takes_the_environments_choice(monkeypatch):
    monkeypatch.setenv(registry.VARIABLE, "torch")
    assert load_model(str(tiny.bundle_folder("tiny-chest")), "cpu").backend == "torch"
    monkeypatch.setenv(registry.VARIABLE, "quantum")
    with pytest.raises(UsageError, match="quantum"):
        load_model(str(tiny.bundle_folder("tiny-chest")), "cpu")


def test_half_precision_is_for_graphics_cards(monkeypatch):
    folder = str(tiny.bundle_folder("tiny-chest"))
    with pytest.raises(UsageError, match="needs a graphics card"):
        load_model(folder, "cpu", precision="half")
    with pytest.raises(UsageError, match="Unknown precision 'double'"):
        load_model(folder, "cpu", precision="double")
    if torch.cuda.is_available():
        single, half = (load_model(folder, "cuda", precision=p).detect(tiny.chest_image(lesion=True))
                        for p in ("single", "half"))
        assert abs(half.map - single.map).max() < 0.2 * (single.map.max() - single.map.min())


def test_nothing_outside_of_the_room_names_a_backend():
    """Only the registry knows them; the rest of the library takes what it is given."""
    root = Path(registry.__file__).parents[1]
    named = {str(path.relative_to(root)): name for path in root.rglob("*.py")
             if path.parts[-2] not in ("scan", "bench", "doctor")
             for name in ("numba", "triton", "mamba_ssm") if name in path.read_text(encoding="utf-8")}
    assert named == {}
