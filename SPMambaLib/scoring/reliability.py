"""What a false-positive rate is worth: the interval in which the true rate lies, given how few normals measured it.

A threshold read off n independent normals as their j-th highest value has a true rate that follows Beta(j, n + 1 - j);
the exact interval of a proportion (Clopper and Pearson, Biometrika 26, 1934) with j events contains that of this
distribution.  Images of one patient resemble each other, so n is not the number of images: it is divided by the design
effect 1 + (m - 1) rho (Kish, Survey Sampling, 1965), with m images of a patient and rho the intraclass correlation of
the peaks, and the exact interval is taken at that effective number (Korn and Graubard, Survey Methodology 24, 1998).
Light: numpy only.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

FEWEST = 5  # patients from whom an intraclass correlation can be told at all


@dataclass(frozen=True)
class Reliability:
    """A rate, its 95 % interval and what it rests on.

    Attributes:
        effective: number of independent images that the held-out ones are worth.
    """

    rate: float
    low: float
    high: float
    images: int
    patients: int
    effective: int

    def sentence(self) -> str:
        """For a reader: "1 in 20: measured on 8 held-out images of 8 patients, true rate between 0 and 53 % (95 %)"."""
        return "1 in {:.0f}: measured on {} held-out {} of {} {}, true rate between {} and {} % (95 %)".format(
            1.0 / self.rate, self.images, _plural("image", self.images), self.patients,
            _plural("patient", self.patients), _percent(self.low), _percent(self.high))

    def to_dict(self) -> Dict[str, Any]:
        return {"rate": self.rate, "low": self.low, "high": self.high, "images": self.images,
                "patients": self.patients, "effective_images": self.effective, "sentence": self.sentence()}


def reliability(rate: float, peaks: np.ndarray, patients: Sequence[str]) -> Reliability:
    """What the threshold for `rate` is worth when it was read off the `peaks` (N,) of these `patients`.

    The expected number of events is rounded outwards, so the interval errs on the wide side.
    """
    effective = effective_number(peaks, patients)
    return Reliability(rate, *rate_interval(rate, effective), len(peaks), len(set(patients)), effective)


def effective_number(peaks: np.ndarray, patients: Sequence[str]) -> int:
    """How many independent images `peaks` (N,) of these `patients` are worth."""
    return max(1, int(len(peaks) / design_effect(peaks, patients)))


def rate_interval(rate: float, effective: int) -> Tuple[float, float]:
    """95 % interval of the true rate of a threshold for `rate` that `effective` independent normals gave."""
    events = rate * effective
    low = exact_interval(math.floor(events + 1e-9), effective)[0]
    return low, exact_interval(math.ceil(events - 1e-9), effective)[1]


def interval_words(low: float, high: float) -> str:
    """"3 to 9 %"."""
    return "{} to {} %".format(_percent(low), _percent(high))


def exact_interval(events: int, n: int, confidence: float = 0.95) -> Tuple[float, float]:
    """Clopper-Pearson interval of a proportion.

    Its ends are the rates at which as many events as seen, or more (or fewer), have probability (1 - confidence) / 2;
    found by bisection on the binomial tail.
    """
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if events == 0 else _root(lambda p: binomial_tail(events, n, p) - tail)
    high = 1.0 if events == n else _root(lambda p: tail - (1.0 - binomial_tail(events + 1, n, p)))
    return low, high


def binomial_tail(events: int, n: int, p: float) -> float:
    """Probability of at least `events` among n at rate p in (0, 1)."""
    if events <= 0:
        return 1.0
    whole = math.lgamma(n + 1)
    terms = (math.exp(whole - math.lgamma(j + 1) - math.lgamma(n - j + 1) + j * math.log(p) + (n - j) * math.log1p(-p))
             for j in range(events, n + 1))
    return min(1.0, math.fsum(terms))


def design_effect(values: np.ndarray, patients: Sequence[str]) -> float:
    """1 + (m - 1) rho >= 1; rho from one-way analysis of variance, and 1 where patients are too few to tell."""
    groups: Dict[str, List[float]] = {}
    for value, patient in zip(values.tolist(), patients):
        groups.setdefault(patient, []).append(value)
    sizes = np.array([len(group) for group in groups.values()], dtype=np.float64)
    n, count = sizes.sum(), len(sizes)
    m = float((sizes ** 2).sum() / n)
    if n == count:
        return 1.0
    if count < 2:
        return m
    means = np.array([np.mean(group) for group in groups.values()])
    between = float((sizes * (means - np.mean(values)) ** 2).sum() / (count - 1))
    within = float(sum(((np.array(group) - mean) ** 2).sum() for group, mean in zip(groups.values(), means)))
    within /= n - count
    m_adjusted = float((n - (sizes ** 2).sum() / n) / (count - 1))
    total = between + (m_adjusted - 1.0) * within
    rho = 1.0 if count < FEWEST or total <= 0 else min(max((between - within) / total, 0.0), 1.0)
    return 1.0 + (m - 1.0) * rho


def _root(rising: Callable[[float], float]) -> float:
    """Where a rising function of (0, 1) crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2.0


def _percent(rate: float) -> str:
    return "{:.1f}".format(100 * rate) if 0 < rate < 0.01 else "{:.0f}".format(100 * rate)


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else noun + "s"
