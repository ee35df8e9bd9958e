"""The operating point: from "how many normal scans may show a finding" to a threshold on the anomaly map.

A table of quantiles of the peak map value over held-out *normal* images, never of abnormal ones.  The j-th highest of n
normals is reached by one more normal with probability j / (n + 1): that is its rate (Weibull's plotting position), and
between two of them it is linear.  Light: numpy only.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from ..errors import UsageError
from .reliability import effective_number, rate_interval

Color = Tuple[float, float, float]


@dataclass(frozen=True)
class Band:
    """A severity band of the colored label layer: map values from `threshold` up, reached by `rate` of normals."""

    name: str
    rate: float
    threshold: float
    color: Color


BAND_STYLE: Tuple[Tuple[str, float, Color], ...] = (
    # Okabe-Ito yellow, orange, vermillion darkened: ordered in lightness, distinct for color-blind readers.
    ("unusual", 0.05, (0.94, 0.89, 0.26)),
    ("very unusual", 0.01, (0.90, 0.55, 0.00)),
    ("extreme", 0.0, (0.80, 0.20, 0.05)),
)
EXTENT_SHARE = 0.005  # of the pixels of normal scans
EXTREME_MARGIN = 1.25  # "extreme" starts this factor above the highest value any held-out normal reached


@dataclass(frozen=True)
class Calibration:
    """Quantile table "false-positive rate on normal scans -> threshold".

    Attributes:
        unit: what one normal is: "slice" (volumes are judged slice by slice) or "image".
        normals: number of held-out normals behind the table.
        effective: how many independent ones they are worth (see `reliability`).
        rates, thresholds: the table; rates descend, thresholds ascend.
        bands: severity bands, ascending.
        default_rate: operating point when the user does not choose.
        extent: map value down to which a finding extends around its peak, `EXTENT_SHARE` of the pixels of normals reach
            it; None for models that draw findings at the threshold itself.
        peak_share: of a finding's peak, where it ends at the latest (the 41 % of a hot spot in nuclear medicine): a
            high peak spreads far in a smooth map; 0 for a map that is as sharp as the scan.
        shared_rates, shared_thresholds: operating points at which findings share the rate with the scan verdict (see
            `budget`): a rate is then the share of normals that show either; empty where findings have it alone.

    Example:
        >>> c = Calibration.from_peaks(peaks_of_normals, unit="slice")
        >>> c.threshold(0.05)   # 1 in 20 normal slices shows a finding
    """

    unit: str
    normals: int
    rates: Tuple[float, ...]
    thresholds: Tuple[float, ...]
    bands: Tuple[Band, ...]
    default_rate: float = 0.05
    extent: Optional[float] = None
    peak_share: float = 0.4
    shared_rates: Tuple[float, ...] = ()
    shared_thresholds: Tuple[float, ...] = ()
    effective: int = 0  # 0 in models of earlier versions, which counted each normal and a varied copy of it

    @classmethod
    def from_peaks(cls, peaks: Sequence[float], *, unit: str, default_rate: float = 0.05,
                   extent: Optional[float] = None, patients: Sequence[str] = ()) -> "Calibration":
        """Calibration from the peak map values of held-out normals (at least 20), and the patient of each.

        The table ends at rate 1 / (n + 1): rarer events cannot be read off n normals.
        """
        values = np.sort(np.asarray(peaks, dtype=np.float64))
        n = len(values)
        if n < 20:
            raise UsageError("At least 20 normal images are needed for a calibration; got {}.".format(n))
        grid = np.array([0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001])
        grid = np.append(grid[grid > 1.0 / (n + 1)], 1.0 / (n + 1))
        thresholds = np.maximum.accumulate(np.quantile(values, 1.0 - grid, method="weibull"))
        extreme = max(float(values[-1]) * EXTREME_MARGIN, float(thresholds[-1]))
        bands = []
        for name, rate, color in BAND_STYLE:
            lower = extreme if rate == 0.0 else float(np.interp(-rate, -grid, thresholds))
            bands.append(Band(name, rate, lower, color))
        return cls(unit, n, tuple(grid.tolist()), tuple(thresholds.tolist()), tuple(bands), default_rate, extent,
                   effective=effective_number(np.asarray(peaks, dtype=np.float64), patients) if patients else n)

    @property
    def lowest_rate(self) -> float:
        """The rarest operating point."""
        return (self.shared_rates or self.rates)[-1]

    def shared(self, rates: Sequence[float], thresholds: Sequence[float]) -> "Calibration":
        """The same table with operating points that findings share with the scan verdict, down to the rarest that this
        table knows."""
        lowest = max(self.rates[-1], rates[-1])
        at_lowest = float(np.interp(-np.log(lowest), -np.log(rates), thresholds))
        kept = [(rate, value) for rate, value in zip(rates, thresholds) if rate > lowest * (1 + 1e-9)]
        kept_rates, kept_thresholds = zip(*kept, (lowest, at_lowest))
        return replace(self, shared_rates=kept_rates, shared_thresholds=kept_thresholds)

    def threshold(self, rate: float) -> float:
        """Map value that the peak of a finding reaches at the operating point `rate` (interpolated in log rate, ends
        held): a fraction `rate` of normals reaches it, or, where the rate is shared, this or the scan verdict.

        Raises:
            UsageError: `rate` is not in (0, 1); with the code ``rate-not-known``: it is rarer than the normals
                can tell.
        """
        if self.known(rate) > rate * (1.0 + 1e-6):
            raise UsageError("A false-positive rate of {:g} cannot be told from {} normals; the rarest is {:.4g}, "
                             "1 in {:.0f}.".format(rate, self.normals, self.lowest_rate, 1.0 / self.lowest_rate),
                             code="rate-not-known")
        rates, thresholds = self.shared_rates or self.rates, self.shared_thresholds or self.thresholds
        return float(np.interp(-np.log(rate), -np.log(rates), thresholds))

    def known(self, rate: float) -> float:
        """The rate, or the rarest that the normals can tell.

        Raises:
            UsageError: it is not in (0, 1).
        """
        if not 0.0 < rate < 1.0:
            raise UsageError("The false-positive rate must lie between 0 and 1, for example 0.05; got {:g}."
                             .format(rate))
        return max(rate, self.lowest_rate)

    def edge(self, threshold: float) -> float:
        """Map value where findings end that are told by their peak reaching `threshold`: hysteresis.

        What only few normal *scans* reach anywhere lies far above what few normal *pixels* reach; a lesion told by the
        first is drawn by the second, as an eye would.
        """
        return threshold if self.extent is None else min(threshold, self.extent)

    def rate(self, value: float) -> float:
        """Fraction of normals that reach map value `value`, ends held; inverse of `threshold` where no rate is
        shared."""
        thresholds = np.asarray(self.thresholds) + 1e-12 * np.arange(len(self.thresholds))
        return float(np.exp(-np.interp(value, thresholds, -np.log(self.rates))))

    def interval(self, rate: float) -> Tuple[float, float]:
        """Where the share of normals that a threshold really lets through lies, 95 %, exact (see `reliability`)."""
        return rate_interval(rate, self.effective or max(1, self.normals // 2))

    def band_edges(self, threshold: float) -> Tuple[float, ...]:
        """Lower edge of each band at an operating point: the first starts at the threshold, none starts below it."""
        edges = [threshold]
        edges += [max(threshold, band.threshold) for band in self.bands[1:]]
        return tuple(edges)

    def band(self, number: int) -> Band:
        """The band of a finding by its number from 1; a number beyond those of this calibration is the nearest one."""
        return self.bands[min(max(number, 1), len(self.bands)) - 1]

    def severity(self, anomaly_map: np.ndarray, threshold: float) -> np.ndarray:
        """uint8 bands of a map: 0 below the threshold, n from the n-th band edge up."""
        bands = np.zeros(anomaly_map.shape, dtype=np.uint8)
        for edge in self.band_edges(threshold):
            bands += anomaly_map >= edge
        return bands

    def to_dict(self) -> Dict[str, Any]:
        data = asdict(self)
        without = () if self.shared_rates else ("shared_rates", "shared_thresholds")
        return {key: value for key, value in data.items() if key not in without and (value or key != "effective")}

    @classmethod
    def from_dict(cls, data: Dict[str, Any]) -> "Calibration":
        bands = tuple(Band(b["name"], b["rate"], b["threshold"], tuple(b["color"])) for b in data["bands"])
        return cls(data["unit"], data["normals"], tuple(data["rates"]), tuple(data["thresholds"]), bands,
                   data.get("default_rate", 0.05), data.get("extent"), data.get("peak_share", 0.4),
                   tuple(data.get("shared_rates", ())), tuple(data.get("shared_thresholds", ())),
                   int(data.get("effective", 0)))
