"""The backends of the selective scan: registered by name, tried by a small real call, chosen by device.

A backend is a module of this package with a function ``scan`` of the signature of `reference.scan`.  Nothing outside of
this package asks which one runs; what a result records is the name that `default_backend` gives.
"""
from __future__ import annotations

import contextlib
import importlib
import logging
import os
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Callable, Dict, Iterator, Optional, Set, Tuple, Union

import torch
from torch import Tensor

from ..errors import DeviceError, UsageError
from . import reference

log = logging.getLogger(__name__)

VARIABLE = "SPMAMBA_SCAN"
"""Environment variable that names the backend to use."""

TOLERANCE = 1e-4
"""Of the largest value: how far results and gradients of a usable backend may lie from the float64 reference."""

Scan = Callable[..., Tensor]


@dataclass(frozen=True)
class Backend:
    """One way to compute the scan.

    Attributes:
        module: of this package, imported when it is first tried.
        devices: types of torch devices that it can run on; empty: all.
        doubles: whether it computes in float64 too.
        advice: how to get it.
    """

    module: str
    devices: Tuple[str, ...] = ()
    doubles: bool = False
    advice: str = ""

    def runs_on(self, device: torch.device) -> bool:
        return not self.devices or device.type in self.devices


BACKENDS: Dict[str, Backend] = {
    "triton": Backend("triton_fused", ("cuda",), advice="pip install triton, on Windows triton-windows"),
    "mamba_ssm": Backend("mamba_package", ("cuda",), advice="pip install mamba-ssm, Linux only"),
    "numba": Backend("numba_cpu", ("cpu",), advice="pip install 'spmamba[cpu]'"),
    "torch": Backend("chunked", doubles=True),
    "reference": Backend("reference", doubles=True),
}
"""All backends, the fastest of a device first."""

_forced: ContextVar[Optional[str]] = ContextVar("spmamba_scan_backend", default=None)
_told: Set[str] = set()


def backends_for(device: Union[str, torch.device]) -> Tuple[str, ...]:
    """Names of all backends made for a type of device, fastest first, whether they work here or not."""
    device = torch.device(device)
    return tuple(name for name, backend in BACKENDS.items() if backend.runs_on(device))


def available_backends(device: Union[str, torch.device] = "cpu") -> Tuple[str, ...]:
    """Names of the backends that work on a device of this machine, fastest first."""
    return tuple(name for name in backends_for(device) if not trouble(name, device))


def default_backend(device: Union[str, torch.device] = "cpu") -> str:
    """The backend that `selective_scan` takes on a device: the one asked for, or else the fastest that works.

    Asked for by `using`, or else by the environment variable ``SPMAMBA_SCAN``.  A choice that is not the fastest made
    for the device is logged as a warning, once.

    Raises:
        UsageError: the name asked for is unknown.
        DeviceError: the backend asked for does not work on the device.
    """
    wanted = _forced.get() or os.environ.get(VARIABLE)
    if wanted:
        return require(wanted, device)
    better: Dict[str, str] = {}
    for name in backends_for(device):
        reason = trouble(name, device)
        if not reason:
            _tell_slow(name, better, torch.device(device).type)
            return name
        better[name] = reason
    raise DeviceError("No scan backend works on {}.".format(device), str(better))


def require(name: str, device: Union[str, torch.device]) -> str:
    """`name`, if that backend exists and works on the device; raises as `default_backend`."""
    if name not in BACKENDS:
        raise UsageError("Unknown scan backend {!r}; use one of: {}.".format(name, ", ".join(BACKENDS)))
    if not BACKENDS[name].runs_on(torch.device(device)):
        raise DeviceError("The scan backend {} does not run on {}; use one of: {}.".format(
            name, device, ", ".join(backends_for(device))))
    reason = trouble(name, device)
    if reason:
        raise DeviceError("The scan backend {} does not work here: {}".format(name, reason))
    return name


@contextlib.contextmanager
def using(name: Optional[str]) -> Iterator[None]:
    """Within this context `selective_scan` takes the backend `name`; None changes nothing."""
    token = _forced.set(name or _forced.get())
    try:
        yield
    finally:
        _forced.reset(token)


def implementation(name: str) -> Scan:
    """The function of a backend; imports its module."""
    function: Scan = importlib.import_module("." + BACKENDS[name].module, __package__).scan
    return function


def trouble(name: str, device: Union[str, torch.device]) -> str:
    """Why a backend cannot be used on a device, or nothing: tried once by a small scan, forward and backward."""
    return _trouble(name, str(torch.device(device)))


@cache
def _trouble(name: str, device: str) -> str:
    if name == "reference":
        return ""
    try:
        function = implementation(name)
        with torch.inference_mode(False), torch.enable_grad():
            inputs, order = probe_inputs()
            expected = _value_and_gradients(reference.scan, inputs, order)
            on_device = tuple(tensor.to(device, torch.float32) for tensor in inputs)
            found = _value_and_gradients(function, on_device, order.to(device))
    except ModuleNotFoundError as error:
        return "{} is not installed ({})".format(error.name, BACKENDS[name].advice)
    except Exception as error:  # compilers and drivers fail in many ways
        return " ".join("{}: {}".format(type(error).__name__, error).split())[:300]
    for value, right in zip(found, expected):
        difference = float((value.cpu().double() - right).abs().max() / right.abs().max())
        if not difference <= TOLERANCE:
            return "its result differs from the reference by {:.0e}".format(difference)
    return ""


def probe_inputs() -> Tuple[Tuple[Tensor, ...], Tensor]:
    """A small scan that reaches every part of a backend: arguments in float64, and the order."""
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    paths, length, channels, states = 2, 37, 8, 4
    order = torch.stack([torch.randperm(length, generator=generator) for _ in range(paths)])
    inputs = (random(1, length, channels), random(1, paths, length, channels), -random(paths, channels, states).exp(),
              random(1, paths, length, states), random(1, paths, length, states), random(paths, channels),
              random(paths, channels))
    return inputs, order


def _value_and_gradients(function: Scan, inputs: Tuple[Tensor, ...], order: Tensor) -> Tuple[Tensor, ...]:
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    u, dt, A, B, C, D, bias = leaves
    value = function(u, dt, A, B, C, D, order, bias, True)
    return (value.detach(), *torch.autograd.grad(value.square().sum(), leaves))


def _tell_slow(name: str, better: Dict[str, str], device: str) -> None:
    if better and device not in _told:
        _told.add(device)
        log.warning("The selective scan runs by %r on %s; faster would be %s.", name, device,
                    "; ".join("{}, but {}".format(*item) for item in better.items()))
