"""Every backend of the selective scan gives the float64 reference's answer, forward and backward."""
from __future__ import annotations

import sys
import types
from functools import cache

import numpy as np
import oracles
import pytest
import scan_cases
import torch

from SPMambaLib.bench.scan import CHANNELS
from SPMambaLib.scan import available_backends, chunked, registry, selective_scan

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
SUBJECTS = [(name, device) for device in DEVICES for name in available_backends(device) if name != "reference"]
SUBJECTS += [("torch, blocked", "cpu"), ("mamba_ssm, imitated", "cpu")]


@pytest.fixture
def subject(request, monkeypatch):
    """(backend, device) of one of `SUBJECTS`; the ones with a comma run on the CPU what is meant for CUDA."""
    name, device = request.param
    if name == "torch, blocked":
        small = chunked.BLOCKED._replace(elements=2 ** 22)  # as if memory were short: several chunks
        monkeypatch.setattr(chunked, "strategy_for", lambda device: small)
        return "torch", device
    if name == "mamba_ssm, imitated":
        monkeypatch.setitem(registry.BACKENDS, name, registry.Backend("mamba_package"))
        module = types.ModuleType("mamba_ssm.ops.selective_scan_interface")
        module.selective_scan_fn = imitated_selective_scan_fn
        for part in ("mamba_ssm", "mamba_ssm.ops"):
            monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.delitem(sys.modules, "SPMambaLib.scan.mamba_package", raising=False)
        registry._trouble.cache_clear()
    return name, device


def imitated_selective_scan_fn(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False):
    """What the package documents: u, delta (B, D, L); A (D, N); B, C (B, G, N, L); D, delta_bias (D,)."""
    assert z is None and all(t.is_contiguous() and t.dtype == torch.float32 for t in (u, delta, A, B, C, D))
    step = delta if delta_bias is None else delta + delta_bias[:, None]
    step = torch.nn.functional.softplus(step) if delta_softplus else step
    wide = A.shape[0] // B.shape[1]
    B, C = (tensor.repeat_interleave(wide, 1) for tensor in (B, C))
    state, out = torch.zeros(len(u), *A.shape), []
    for dt, x, b, c in zip(step.unbind(-1), (step * u).unbind(-1), B.unbind(-1), C.unbind(-1)):
        state = torch.exp(dt[..., None] * A) * state + x[..., None] * b
        out.append((state * c).sum(-1))
    return torch.stack(out, -1) + D[:, None] * u


all_subjects = pytest.mark.parametrize("subject", SUBJECTS, indirect=True, ids=" on ".join)


def assert_agrees(found, right):
    value, gradients = found
    assert value.dtype == torch.float32
    assert oracles.relative_error(value, right[0]) < 1e-5
    for name, gradient, wanted in zip(scan_cases.NAMES, gradients, right[1]):
        assert torch.isfinite(gradient).all(), name
        assert oracles.relative_error(gradient, wanted) < 1e-4, name


def test_reference_is_the_recurrence():
    inputs, order = scan_cases.arguments(batch=2, length=11), scan_cases.random_order(11)
    u, dt, A, B, C, D, bias = (argument.numpy() for argument in inputs)
    step = np.logaddexp(0, dt + bias[:, None])
    right = np.zeros(u.shape)
    for b in range(len(u)):
        for k, path in enumerate(order.numpy()):
            right[b, path] += oracles.scan_sequence(u[b, path], step[b, k, path], A[k], B[b, k, path], C[b, k, path],
                                                    D[k])
    found = selective_scan(*inputs[:6], order, dt_bias=inputs[6], softplus=True, backend="reference")
    assert oracles.relative_error(found, right) < 1e-12
    plain = selective_scan(inputs[0], torch.from_numpy(step), *inputs[2:6], order, backend="reference")
    assert oracles.relative_error(plain, right) < 1e-12


@pytest.mark.parametrize("batch, length, channels, states, spread", [
    (1, 37, 6, 4, 1.0), (3, 37, 6, 4, 1.0), (1, 1, 6, 4, 1.0), (3, 64, 70, 3, 1.0), (1, 77, 64, 16, 2.0),
    (3, 77, 65, 8, 2.0), (1, 301, 130, 1, 2.0), (1, 50, 6, 4, 30.0),
])
@all_subjects
def test_agrees_with_the_reference(subject, batch, length, channels, states, spread):
    inputs = scan_cases.arguments(batch, length, channels, states, spread=spread)
    order = scan_cases.random_order(length)
    assert_agrees(scan_cases.value_and_gradients(inputs, order, subject[0], torch.float32, subject[1]),
                  scan_cases.expected(inputs, order))


@cache
def stage_case(length):
    """A decoder stage of the paper at its real size, and the right answer; large steps as softplus(2 randn)."""
    inputs = scan_cases.arguments(1, length, CHANNELS[length], states=16, paths=8, spread=2.0)
    order = scan_cases.hilbert_order(int(length ** 0.5))
    return inputs, order, scan_cases.expected(inputs, order)


@pytest.mark.parametrize("length", CHANNELS)
@pytest.mark.parametrize("subject", SUBJECTS[:-1], indirect=True, ids=" on ".join)  # an imitation has no real size
def test_agrees_at_the_sizes_of_the_paper(subject, length):
    inputs, order, right = stage_case(length)
    assert_agrees(scan_cases.value_and_gradients(inputs, order, subject[0], torch.float32, subject[1]), right)


@cache
def small_case():
    inputs, order = scan_cases.arguments(1, 64, 10, states=4, paths=8), scan_cases.hilbert_order(8)
    return inputs, order, scan_cases.expected(inputs, order)


@pytest.mark.parametrize("fault", ["nothing", "raster order", "no flip", "swapped directions", "no scan", "no memory"])
@all_subjects
def test_the_comparison_sees_a_wrong_scan(subject, fault):
    inputs, order, (right, _) = small_case()
    u, dt, A, B, C, D, bias = inputs
    if fault == "raster order":
        order = torch.stack([torch.arange(64), torch.arange(64).flip(0)] * 4)
    elif fault == "no flip":
        order = torch.cat([order[:4], order[:4]])
    elif fault == "swapped directions":
        order = order[[0, 1, 3, 2, 4, 5, 7, 6]]
    elif fault == "no scan":
        B = 0 * B
    elif fault == "no memory":
        A = A - 1e3
    value, _ = scan_cases.value_and_gradients((u, dt, A, B, C, D, bias), order, subject[0], torch.float32, subject[1])
    assert (oracles.relative_error(value, right) > 0.1) == (fault != "nothing")


@all_subjects
def test_without_bias_and_softplus_and_with_strided_arguments(subject):
    name, device = subject
    inputs, order = scan_cases.arguments(batch=2), scan_cases.random_order(37)
    dt = inputs[1].abs()
    right = selective_scan(inputs[0], dt, *inputs[2:6], order, backend="reference")
    single = [tensor.to(device, torch.float32) for tensor in (inputs[0], dt, *inputs[2:6])]
    # As `SS2D` passes them: slices of one projection of the tokens.
    packed = torch.cat([single[1], single[3], single[4]], dim=-1).transpose(1, 2).contiguous().transpose(1, 2)
    single[1], single[3], single[4] = packed.split([dt.shape[-1], 4, 4], dim=-1)
    assert not single[3].is_contiguous()
    with torch.inference_mode():
        found = selective_scan(*single, order.to(device), backend=name)
    assert oracles.relative_error(found.cpu(), right) < 1e-5


@all_subjects
def test_precision_is_float32_under_autocast(subject):
    name, device = subject
    inputs = [tensor.to(device, torch.float32) for tensor in scan_cases.arguments()]
    order = scan_cases.random_order(37).to(device)

    def scan(tensors):
        return selective_scan(*tensors[:6], order, dt_bias=tensors[6], softplus=True, backend=name)

    right = scan(inputs)
    with torch.autocast(device, dtype=torch.bfloat16):
        assert torch.equal(scan(inputs), right)
        assert scan([tensor.bfloat16() for tensor in inputs]).dtype == torch.float32


@all_subjects
def test_the_same_input_gives_the_same_bits(subject):
    inputs, order = scan_cases.arguments(batch=2, length=64, channels=130), scan_cases.random_order(64)
    first, second = (scan_cases.value_and_gradients(inputs, order, subject[0], torch.float32, subject[1])
                     for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert all(torch.equal(*pair) for pair in zip(first[1], second[1]))


@all_subjects
def test_states_are_not_kept_for_the_backward_pass(subject):
    name, device = subject
    if name.startswith("mamba_ssm"):
        pytest.skip("its memory is the package's")
    inputs, order = scan_cases.arguments(length=512, channels=32, states=16), scan_cases.random_order(512).to(device)
    u, dt, A, B, C, D, bias = (tensor.to(device, torch.float32) for tensor in inputs)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        selective_scan(u.requires_grad_(), dt, A, B, C, D, order, dt_bias=bias, softplus=True, backend=name)
    every_state = order.numel() * 32 * 16
    assert len(saved) >= 7
    assert max(tensor.numel() for tensor in saved) < every_state / 10


@pytest.mark.parametrize("strategy", [chunked.STEPWISE, chunked.BLOCKED], ids=["stepwise", "blocked"])
@pytest.mark.parametrize("elements", [1, 1000, 10 ** 9])
def test_the_result_does_not_depend_on_the_chunks(monkeypatch, elements, strategy):
    inputs, order = scan_cases.arguments(batch=2, length=41), scan_cases.random_order(41)
    right = scan_cases.value_and_gradients(inputs, order, "torch", torch.float64)
    changed = strategy._replace(elements=elements, longest=10 ** 9)
    monkeypatch.setattr(chunked, "strategy_for", lambda device: changed)
    value, gradients = scan_cases.value_and_gradients(inputs, order, "torch", torch.float64)
    assert oracles.relative_error(value, right[0]) < 1e-12
    for gradient, wanted in zip(gradients, right[1]):
        assert oracles.relative_error(gradient, wanted) < 1e-12


@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_gradcheck(backend):
    inputs = scan_cases.arguments(batch=2, length=5, channels=2, states=3, paths=2)
    order = scan_cases.random_order(5, paths=2)
    leaves = tuple(tensor.requires_grad_() for tensor in inputs)
    assert torch.autograd.gradcheck(
        lambda *a: selective_scan(*a[:6], order, dt_bias=a[6], softplus=True, backend=backend), leaves)


def test_bad_shapes_are_refused():
    u, dt, A, B, C, D, bias = scan_cases.arguments()
    order = scan_cases.random_order(37)
    with pytest.raises(ValueError, match="dt has shape"):
        selective_scan(u, dt[:, :1], A, B, C, D, order)
    with pytest.raises(ValueError, match="dt_bias has shape"):
        selective_scan(u, dt, A, B, C, D, order, dt_bias=bias[:1])
