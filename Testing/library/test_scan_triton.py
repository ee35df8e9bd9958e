"""The Triton kernel against the definition: on the CUDA device where there is one, else in Triton's interpreter.

Without a device the last test still takes the kernels through the whole compiler, down to machine code.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import oracles
import pytest
import torch
import torch.nn.functional as F

from SPMambaLib.scan import reference

ROOT = Path(__file__).resolve().parents[2]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
NAMES = ("u", "dt", "A", "B", "C", "D", "dt_bias")


def load_kernels():
    """The module, its kernels compiled or interpreted as suits the device: decided as Triton is first imported."""
    if DEVICE == "cpu":
        if "triton" in sys.modules and os.environ.get("TRITON_INTERPRET") != "1":
            pytest.skip("something imported triton before, without its interpreter", allow_module_level=True)
        os.environ["TRITON_INTERPRET"] = "1"
    pytest.importorskip("triton", reason="triton is not installed (it exists for Linux and Windows)")
    try:
        from SPMambaLib.scan import triton_fused
    except ImportError as error:
        pytest.skip(str(error), allow_module_level=True)
    return triton_fused


triton_fused = load_kernels()


def problem(batch=1, length=37, channels=6, states=4, paths=2, seed=0):
    """Arguments in float64 along random paths, and the paths; dt is raw."""
    torch.manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=torch.float64)

    arguments = (
        randn(batch, length, channels),
        2 * randn(batch, paths, length, channels),
        -torch.exp(randn(paths, channels, states)),
        randn(batch, paths, length, states),
        randn(batch, paths, length, states),
        randn(paths, channels),
        randn(paths, channels),
    )
    order = torch.stack([torch.randperm(length) for _ in range(paths)])
    return arguments, order


def expected_scan(arguments, order, softplus=True):
    u, dt, A, B, C, D, dt_bias = arguments
    step = dt if dt_bias is None else dt + dt_bias[:, None, :]
    return reference.scan(u, F.softplus(step) if softplus else step, A, B, C, D, order)


def kernel_scan(arguments, order, softplus=True):
    leaves = [None if x is None else x.to(DEVICE) for x in arguments]
    return triton_fused.scan(*leaves[:6], order.to(DEVICE), dt_bias=leaves[6], softplus=softplus).cpu()


def gradients(function, arguments, order, softplus, dtype):
    """Result and gradients of a weighted sum of it, so that no row's gradient is trivial."""
    leaves = [None if x is None else x.to(dtype, copy=True).requires_grad_() for x in arguments]
    result = function(leaves, order, softplus)
    weight = torch.sin(torch.arange(result.numel(), dtype=dtype)).view_as(result)
    return result, torch.autograd.grad((result * weight).sum(), [x for x in leaves if x is not None])


def check(arguments, order, softplus=True):
    expected, wanted = gradients(expected_scan, arguments, order, softplus, torch.float64)
    result, found = gradients(kernel_scan, arguments, order, softplus, torch.float32)
    assert result.dtype == torch.float32
    assert oracles.relative_error(result, expected) < 1e-5
    for name, gradient, want in zip(NAMES, found, wanted):
        assert torch.isfinite(gradient).all(), name
        assert oracles.relative_error(gradient, want) < 1e-4, name
    with torch.no_grad():
        assert torch.equal(kernel_scan([None if x is None else x.float() for x in arguments], order, softplus), result)


@pytest.mark.parametrize("batch, length, channels, states", [
    (1, 37, 20, 16),    # neither whole chunks nor whole blocks
    (3, 19, 6, 3),      # a state that is padded
    (1, 32, 40, 8),     # whole chunks, two blocks
    (3, 1, 5, 4),
])
def test_forward_and_gradients_match_the_reference(batch, length, channels, states):
    check(*problem(batch, length, channels, states))


def test_step_sizes_as_they_are():
    (u, dt, A, B, C, D, dt_bias), order = problem(length=21)
    check((u, F.softplus(dt), A, B, C, D, None), order, softplus=False)
    check((u, F.softplus(dt), A, B, C, D, F.softplus(dt_bias)), order, softplus=False)


def test_softplus_without_bias():
    arguments, order = problem(length=21)
    check((*arguments[:6], None), order)


def test_large_steps():
    (u, dt, A, B, C, D, _), order = problem(length=20, states=8)
    check((u, 30 * F.softplus(dt), A, B, C, D, None), order, softplus=False)
    check((u, 30 * dt, A, B, C, D, None), order)


def test_slices_and_transposed_tensors():
    batch, length, channels, paths, states, rank = 2, 21, 6, 2, 8, 3
    (u, dt, A, _, _, D, dt_bias), order = problem(batch, length, channels, states)
    projected = torch.randn(batch, length, paths, rank + 2 * states, dtype=torch.float64).transpose(1, 2)
    _, B, C = projected.split([rank, states, states], dim=-1)
    u = u.transpose(1, 2).contiguous().transpose(1, 2)
    arguments = (u, dt.transpose(1, 2).contiguous().transpose(1, 2), A, B, C, D, dt_bias)
    wanted, wanted_gradients = gradients(expected_scan, arguments, order, True, torch.float64)
    # `copy=True` in `gradients` would make them contiguous.
    leaves = [x.float().requires_grad_() for x in (u, dt, A, projected, D, dt_bias)]
    strange = leaves[1].transpose(1, 2).contiguous().transpose(1, 2)
    B, C = leaves[3].transpose(1, 2).contiguous().transpose(1, 2).split([rank, states, states], dim=-1)[1:]
    assert not any(x.is_contiguous() for x in (strange, B, C))
    result = kernel_scan((leaves[0], strange, leaves[2], B, C, *leaves[4:]), order)
    assert oracles.relative_error(result, wanted) < 1e-5
    weight = torch.sin(torch.arange(result.numel(), dtype=torch.float32)).view_as(result)
    found = torch.autograd.grad((result * weight).sum(), leaves)
    found_B, found_C = found[3].split([rank, states, states], dim=-1)[1:]
    for name, gradient, want in zip(NAMES, (*found[:3], found_B, found_C, *found[4:]), wanted_gradients):
        assert oracles.relative_error(gradient, want) < 1e-4, name


def test_transposed_B_and_C_are_copied():
    """Rows that are not contiguous."""
    (u, dt, A, B, C, D, dt_bias), order = problem(length=18)
    expected = expected_scan((u, dt, A, B, C, D, dt_bias), order)
    B, C, dt = (x.mT.contiguous().mT.float() for x in (B, C, dt))
    rest = [x.float() for x in (u, A, D, dt_bias)]
    assert B.stride(-1) != 1
    result = kernel_scan((rest[0], dt, rest[1], B, C, *rest[2:]), order)
    assert oracles.relative_error(result, expected) < 1e-5


def test_orders_of_32_bits():
    arguments, order = problem(length=18)
    single = [x.float() for x in arguments]
    assert torch.equal(kernel_scan(single, order.int()), kernel_scan(single, order))


def test_the_comparison_sees_wrong_scans():
    arguments, order = problem(length=16, paths=4)
    order = torch.cat([order[:2], order[:2].flip(1)])
    expected = expected_scan(arguments, order)
    single = [x.float() for x in arguments]
    assert oracles.relative_error(kernel_scan(single, order), expected) < 1e-5
    no_input = [*single[:3], 0 * single[3], *single[4:]]
    wrong = {
        "other order": (single, order.roll(7, 1)),
        "no flip": (single, torch.cat([order[:2], order[:2]])),
        "swapped directions": (single, order[[1, 0, 3, 2]]),
        "no scan": (no_input, order),
    }
    for what, (changed, path) in wrong.items():
        assert oracles.relative_error(kernel_scan(changed, path), expected) > 0.1, what


def test_the_cut_does_not_matter(monkeypatch):
    arguments, order = problem(length=19)
    result, found = gradients(kernel_scan, arguments, order, True, torch.float32)
    monkeypatch.setattr(triton_fused, "launch", lambda states: triton_fused.Launch(4, 4, 2, 1))
    again, found_again = gradients(kernel_scan, arguments, order, True, torch.float32)
    for first, second in zip((result, *found), (again, *found_again)):
        assert oracles.relative_error(second, first) < 1e-6


def test_the_same_input_gives_the_same_bits():
    arguments, order = problem(length=19)
    result, found = gradients(kernel_scan, arguments, order, True, torch.float32)
    again, found_again = gradients(kernel_scan, arguments, order, True, torch.float32)
    for first, second in zip((result, *found), (again, *found_again)):
        assert torch.equal(first, second)


def test_only_the_states_at_chunk_borders_are_kept():
    arguments, order = problem(length=32, channels=32, states=16)
    leaves = [x.float().to(DEVICE).requires_grad_() for x in arguments]
    result = triton_fused.scan(*leaves[:6], order.to(DEVICE), leaves[6], True)
    saved = [x for x in result.grad_fn.saved_tensors if x is not None]
    assert len(saved) == len(NAMES) + 2
    assert max(x.numel() for x in saved) == leaves[1].numel()
    leaves = [x.detach() for x in leaves]
    assert triton_fused._scan(*leaves[:6], order.to(DEVICE), leaves[6], True, keep_borders=False)[1] is None


def test_gradients_that_are_not_needed_are_none():
    arguments, order = problem(length=5)
    leaves = [x.float() for x in arguments]
    leaves[1].requires_grad_()
    kernel_scan(leaves, order).sum().backward()
    assert [x.grad is not None for x in leaves] == [name == "dt" for name in NAMES]


def test_softplus_is_accurate_far_below_zero():
    """A decay near 1 is what a long memory is made of; log(1 + exp(x)) is 0 from -17 on."""
    x = torch.linspace(-60, 30, 181)
    B = C = torch.ones(1, 1, 1, 1)
    one = torch.ones(1, 1, 181)
    step = kernel_scan((one, x.view(1, 1, 1, -1), -torch.ones(1, 181, 1), B, C, torch.zeros(1, 181), None),
                       torch.zeros(1, 1, dtype=torch.int64)).flatten()
    assert ((step - F.softplus(x.double())) / F.softplus(x.double())).abs().max() < 1e-5
    middle = x.abs() < 20
    assert ((step / F.softplus(x.double()) - 1).abs()[middle]).max() < 2e-6


COMPILE = '''
import json, os, re, subprocess, sys
import torch, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from SPMambaLib.scan import triton_fused

class Recorder:
    """Stands for a kernel and notes what it is launched with, as Triton's launcher would see it."""
    def __init__(self, kernel):
        self.kernel, self.launches = kernel, {}
    def __getitem__(self, grid):
        return self.launch
    def launch(self, *arguments, num_warps, **constants):
        names = self.kernel.arg_names
        constants = dict(constants)
        signature, aligned = {}, []
        for index, (name, value) in enumerate(zip(names, arguments)):
            if isinstance(value, torch.Tensor):
                signature[name] = {torch.float32: "*fp32", torch.int64: "*i64"}[value.dtype]
                divisible = value.storage_offset() * value.element_size() % 16 == 0
            else:
                signature[name] = "i32"
                divisible = value % 16 == 0
                if value == 1:
                    constants[name] = 1
            if divisible and name not in constants:
                aligned.append(index)
        signature.update({name: "constexpr" for name in constants})
        signature = {name: signature[name] for name in names}
        # Launches that differ in the alignment of pointers alone count as one.
        key = json.dumps([constants, num_warps], sort_keys=True)
        self.launches.setdefault(key, (signature, constants, aligned, num_warps))

forward = triton_fused._forward_kernel = Recorder(triton_fused._forward_kernel)
backward = triton_fused._backward_kernel = Recorder(triton_fused._backward_kernel)
for channels, side, states in json.loads(sys.argv[1]):
    length, paths, rank = side * side, 8, -(-channels // 32)
    def empty(*shape):
        return torch.empty(*shape, device="meta", requires_grad=True)
    projected = empty(1, length, paths, rank + 2 * states).transpose(1, 2)
    _, B, C = projected.split([rank, states, states], dim=-1)
    arguments = (empty(1, length, channels), empty(1, paths, length, channels), empty(paths, channels, states), B, C,
                 empty(paths, channels), torch.empty(paths, length, dtype=torch.int64, device="meta"),
                 empty(paths, channels), True)
    if states == 16:
        with torch.no_grad():
            triton_fused.scan(*arguments)
    triton_fused.scan(*arguments).sum().backward()

tools = os.path.join(os.path.dirname(triton.__file__), "backends", "nvidia", "bin")
for kernel in (forward, backward):
    for signature, constants, aligned, warps in kernel.launches.values():
        for capability in (80, 90):
            attributes = {(index,): [["tt.divisibility", 16]] for index in aligned}
            source = ASTSource(kernel.kernel, signature, constants, attributes)
            compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": warps})
            with open("kernel.cubin", "wb") as file:
                file.write(compiled.asm["cubin"])
            usage = subprocess.run([os.path.join(tools, "cuobjdump"), "-res-usage", "kernel.cubin"],
                                   stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
            registers, stack = re.search("REG:([0-9]+) STACK:([0-9]+)", usage).groups()
            print(json.dumps(dict(
                name=kernel.kernel.__name__, capability=capability, steps=constants["T"], states=constants["N"],
                registers=int(registers), stack=int(stack), memory=compiled.metadata.shared,
                shuffles=compiled.asm["ptx"].count("shfl.sync"), barriers=compiled.asm["ptx"].count("bar.sync"))))
'''
STAGES = [(128, 64, 16), (256, 32, 16), (512, 16, 16), (1024, 8, 16), (64, 64, 8), (96, 32, 8), (128, 16, 8)]
"""Channels, side and state size of the networks' scans."""


def test_the_kernels_compile_to_machine_code(tmp_path):
    """Hardly a register spills, and the recurrence stays inside the threads: no step takes shuffles or barriers.

    Were the tile dealt out differently, every step would exchange rows: thousands of shuffles.
    """
    triton = pytest.importorskip("triton")
    if tuple(int(part) for part in triton.__version__.split(".")[:2]) < (3, 3):
        pytest.skip("triton {} compiles through another interface".format(triton.__version__))
    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    if not (tools / "ptxas").exists() or not (tools / "cuobjdump").exists():
        pytest.skip("this triton brings no ptxas and cuobjdump")
    environment = dict(os.environ, PYTHONPATH=str(ROOT), TRITON_CACHE_DIR=str(tmp_path / "cache"))
    environment.pop("TRITON_INTERPRET", None)
    done = subprocess.run([sys.executable, "-c", COMPILE, json.dumps(STAGES)], cwd=tmp_path, env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    kernels = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(k["name"], k["capability"], k["states"]) for k in kernels} == {
        (name, capability, states) for name in ("_forward_kernel", "_backward_kernel")
        for capability in (80, 90) for states in (8, 16)}
    for kernel in kernels:
        print(kernel)
        assert kernel["stack"] <= 64, kernel
        assert kernel["memory"] <= 16 * 1024, kernel
        assert kernel["shuffles"] < 30 * kernel["steps"], kernel
        assert kernel["barriers"] < 5 * kernel["steps"], kernel
