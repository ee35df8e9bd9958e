"""One false-positive rate for two alarms: findings of the map, and the verdict on the scan as a whole.

A reader is told "1 in 20 normal scans shows a finding or is unusual as a whole".  Either alarm alone at 1 in 20 would
make that up to 1 in 10.  So each held-out normal gets p_f, the share of normals whose peak reaches its own, and p_v,
the same of the image score; with the share s of findings, u = min(p_f / s, p_v / (1 - s)) orders the normals by the
smaller of the two.  What a fraction r of them stay within, u_r, gives both thresholds: findings at the rate s u_r, the
verdict at (1 - s) u_r, and a fraction r of the normals shows one or the other, however much the two go together.
Light: numpy only.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np

GRID = (0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001)
FINDINGS_FIRST = 1e-6  # of the verdict's share: where both could take the next normal, findings do
FEWEST = 20  # normals from whom a rate of 1 in 20 can be told


@dataclass(frozen=True)
class Budget:
    """Thresholds of both alarms by the rate that they share; rates descend, thresholds ascend.

    Attributes:
        share: of the findings, in (0, 1).
        rates: share of normals that show a finding or a verdict.
        peaks: map value that the peak of a finding reaches, at each rate.
        scores: image score from which on the scan is unusual as a whole, at each rate.
        finding_rates, verdict_rates: what each alarm takes of the rate, measured on the normals; together more than the
            rate where the two go together.
    """

    share: float
    rates: Tuple[float, ...]
    peaks: Tuple[float, ...]
    scores: Tuple[float, ...]
    finding_rates: Tuple[float, ...]
    verdict_rates: Tuple[float, ...]

    def to_dict(self) -> Dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Budget:
        columns = ("rates", "peaks", "scores", "finding_rates", "verdict_rates")
        return cls(float(data["share"]), *(tuple(float(v) for v in data[name]) for name in columns))


def budget_of(peaks: np.ndarray, scores: np.ndarray, share: float) -> Budget:
    """Divide every rate between the two alarms, from the peaks (N,) and image scores (N,) of the same normals.

    The table ends at the rarest event that the normals show.  No rate of it is exceeded on these normals.

    Raises:
        ValueError: `share` is not inside (0, 1), or peaks and scores are not of the same normals.
    """
    peaks, scores = np.asarray(peaks, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if not 0.0 < share < 1.0 or peaks.shape != scores.shape or peaks.ndim != 1 or not len(peaks):
        raise ValueError("a share of {:g} for {} peaks and {} scores".format(share, peaks.shape, scores.shape))
    p_f, p_v = share_reaching(peaks), share_reaching(scores)
    share_v = (1.0 - share) * (1.0 - FINDINGS_FIRST)
    u = np.round(np.minimum(p_f / share, p_v / share_v), 9)  # equal ones stay equal
    steps, counts = np.unique(u, return_counts=True)
    within = np.cumsum(counts) / (len(u) + 1)  # share of normals that stay within each step
    rates = [rate for rate in GRID if rate > within[0] + 1e-12] + [float(within[0])]
    rows: List[Tuple[float, float, float, float, float]] = []
    for rate in rates:
        limit = steps[np.flatnonzero(within <= rate + 1e-12)[-1]] + 1e-9
        peak, score = lowest_within(peaks, p_f, share * limit), lowest_within(scores, p_v, share_v * limit)
        rows.append((rate, peak, score, float((peaks >= peak).mean()), float((scores >= score).mean())))
    columns = [tuple(column) for column in zip(*rows)]
    return Budget(share, *columns)


def share_reaching(values: np.ndarray) -> np.ndarray:
    """Chance that one more normal is as high as each of `values` (N,): 1 / (N + 1) to N / (N + 1)."""
    ordered = np.sort(values)
    return (len(values) - np.searchsorted(ordered, values, side="left")) / (len(values) + 1.0)


def lowest_within(values: np.ndarray, reached: np.ndarray, rate: float) -> float:
    """The lowest of `values` that no more than `rate` of them reach; just above all of them where there is none."""
    inside = values[reached <= rate]
    return float(inside.min() if len(inside) else np.nextafter(values.max(), np.inf))


def rank_table(scores: Sequence[float]) -> Tuple[Tuple[float, ...], Tuple[float, ...]]:
    """(rates descending, scores ascending): the score that each share of normals reaches, down to
    1 / (N + 1)."""
    values = np.sort(np.asarray(scores, dtype=np.float64))
    rarest = 1.0 / (len(values) + 1)
    rates = np.array([rate for rate in GRID if rate > rarest] + [rarest])
    reached = np.maximum.accumulate(np.quantile(values, 1.0 - rates, method="weibull"))
    return tuple(rates.tolist()), tuple(reached.tolist())


def value_at(rate: float, rates: Sequence[float], values: Sequence[float]) -> float:
    """The value of a table at a rate: linear in the logarithm of the rate, ends held."""
    return float(np.interp(-np.log(rate), -np.log(rates), values))


def rate_at(value: float, rates: Sequence[float], values: Sequence[float]) -> float:
    """Share of normals that reach a value; inverse of `value_at`, ends held."""
    rising = np.asarray(values) + 1e-12 * np.arange(len(values))
    return float(np.exp(-np.interp(value, rising, -np.log(rates))))
