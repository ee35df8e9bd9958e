"""What is particular to the compiled loops: their own exponential and logarithm, and their threads."""
from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracles
import pytest
import scan_cases
import torch

pytest.importorskip("numba", reason="numba is an optional package")

from SPMambaLib.scan import numba_cpu, numba_kernels


@pytest.fixture
def threads():
    """Set torch's number of threads within a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def evaluate(function, x):
    return np.array([function(np.float32(value)) for value in x])


def test_exp2_is_exact_enough_and_never_subnormal():
    x = np.concatenate([np.linspace(-126, 126, 5001), -np.logspace(-8, 2, 500)]).astype(np.float32)
    right = np.exp2(np.maximum(x, -125.5).astype(np.float64))
    assert np.abs(evaluate(numba_kernels.exp2, x) / right - 1).max() < 2.5e-7
    assert evaluate(numba_kernels.exp2, [-1e30, -200.0]).min() > np.finfo(np.float32).tiny


def test_exp2_errs_less_the_nearer_to_one():
    """A slowly decaying state remembers thousands of steps: a bias of its decay would add up over all of them."""
    x = -np.logspace(-6, -2, 200).astype(np.float32)
    error = evaluate(numba_kernels.exp2, x).astype(np.float64) - np.exp2(x.astype(np.float64))
    assert np.abs(error).max() < 6.1e-8  # half a unit of the last place below 1, and a little


@pytest.mark.parametrize("function, right", [
    (numba_kernels.softplus, lambda x: np.logaddexp(0, x)),
    (numba_kernels.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
])
def test_softplus_and_its_slope(function, right):
    x = np.linspace(-60, 60, 4001).astype(np.float32)
    error = np.abs(evaluate(function, x) / right(x.astype(np.float64)) - 1)
    assert error[np.abs(x) < 4].max() < 1e-6
    assert error.max() < 1e-5  # there the rounding of the exponent itself shows


def test_the_number_of_threads_does_not_matter(threads):
    inputs, order = scan_cases.arguments(length=64, channels=70, paths=8), scan_cases.random_order(64, paths=8)
    found = []
    for count in (1, 2, 5, 16):
        threads(count)
        found.append(scan_cases.value_and_gradients(inputs, order, "numba"))
    for value, gradients in found[1:]:
        assert oracles.relative_error(value, found[0][0]) < 1e-6
        assert all(oracles.relative_error(*pair) < 1e-5 for pair in zip(gradients, found[0][1]))


def test_groups_of_paths_cover_all_paths_once(threads):
    for count in (1, 2, 3, 7, 64):
        threads(count)
        for paths in (1, 2, 3, 8):
            for tasks in (1, 2, 9):
                groups = numba_cpu._path_groups(paths, tasks)
                assert [k for first, last in groups for k in range(first, last)] == list(range(paths))
                assert len(groups) == 1 or tasks * len(groups) // 2 < count


def test_may_be_called_from_several_threads_at_once():
    inputs, order = scan_cases.arguments(length=128, channels=130), scan_cases.random_order(128)
    right = scan_cases.value_and_gradients(inputs, order, "numba")
    start = threading.Barrier(4)

    def call(_):
        start.wait()
        return [scan_cases.value_and_gradients(inputs, order, "numba") for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        for results in pool.map(call, range(4)):
            for value, gradients in results:
                assert torch.equal(value, right[0])
                assert all(torch.equal(*pair) for pair in zip(gradients, right[1]))


def test_many_threads_get_work_even_from_one_tile(threads, monkeypatch):
    threads(4)
    seen = []
    original = numba_cpu._run
    monkeypatch.setattr(numba_cpu, "_run", lambda kernel, tasks: (seen.append(len(tasks)), original(kernel, tasks)))
    inputs, order = scan_cases.arguments(paths=8), scan_cases.random_order(37, paths=8)
    scan_cases.value_and_gradients(inputs, order, "numba")
    assert seen == [4, 4]
