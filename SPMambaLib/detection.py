"""What a detection says: the anomaly map, slices by score, findings, and everything needed to explain them.

Light: numpy and the standard library.  `Detection.to_dict()` is `result.json`; its fields are the contract between the
library, the worker, the command line and the panel.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import numpy as np

if TYPE_CHECKING:
    from .evidence.record import Evidence
    from .input_check.record import InputCheckResult
    from .scoring.scan_verdict import ScanVerdict

RESULT_FORMAT = 1
Vector = Tuple[float, float, float]


@dataclass(frozen=True)
class Finding:
    """One connected region of the anomaly map above the threshold.

    Coordinates are RAS in mm; `extent` is (i_min, i_max, j_min, j_max, k_min, k_max), inclusive voxel indices of the
    analysed volume.  `peak` and `mean` are map values in units of normal spread.  `components` holds the value of each
    score component inside the region: residual and prototype (peaks of those maps, normal-spread units), contrast and
    concentration (see `scoring.components`).
    """

    label: int
    voxels: int
    volume_mm3: float
    extent: Tuple[int, int, int, int, int, int]
    size_mm: Vector
    peak: float
    mean: float
    peak_ras: Vector
    centroid_ras: Vector
    band: int
    false_positive_rate: float
    components: Dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SliceScore:
    """Score of one slice.  `index` counts along `Detection.slice_axis` of the (K, J, I) array; `slice_height` in [0,
    1] is the relative height inside the anatomy (None for single images); `analysed` is False outside the anatomy."""

    index: int
    ras: Vector
    score: float
    peak: float
    analysed: bool = True
    slice_height: Optional[float] = None
    components: Dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Notice:
    """Something the reader should know; `code` is stable, `message` one plain sentence."""

    code: str
    message: str


@dataclass
class Detection:
    """Result of `Detector.detect`.

    Attributes:
        map: float32 (K, J, I) on the native grid of the input; how unusual each voxel is *there*, in units of normal
            spread (0 = as the average normal scan, same scale for every image).
        labels: int16 (K, J, I); voxel value n belongs to finding n, 0 to none.
        severity: uint8 (K, J, I); 0 below the threshold, otherwise 1-based severity band.
        terms: per-voxel float16 maps behind the fused map, by name ("residual", "prototype", ...).
        ijk_to_ras: 4x4, copied from the input.
        calibration: `Calibration.to_dict()` of the model, so that a viewer can move the threshold without the model.
        input_check: whether the scan looks like what the model knows; None for a model that cannot tell.
        evidence: why places were marked, at any operating point.
        scan_verdict: whether the scan is unusual as a whole; None for a model that cannot tell.
        no_scan_verdict: why there is none, one sentence; empty where there is one.
        false_positive_interval: where the true share of normals that are marked lies, 95 %, as the thresholds come from
            so many normals.
    """

    map: np.ndarray
    labels: np.ndarray
    severity: np.ndarray
    terms: Dict[str, np.ndarray]
    ijk_to_ras: np.ndarray
    slice_axis: int
    plane: str
    threshold: float
    false_positive_rate: float
    score: float
    components: Dict[str, float]
    slices: List[SliceScore]
    findings: List[Finding]
    calibration: Dict[str, Any]
    model: Dict[str, Any]
    backend: str
    device: str
    timings: Dict[str, float]
    notices: List[Notice] = field(default_factory=list)
    input_check: Optional[InputCheckResult] = None
    evidence: Optional[Evidence] = None
    scan_verdict: Optional[ScanVerdict] = None
    no_scan_verdict: str = ""
    false_positive_interval: Tuple[float, float] = (0.0, 1.0)

    def to_dict(self) -> Dict[str, Any]:
        """JSON-ready summary (no voxels)."""
        return {
            "format": RESULT_FORMAT,
            "shape": [int(n) for n in self.map.shape],
            "ijk_to_ras": [[float(v) for v in row] for row in self.ijk_to_ras],
            "slice_axis": self.slice_axis,
            "plane": self.plane,
            "threshold": self.threshold,
            "false_positive_rate": self.false_positive_rate,
            "false_positive_interval": list(self.false_positive_interval),
            "unit": "normal spread",
            "score": self.score,
            "components": self.components,
            "slices": [asdict(s) for s in self.slices],
            "findings": [asdict(f) for f in self.findings],
            "terms": list(self.terms),
            "calibration": self.calibration,
            "model": self.model,
            "backend": self.backend,
            "device": self.device,
            "timings": self.timings,
            "notices": [asdict(n) for n in self.notices],
            "input_check": None if self.input_check is None else self.input_check.to_dict(),
            "evidence": None if self.evidence is None else self.evidence.to_dict(),
            "scan_verdict": None if self.scan_verdict is None else self.scan_verdict.to_dict(),
            "no_scan_verdict": self.no_scan_verdict,
        }
