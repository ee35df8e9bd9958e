"""Seconds, bytes, and the facts about a machine without which neither means anything."""
from __future__ import annotations

import contextlib
import ctypes
import datetime
import importlib.metadata
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import torch

from .. import __version__

ENOUGH = float(os.environ.get("SPMAMBA_BENCH_SECONDS", "1"))  # s after which a function is not repeated further
LEAST, MOST = 3 if ENOUGH else 1, 50  # repetitions
SLOW = 5.0  # s of a call that is timed once


def seconds(function: Callable[..., Any], device: torch.device, *arguments: Any) -> float:
    """Median time of ``function(*arguments)`` after one call to warm up."""
    least = LEAST if _time(function, device, *arguments) < SLOW else 1
    times: List[float] = []
    while len(times) < least or (sum(times) < ENOUGH and len(times) < MOST):
        times.append(_time(function, device, *arguments))
    return statistics.median(times)


def seconds_in_turn(device: torch.device, *functions: Callable[[], Any]) -> List[float]:
    """Median time of each of several functions, called in turn, so that a machine's moods meet them all alike."""
    for function in functions:
        function()
    rounds: List[List[float]] = []
    while len(rounds) < LEAST or (sum(map(sum, rounds)) < len(functions) * ENOUGH and len(rounds) < MOST):
        rounds.append([_time(function, device) for function in functions])
    return [statistics.median(times) for times in zip(*rounds)]


def _time(function: Callable[..., Any], device: torch.device, *arguments: Any) -> float:
    synchronise(device)
    start = time.perf_counter()
    function(*arguments)
    synchronise(device)
    return time.perf_counter() - start


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_bytes(function: Callable[..., Any], device: torch.device, *arguments: Any) -> Optional[int]:
    """Most memory in use during a call, beyond what was in use before it; None where the system does not tell.

    On a CPU it is the process's resident memory (Linux), which counts what the libraries keep for later, too.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function(*arguments)
        return torch.cuda.max_memory_allocated(device) - before
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # give back what earlier calls have freed
    try:
        Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
        before = _resident("VmRSS")
        function(*arguments)
        return _resident("VmHWM") - before
    except OSError:
        return None


def _resident(field: str) -> int:
    """A memory field of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError("no {} in /proc/self/status".format(field))


def mebibytes(count: Optional[int]) -> Optional[float]:
    return None if count is None else round(count / 2 ** 20, 1)


def machine(device: torch.device) -> Dict[str, Any]:
    """What ran: device, processor, threads, versions, date."""
    facts: Dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "spmamba": __version__,
        "torch": torch.__version__,
    }
    for package in ("numba", "triton", "mamba-ssm"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            facts[package] = importlib.metadata.version(package)
    return facts


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
