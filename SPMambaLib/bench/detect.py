"""``spmamba bench detect``: what a slice and a volume cost, split by stage of the network.

Baselines, in the same run: the *sequential reference form* of the same network (`sequential_form`), and *the frozen
teacher alone*, the floor below which no such detector gets.
"""
from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor

from .. import bundle
from ..detector import Detector, load_model
from ..io.image import Image
from ..model import ss2d
from ..model.config import PRESETS
from ..model.network import SPMamba
from ..model.teacher import to_teacher_input
from ..preprocessing.prepare import Preprocessing
from ..scoring.calibration import Calibration
from ..scoring.maps import AnomalyScale, ScoringConfig
from ..scoring.slices import score_maps
from .measure import machine, mebibytes, peak_bytes, seconds, seconds_in_turn, synchronise
from .sequential import sequential_form

Progress = Callable[[float, str], None]
COMPONENTS = ("score", "residual", "prototype", "contrast", "concentration")


def untrained_detector(preset: str, device: torch.device, scan: str = "", precision: str = "single") -> Detector:
    """A detector of a preset's size with random weights: it computes what a trained one computes, and means nothing."""
    torch.manual_seed(0)
    network = SPMamba(PRESETS[preset])
    preprocessing = Preprocessing(size=network.config.input_size)
    card: Dict[str, Any] = {
        "name": preset, "title": "untrained, for timing only", "plane": "axial", "modality": [], "contrast": "",
        "preprocessing": preprocessing.to_dict(), "files": {bundle.WEIGHTS: ""},
        "calibration": {"map": Calibration.from_peaks(np.linspace(4.0, 8.0, 100).tolist(), unit="slice").to_dict(),
                        "components": {name: [0.0, 1.0] for name in COMPONENTS}},
    }
    return Detector(card, network.to(device), AnomalyScale(ScoringConfig()), preprocessing, device, scan=scan or None,
                    precision=precision)


def run(device: torch.device, *, model: str = "paper", scan: str = "", precision: str = "single",
        batches: Sequence[int] = (1,), slices: int = 160, sequential: bool = True,
        progress: Progress = lambda fraction, text: None) -> Dict[str, Any]:
    """Measure a preset (random weights) or an installed model; JSON-ready.

    Args:
        batches: slices computed at once.
        slices: of the volume that goes through the whole of `Detector.detect`; 0 leaves it out.
        sequential: whether to time the sequential reference form too (tens of seconds on a CPU).
    """
    if model in PRESETS:
        detector = untrained_detector(model, device, scan, precision)
    else:
        detector = load_model(model, str(device), scan=scan or None, precision=precision)
    size = detector.network.config.input_size
    rows: List[Dict[str, Any]] = []
    for number, batch in enumerate(batches):
        progress(0.5 * number / len(batches), "{} slices at once".format(batch))
        pixels, masks = torch.rand(batch, 1, size, size, device=device), torch.ones(batch, size, size)
        rows.append(_row(detector, pixels, masks, batch, device))
    result = {"benchmark": "detect", "machine": machine(device), "model": detector.name, "input_size": size,
              "backend": detector.backend, "precision": precision,
              "baselines": {"sequential": "sequential reference form of the same network, one slice",
                            "teacher": "the frozen teacher alone"},
              "rows": rows}
    if sequential:
        progress(0.5, "the sequential reference form")
        result.update(_sequential(detector, torch.rand(1, 1, size, size, device=device), device))
        for row in rows:
            row["times_faster"] = round(row["batch"] * result["sequential_ms"] / row["total_ms"], 2)
    if slices:
        progress(0.7, "a volume of {} slices".format(slices))
        start = time.perf_counter()
        detection = detector.detect(head(slices, size), force=True,  # noise is not a head
                                    progress=lambda part, text: progress(0.7 + 0.3 * part, text))
        result["volume"] = {"slices": slices, "seconds": round(time.perf_counter() - start, 2),
                            "analysed": sum(s.analysed for s in detection.slices), "timings": detection.timings}
    return result


def head(slices: int, size: int) -> Image:
    """An ellipsoid of noise in air, sized so that nearly every slice shows some of it; voxels (K, J, I)."""
    k, j, i = np.ogrid[-0.9:0.9:slices * 1j, -1.2:1.2:size * 1j, -1.2:1.2:size * 1j]
    voxels = np.random.default_rng(0).uniform(80.0, 120.0, (slices, size, size)).astype(np.float32)
    return Image(np.where(k * k + j * j + i * i < 1.0, voxels, 0.0).astype(np.float32), np.diag([1.0, 1.0, 1.0, 1.0]))


def whole_slice(detector: Detector, pixels: Tensor, masks: Tensor) -> Tensor:
    """Anomaly maps (B, S, S) as `Detector.detect` computes them from prepared slices."""
    with torch.inference_mode():
        terms = detector.terms(pixels)[0]
        slice_height = None if terms["prototype"].shape[1] == 1 else torch.full((len(pixels),), 0.5)
        return score_maps(detector.scale, terms, slice_height, masks)[0]


@torch.inference_mode()
def teacher_alone(detector: Detector, pixels: Tensor) -> List[Tensor]:
    return detector.network.encode(to_teacher_input(pixels))


def _row(detector: Detector, pixels: Tensor, masks: Tensor, batch: int, device: torch.device) -> Dict[str, Any]:
    teacher, total = seconds_in_turn(device, lambda: teacher_alone(detector, pixels),
                                     lambda: whole_slice(detector, pixels, masks))
    memory = peak_bytes(whole_slice, device, detector, pixels, masks)
    with stage_times(detector.network, device) as stages:
        start = time.perf_counter()
        whole_slice(detector, pixels, masks)
        everything = time.perf_counter() - start
    named = sum(value for name, value in stages.items() if name != "scan")
    stages["maps and the rest"] = everything - named
    return {
        "batch": batch, "total_ms": round(1e3 * total, 2), "slices_per_second": round(batch / total, 3),
        "teacher_ms": round(1e3 * teacher, 2), "teacher_ratio": round(total / teacher, 3),
        "memory_mib": mebibytes(memory),
        "stages_ms": {name: round(1e3 * value, 2) for name, value in stages.items()},
    }


@contextlib.contextmanager
def stage_times(network: SPMamba, device: torch.device) -> Iterator[Dict[str, float]]:
    """Seconds by stage of what is computed within the context; ``scan`` is part of the decoder's stages."""
    times: Dict[str, float] = defaultdict(float)

    def clock() -> float:
        synchronise(device)
        return time.perf_counter()

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            start = clock()
            result = function(*arguments, **options)
            times[name] += clock() - start
            return result
        return call

    decoder = network.decoder
    targets: List[Tuple[Any, str, str]] = [
        (network.teacher, "forward", "teacher"), (network.neck, "forward", "neck"),
        (network.prototypes, "nearest", "prototypes"), (ss2d, "selective_scan", "scan")]
    for index, stage in enumerate(decoder.stages):
        targets.append((stage, "forward", "decoder stage {}".format(index)))
    targets += [(module, "forward", "decoder stage {}".format(index + 1))
                for index, module in enumerate(decoder.upsamplings)]
    originals = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in targets]
    try:
        for owner, attribute, name in targets:
            setattr(owner, attribute, timed(name, getattr(owner, attribute)))
        yield times
    finally:
        for owner, attribute, original in originals:
            if isinstance(owner, torch.nn.Module):
                delattr(owner, attribute)  # the class's own method comes back
            else:
                setattr(owner, attribute, original)


def _sequential(detector: Detector, pixels: Tensor, device: torch.device) -> Dict[str, float]:
    """Milliseconds of one slice by the same network in the authors' layout, scored by the same maps; and how far its
    map lies from ours, as a share of its range."""
    masks = torch.ones(len(pixels), *pixels.shape[2:])
    ours, own = whole_slice(detector, pixels, masks), detector.network
    try:
        detector.network = sequential_form(own)
        time_needed = seconds(whole_slice, device, detector, pixels, masks)
        theirs = whole_slice(detector, pixels, masks)
    finally:
        detector.network = own
    return {"sequential_ms": 1e3 * time_needed,
            "difference": float((ours - theirs).abs().max() / (theirs.max() - theirs.min()))}
