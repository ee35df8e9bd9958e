"""Plots as inline SVG: a few lines each, no library, sharp in print."""
from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import List, Optional, Sequence, Tuple

import numpy as np

WIDTH, HEIGHT = 340, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 14, 40
BLUE, ORANGE, GREY = "#2166ac", "#d6604d", "#8a8f98"  # told apart by color-blind eyes


@dataclass(frozen=True)
class Line:
    """A curve: points, color, and how it is drawn."""

    x: Sequence[float]
    y: Sequence[float]
    color: str = BLUE
    dashed: bool = False
    label: str = ""


@dataclass(frozen=True)
class Axes:
    """Ranges and names; `ticks_x` as values, logarithmic in x where said."""

    x_label: str
    y_label: str
    x_range: Tuple[float, float] = (0.0, 1.0)
    y_range: Tuple[float, float] = (0.0, 1.0)
    x_ticks: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    y_ticks: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    log_x: bool = False

    def place(self, x: float, y: float) -> Tuple[float, float]:
        """Data -> px."""
        low, high = self.x_range
        if self.log_x:
            x, low, high = math.log(max(x, low)), math.log(low), math.log(high)
        across = (x - low) / (high - low) * (WIDTH - LEFT - RIGHT)
        up = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0]) * (HEIGHT - TOP - BOTTOM)
        return LEFT + across, HEIGHT - BOTTOM - up


def plot(axes: Axes, lines: Sequence[Line], *, band: Optional[Tuple[Sequence[float], Sequence[float], Sequence[float]]]
         = None, points: Sequence[Tuple[float, float, str]] = (), bars: Sequence[Tuple[float, float, float, str]] = (),
         title: str = "") -> str:
    """SVG text.

    Args:
        band: (x, low, high) of a shaded interval.
        points: (x, y, color) of marked points.
        bars: (left, right, height, color), translucent.
    """
    parts = ['<svg viewBox="0 0 {} {}" role="img" aria-label="{}">'.format(WIDTH, HEIGHT, escape(title))]
    parts += _frame(axes)
    if band is not None:
        x, low, high = band
        outline = [axes.place(a, b) for a, b in zip(x, low)] + [axes.place(a, b) for a, b in zip(x, high)][::-1]
        parts.append('<polygon points="{}" fill="{}" opacity="0.18"/>'.format(_joined(outline), BLUE))
    for left, right, height, color in bars:
        (x0, y0), (x1, y1) = axes.place(left, 0.0), axes.place(right, height)
        parts.append('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" opacity="0.5"/>'.format(
            x0, y1, max(x1 - x0 - 0.5, 0.5), max(y0 - y1, 0.0), color))
    for line in lines:
        parts.append('<polyline points="{}" fill="none" stroke="{}" stroke-width="{}"{}/>'.format(
            _joined([axes.place(a, b) for a, b in zip(line.x, line.y)]), line.color, 1.2 if line.dashed else 2,
            ' stroke-dasharray="5 4"' if line.dashed else ""))
    for x_value, y_value, color in points:
        a, b = axes.place(x_value, y_value)
        parts.append('<circle cx="{:.1f}" cy="{:.1f}" r="4.5" fill="white" stroke="{}" stroke-width="2"/>'.format(
            a, b, color))
    return "".join(parts + _legend(lines) + ["</svg>"])


def histogram(groups: Sequence[Tuple[str, np.ndarray, str]], x_label: str, *, bins: int = 36, title: str = "") -> str:
    """SVG text: share of each group (label, values, color) by bin, groups behind one another."""
    everything = np.concatenate([values for _, values, _ in groups])
    low, high = (float(v) for v in np.quantile(everything, (0.001, 0.999)))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    shares = [np.histogram(np.clip(values, low, high), edges)[0] / max(len(values), 1) for _, values, _ in groups]
    top = max(float(share.max()) for share in shares) * 1.15
    ticks = nice_ticks(low, high)
    axes = Axes(x_label, "share of images", (low, high), (0.0, top), ticks, nice_ticks(0.0, top))
    bars = [(edges[n], edges[n + 1], float(share[n]), color)
            for share, (_, _, color) in zip(shares, groups) for n in range(bins)]
    return plot(axes, [Line((), (), color, label=label) for label, _, color in groups], bars=bars, title=title)


def nice_ticks(low: float, high: float, count: int = 5) -> List[float]:
    """About `count` round numbers in a range."""
    raw = (high - low) / count
    step = 10.0 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= raw * 0.7)
    return [round(n * step, 10) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _frame(axes: Axes) -> List[str]:
    parts = ['<g font-size="11" fill="#444" stroke="none">']
    for value in axes.x_ticks:
        x, y = axes.place(value, axes.y_range[0])
        parts.append('<line x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2:.1f}" stroke="#e3e5e8"/>'.format(x, TOP, y))
        parts.append('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>'.format(x, y + 15, _number(value)))
    for value in axes.y_ticks:
        x, y = axes.place(axes.x_range[0], value)
        parts.append('<line x1="{0:.1f}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}" stroke="#e3e5e8"/>'.format(
            x, WIDTH - RIGHT, y))
        parts.append('<text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>'.format(x - 6, y + 4, _number(value)))
    parts.append('<text x="{}" y="{}" text-anchor="middle">{}</text>'.format(
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, escape(axes.x_label)))
    parts.append('<text transform="translate(12 {}) rotate(-90)" text-anchor="middle">{}</text></g>'.format(
        (TOP + HEIGHT - BOTTOM) / 2, escape(axes.y_label)))
    return parts


def _legend(lines: Sequence[Line]) -> List[str]:
    parts, row = [], 0
    for line in lines:
        if line.label:
            y = TOP + 12 + 15 * row
            parts.append('<rect x="{}" y="{}" width="14" height="4" fill="{}"/><text x="{}" y="{}" font-size="11" '
                         'fill="#444">{}</text>'.format(WIDTH - 128, y - 5, line.color, WIDTH - 110, y,
                                                        escape(line.label)))
            row += 1
    return parts


def _joined(points: Sequence[Tuple[float, float]]) -> str:
    return " ".join("{:.1f},{:.1f}".format(x, y) for x, y in points)


def _number(value: float) -> str:
    return "{:g}".format(value)
