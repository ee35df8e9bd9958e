"""The operating point in words and numbers, and its slider."""
from __future__ import annotations

from typing import List, Tuple

import numpy as np
from slicer.i18n import tr as _

from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.reliability import interval_words

from ..scene.texts import bandText

SLIDER_STEPS = 200  # positions are even in the logarithm of the rate; the right end shows the most findings


def rateOfPosition(position: int, calibration: Calibration) -> float:
    """False-positive rate of a slider position."""
    ends = np.log([calibration.lowest_rate, calibration.rates[0]])
    return float(np.exp(np.interp(position, (0, SLIDER_STEPS), ends)))


def positionOfRate(rate: float, calibration: Calibration) -> int:
    """Slider position nearest to a false-positive rate; rates outside the table are held at its ends."""
    ends = np.log([calibration.lowest_rate, calibration.rates[0]])
    return int(round(float(np.interp(np.log(max(rate, 1e-12)), ends, (0, SLIDER_STEPS)))))


def meaningOfRate(rate: float, calibration: Calibration) -> str:
    """The operating point in words: "1 in 20 normal slices would show a finding", or, where findings share the rate
    with the verdict on the whole scan, "... or be unusual as a whole"."""
    slices = calibration.unit == "slice"
    if calibration.shared_rates:
        text = (_("{share} normal slices would show a finding or be unusual as a whole") if slices
                else _("{share} normal images would show a finding or be unusual as a whole"))
    else:
        text = (_("{share} normal slices would show a finding") if slices
                else _("{share} normal images would show a finding"))
    return text.format(share=shareText(rate))


def certaintyOfRate(rate: float, calibration: Calibration) -> str:
    """How well the rate is known: the fewer normals the thresholds come from, the less."""
    return _("Measured on {count} normal scans; of new ones, {interval} (95 %)").format(
        count=calibration.normals, interval=interval_words(*calibration.interval(rate)).replace(" to ", " – "))


def meaningOfBands(calibration: Calibration, threshold: float) -> List[Tuple[str, Tuple[float, float, float], str]]:
    """Name, color and meaning of every band that can occur at an operating point."""
    edges = calibration.band_edges(threshold)
    rows = []
    for number, (band, edge) in enumerate(zip(calibration.bands, edges)):
        if number + 1 < len(edges) and edges[number + 1] <= edge:
            continue  # the operating point lies above this whole band
        if band.rate <= 0.0:
            text = _("from {edge}, higher than any normal held out for calibration")
        elif calibration.unit == "slice":
            text = _("from {edge}, reached by {share} normal slices")
        else:
            text = _("from {edge}, reached by {share} normal images")
        rows.append((bandText(band.name), band.color,
                     text.format(edge="{:.2f}".format(edge), share=shareText(calibration.rate(edge)))))
    return rows


def shareText(rate: float) -> str:
    """A fraction as a reader says it: "1 in 20", or "40 % of" where that would be clumsy."""
    if rate > 0.3:
        return _("{percent} % of").format(percent="{:.0f}".format(100.0 * rate))
    return _("1 in {n}").format(n=rounded(1.0 / rate))


def rounded(number: float) -> str:
    """Two significant digits: 19.6 becomes 20, 1234 becomes 1200."""
    digits = int("{:.1e}".format(number).split("e")[1]) - 1
    return "{:.0f}".format(round(number, -max(digits, 0)) if digits > 0 else round(number))
