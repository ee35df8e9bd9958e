from __future__ import annotations

import numpy as np
import oracles
import pytest
import torch

from SPMambaLib.scan import available_backends, chunked, default_backend, selective_scan

BACKENDS = [name for name in available_backends() if name != "reference"]
NAMES = ("u", "dt", "A", "B", "C", "D")


def problem(batch=1, length=37, channels=6, states=4, paths=3, step=0.3, seed=0, dtype=torch.float64):
    """Arguments of a scan along random paths; `step` is the mean step size."""
    torch.manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=dtype)

    arguments = (
        randn(batch, length, channels),
        step * torch.nn.functional.softplus(2 * randn(batch, paths, length, channels)),
        -torch.exp(randn(paths, channels, states)),
        randn(batch, paths, length, states),
        randn(batch, paths, length, states),
        randn(paths, channels),
    )
    order = torch.stack([torch.randperm(length) for _ in range(paths)])
    return arguments, order


def gradients(arguments, order, backend, dtype):
    """Result and gradients of a weighted sum of it, so that no row's gradient is trivial."""
    leaves = [argument.to(dtype, copy=True).requires_grad_() for argument in arguments]
    result = selective_scan(*leaves, order, backend=backend)
    weight = torch.sin(torch.arange(result.numel(), dtype=dtype)).view_as(result)
    return result, torch.autograd.grad((result * weight).sum(), leaves)


def test_reference_is_the_recurrence():
    arguments, order = problem(batch=2, length=11)
    u, dt, A, B, C, D = (argument.numpy() for argument in arguments)
    expected = np.zeros(u.shape)
    for b in range(len(u)):
        for k, path in enumerate(order.numpy()):
            expected[b, path] += oracles.scan_sequence(
                u[b, path], dt[b, k, path], A[k], B[b, k, path], C[b, k, path], D[k])
    assert oracles.relative_error(selective_scan(*arguments, order, backend="reference"), expected) < 1e-12


@pytest.mark.parametrize("batch, length, step", [
    (1, 37, 0.3), (3, 37, 0.3), (1, 1, 0.3), (3, 64, 0.3), (1, 77, 0.01), (3, 77, 30.0), (1, 301, 0.3),
])
@pytest.mark.parametrize("backend", BACKENDS)
def test_forward_and_gradients_match_the_reference(backend, batch, length, step):
    arguments, order = problem(batch, length, step=step)
    expected, expected_gradients = gradients(arguments, order, "reference", torch.float64)
    result, found = gradients(arguments, order, backend, torch.float32)
    assert result.dtype == torch.float32
    assert oracles.relative_error(result, expected) < 1e-5
    for name, gradient, wanted in zip(NAMES, found, expected_gradients):
        assert torch.isfinite(gradient).all(), name
        assert oracles.relative_error(gradient, wanted) < 1e-4, name


@pytest.mark.parametrize("elements", [1, 1000, 10 ** 9])
def test_the_result_does_not_depend_on_the_chunks(monkeypatch, elements):
    arguments, order = problem(batch=2, length=41)
    expected, expected_gradients = gradients(arguments, order, "torch-chunked", torch.float64)
    monkeypatch.setattr(chunked, "CHUNK_ELEMENTS", elements)
    monkeypatch.setattr(chunked, "LONGEST_CHUNK", 10 ** 9)
    result, found = gradients(arguments, order, "torch-chunked", torch.float64)
    assert oracles.relative_error(result, expected) < 1e-12
    for gradient, wanted in zip(found, expected_gradients):
        assert oracles.relative_error(gradient, wanted) < 1e-12


@pytest.mark.parametrize("backend", available_backends())
def test_gradcheck(backend):
    arguments, order = problem(batch=2, length=5, channels=2, states=3, paths=2)
    leaves = tuple(argument.requires_grad_() for argument in arguments)
    assert torch.autograd.gradcheck(lambda *a: selective_scan(*a, order, backend=backend), leaves)


def test_the_comparison_sees_wrong_scans():
    arguments, order = problem(length=64)
    u, dt, A, B, C, D = arguments
    expected = selective_scan(*arguments, order, backend="reference")
    wrong = {
        "other paths": (arguments, order.flip(1)),
        "swapped paths": (arguments, order[[1, 0, 2]]),
        "no memory": ((u, dt, A - 1e3, B, C, D), order),
        "no input": ((u, dt, A, 0 * B, C, D), order),
    }
    for what, (changed, path) in wrong.items():
        assert oracles.relative_error(selective_scan(*changed, path), expected) > 0.1, what


def test_states_are_not_kept_for_the_backward_pass():
    states = 16
    arguments, order = problem(length=512, channels=32, states=states)
    result = selective_scan(arguments[0].requires_grad_(), *arguments[1:], order, backend="torch-chunked")
    every_state = order.numel() * arguments[0].shape[-1] * states
    saved = result.grad_fn.saved_tensors
    assert len(saved) > len(NAMES)
    assert max(tensor.numel() for tensor in saved) < every_state / 10


@pytest.mark.parametrize("backend", available_backends())
def test_precision_is_float32_under_autocast(backend):
    arguments, order = problem(dtype=torch.float32)
    expected = selective_scan(*arguments, order, backend=backend)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = selective_scan(*arguments, order, backend=backend)
        half = selective_scan(*(argument.bfloat16() for argument in arguments), order, backend=backend)
    assert torch.equal(result, expected)
    assert half.dtype == torch.float32


def test_the_default_backend_is_one_of_the_available():
    arguments, order = problem()
    assert default_backend() in available_backends()
    named = selective_scan(*arguments, order, backend=default_backend())
    assert torch.equal(selective_scan(*arguments, order), named)


def test_bad_arguments_are_refused():
    (u, dt, A, B, C, D), order = problem()
    with pytest.raises(ValueError, match="unknown scan backend 'quantum'"):
        selective_scan(u, dt, A, B, C, D, order, backend="quantum")
    with pytest.raises(ValueError, match="dt has shape"):
        selective_scan(u, dt[:, :1], A, B, C, D, order)
