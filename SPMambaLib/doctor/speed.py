"""How fast the shipped network is here, for the recommendation: slices per second by batch, precision and backend."""
from __future__ import annotations

import contextlib
import statistics
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import torch
from torch import Tensor

from ..detector import Detector
from ..errors import OutOfMemoryError, typed_error
from ..model import ss2d
from ..scan import trouble
from . import maps

BATCHES = {"cpu": (1, 4), "cuda": (1, 8, 32)}
AS_GOOD = 0.95
"""Share of the best speed at which a smaller batch is preferred."""

NUMBA_RATIO = 4.0
"""How many times faster than by plain torch the scan is by numba, on the two cores of Testing/benchmarks/SPEED.md:
3.9 to 4.9 by size.  For computers on which numba is not installed and cannot be measured."""

ROUNDS = 3


def pixels_for(detector: Detector, batch: int) -> Tensor:
    """Prepared slices (B, 1, S, S) of no meaning."""
    size = detector.network.config.input_size
    return torch.rand(batch, 1, size, size, generator=torch.Generator().manual_seed(0))


def seconds(detector: Detector, batch: int) -> float:
    """Of a batch, median after one to warm up."""
    once(detector, batch)
    return statistics.median(once(detector, batch) for _ in range(ROUNDS))


def run(paths: Sequence[Path], device: str, scan: str, precisions: Sequence[str] = ("single",),
        check: Callable[[], None] = lambda: None) -> List[Dict[str, Any]]:
    """One row for each model, precision and batch that fits into memory: ``model``, ``precision``, ``batch``,
    ``slices_per_second``."""
    rows: List[Dict[str, Any]] = []
    for path in paths:
        for precision in precisions:
            detector = maps.load(path, device, scan, precision)
            for batch in BATCHES[device.split(":")[0]]:
                check()
                try:
                    rate = batch / seconds(detector, batch)
                except (RuntimeError, MemoryError) as error:
                    if not isinstance(typed_error(error), OutOfMemoryError):
                        raise
                    break
                rows.append({"model": detector.name, "precision": precision, "batch": batch,
                             "slices_per_second": round(rate, 2)})
    return rows


def best_batch(rows: Sequence[Dict[str, Any]]) -> Optional[int]:
    """The smallest batch in single precision at which every model is about as fast as it gets; None if none was
    measured, or none fits all."""
    single = [row for row in rows if row["precision"] == "single"]
    best: Dict[str, float] = {}
    for row in single:
        best[row["model"]] = max(best.get(row["model"], 0.0), row["slices_per_second"])
    for batch in sorted({int(row["batch"]) for row in single}):
        fast = {row["model"] for row in single
                if row["batch"] == batch and row["slices_per_second"] >= AS_GOOD * best[row["model"]]}
        if fast == set(best):
            return batch
    return None


def numba(paths: Sequence[Path], have: Optional[bool] = None) -> List[Dict[str, Any]]:
    """What the scan by numba gains on this CPU over plain torch, one row for each model; JSON-ready.

    A row has ``model``, ``installed``, ``scans`` (a model without the term "residual" computes no scan: numba gains
    nothing there) and ``text``; for a model that scans also ``torch_ms`` of a slice, ``scan_ms`` of it in the scan,
    ``numba_ms``, ``measured`` (whether that is measured, or expected by `NUMBA_RATIO`) and ``times_faster``.

    Args:
        have: whether numba works here; None tries it.
    """
    have = not trouble("numba", "cpu") if have is None else have
    return [_gain(path, have) for path in paths]


def _gain(path: Path, have: bool) -> Dict[str, Any]:
    detector = maps.load(path, "cpu", "torch")
    row: Dict[str, Any] = {"model": detector.name, "installed": have, "scans": scans(detector)}
    if not row["scans"]:
        return dict(row, text="{} computes no scan; numba changes nothing".format(detector.name))
    compiled = maps.load(path, "cpu", "numba") if have else None
    slow, fast, shares = [], [], []
    for _ in range(ROUNDS + 1):  # in turn, so that the moods of the computer meet both
        with scan_time() as spent:
            slow.append(once(detector, 1))
        shares.append(min(spent[0] / slow[-1], 1.0))
        fast.append(once(compiled, 1) if compiled else slow[-1] * (1.0 - shares[-1] + shares[-1] / NUMBA_RATIO))
    before, after, share = (statistics.median(values[1:]) for values in (slow, fast, shares))
    text = "{}: a slice takes {:.0f} ms by plain torch and {:.0f} ms by numba here" if have else (
        "{}: a slice takes {:.0f} ms by plain torch here, and about {:.0f} ms are expected with numba")
    return dict(row, torch_ms=round(1e3 * before, 1), scan_ms=round(1e3 * before * share, 1),
                numba_ms=round(1e3 * after, 1), measured=have, times_faster=round(before / after, 2),
                text=text.format(detector.name, 1e3 * before, 1e3 * after))


def scans(detector: Detector) -> bool:
    """Whether the model's score needs the decoder, and so the selective scan."""
    return "residual" in detector.scale.config.terms


def once(detector: Detector, batch: int) -> float:
    """Seconds of a batch; the result has come back to the CPU."""
    pixels = pixels_for(detector, batch)
    start = time.perf_counter()
    detector.terms(pixels)
    return time.perf_counter() - start


@contextlib.contextmanager
def scan_time() -> Iterator[List[float]]:
    """Seconds spent in the selective scan within the context, as the one item of a list."""
    inner, spent = getattr(ss2d, "selective_scan"), [0.0]  # noqa: B009

    def timed(*arguments: Any, **options: Any) -> Tensor:
        start = time.perf_counter()
        result: Tensor = inner(*arguments, **options)
        spent[0] += time.perf_counter() - start
        return result

    setattr(ss2d, "selective_scan", timed)  # noqa: B010
    try:
        yield spent
    finally:
        setattr(ss2d, "selective_scan", inner)  # noqa: B010
