"""One picture of a detection: the most unusual slices, each as it is and with what was marked.

Colors follow the calibrated scale of the model and never the image's own maximum, so that a normal image looks normal.
Needs Pillow; no matplotlib.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..detection import Detection, SliceScore
from ..geometry import SlicePlane, plane_of
from ..scoring.calibration import Calibration
from .appearance import map_colors, map_window
from .summary import DISCLAIMER, operating_point, verdict_line

MOST_SLICES = 8
APART_MM = 8.0  # between shown slices: neighbours look alike
OPACITY = 0.55
GAP, CAPTION, HEADER, BAR_WIDTH = 8, 18, 64, 110  # px
NOTICE = 17  # px a line
LEAST_HEIGHT = 160  # px below the header: room for the bar of colors beside a slice that is but a strip
PAIR_WIDTH = 340  # px, at least: room for the caption of a volume's slice
MARGIN = 0.04  # of the side, left around the anatomy
BACKGROUND, INK, FAINT = (18, 18, 20), (235, 235, 235), (160, 160, 165)
WARNING = (255, 190, 90)
OUTLINE = (60, 220, 255)  # neither a gray of the image nor a color of the map
TRUTH = (90, 230, 90)
SIDES: Dict[str, Tuple[str, str, str, str]] = {  # left, right, top, bottom of a displayed slice
    "axial": ("R", "L", "A", "P"), "coronal": ("R", "L", "S", "I"), "sagittal": ("A", "P", "S", "I")}


def most_unusual(slices: List[SliceScore], slice_mm: float, count: int = MOST_SLICES) -> List[SliceScore]:
    """The slices of highest score, the highest first, none within `APART_MM` of a higher one."""
    apart = max(1, round(APART_MM / slice_mm))
    chosen: List[SliceScore] = []
    for candidate in sorted((s for s in slices if s.analysed), key=lambda s: -s.score):
        if all(abs(candidate.index - other.index) >= apart for other in chosen):
            chosen.append(candidate)
        if len(chosen) == count:
            break
    return chosen


def gray_window(voxels: np.ndarray) -> Tuple[float, float]:
    """(black, white) of an image: its 0.5 % and 99.5 % quantiles, background (the lowest value) left out."""
    values = voxels.ravel()[:: max(1, voxels.size // 1_000_000)].astype(np.float32)
    values = values[np.isfinite(values)]
    inside = values[values > values.min()]
    low, high = np.quantile(inside if inside.size else values, (0.005, 0.995))
    least = max(abs(float(low)), abs(float(high))) * 1e-6 or 1e-6
    return float(low), float(max(high, low + least))


def draw_overview(voxels: np.ndarray, detection: Detection, title: str = "") -> Image.Image:
    """Montage of the most unusual slices, each twice: as it is, and with map and outlines of the findings.

    Args:
        voxels: the analysed image, (K, J, I).
        detection: of that image.
        title: what the image is called.
    """
    plane = plane_of(detection.ijk_to_ras, detection.map.shape, detection.plane)
    chosen = most_unusual(detection.slices, plane.spacing[0])
    gray, window = gray_window(voxels), map_window(Calibration.from_dict(detection.calibration))
    stacks = [plane.to_slices(array)[[plane.slice_index(score.index) for score in chosen]]
              for array in (voxels, detection.map, detection.labels)]
    rows, columns = _anatomy(stacks[0], gray[0])
    montage = _Montage.of(plane, (rows.stop - rows.start, columns.stop - columns.start), len(chosen),
                          len(detection.notices) + bool(verdict_line(detection)))
    picture = Image.new("RGB", montage.size, BACKGROUND)
    draw = ImageDraw.Draw(picture)
    _draw_header(draw, detection, title)
    for place, score in enumerate(chosen):
        image, values, labels = (stack[place, rows, columns] for stack in stacks)
        base = _gray(image, gray).resize(montage.tile, Image.Resampling.BILINEAR).convert("RGB")
        x, y = montage.corner(place)
        _draw_caption(draw, (x, y - CAPTION), plane, score)
        picture.paste(base, (x, y))
        picture.paste(_marked(base, values, labels, detection.threshold, window), (x + montage.tile[0] + 2, y))
        _draw_sides(draw, plane.name, (x, y), montage.tile)
    _draw_bar(picture, draw, window, detection.threshold, montage.header + CAPTION + 14)
    return picture


def draw_slice(voxels: np.ndarray, detection: Detection, index: int, *, truth: Optional[np.ndarray] = None,
               side: int = 232) -> Image.Image:
    """One slice twice: as it is, with the outline of the `truth`, and with the map and the outlines of the findings.

    The map is drawn from the value that half of all normal scans reach, so that it also shows where the model looked
    when nothing reached the threshold.

    Args:
        voxels, truth: the analysed image and a bool mask of what is known to be there, (K, J, I).
        index: of the slice, along `Detection.slice_axis`.
        side: longer side of each of the two tiles in px.
    """
    plane = plane_of(detection.ijk_to_ras, detection.map.shape, detection.plane)
    gray, window = gray_window(voxels), map_window(Calibration.from_dict(detection.calibration))
    known = np.zeros(detection.map.shape, dtype=bool) if truth is None else truth
    image, values, labels, known = (plane.to_slices(array)[plane.slice_index(index)]
                                    for array in (voxels, detection.map, detection.labels, known))
    rows, columns = _anatomy(image[None], gray[0])
    montage = _Montage.of(plane, (rows.stop - rows.start, columns.stop - columns.start), 1)
    scale = side / max(montage.tile)
    size = max(8, round(montage.tile[0] * scale)), max(8, round(montage.tile[1] * scale))
    base = _gray(image[rows, columns], gray).resize(size, Image.Resampling.BILINEAR).convert("RGB")
    pixels = np.array(base)
    pixels[_around(np.asarray(_resized(known[rows, columns], size)) > 0)] = TRUTH
    pair = Image.new("RGB", (2 * size[0] + 2, size[1]), BACKGROUND)
    pair.paste(Image.fromarray(pixels), (0, 0))
    threshold = min(window[0], detection.threshold)
    pair.paste(_marked(base, values[rows, columns], labels[rows, columns], threshold, window), (size[0] + 2, 0))
    return pair


@dataclass(frozen=True)
class _Montage:
    """Where the pairs of tiles stand.  `tile` is (width, height) in px, `columns` counts pairs."""

    tile: Tuple[int, int]
    columns: int
    rows: int
    header: int = HEADER

    @classmethod
    def of(cls, plane: SlicePlane, shape: Tuple[int, int], count: int, notices: int = 0) -> "_Montage":
        """For `count` slices of `shape` (rows, columns) in voxels."""
        rows, columns = shape
        _, row_mm, column_mm = plane.spacing
        largest = 480 if count <= 1 else 232
        scale = largest / max(rows * row_mm, columns * column_mm)
        tile = (max(8, round(columns * column_mm * scale)), max(8, round(rows * row_mm * scale)))
        return cls(tile, min(2, max(count, 1)), max(1, -(-count // 2)), HEADER + NOTICE * notices)

    @property
    def pair_width(self) -> int:
        return max(2 * self.tile[0] + 2, PAIR_WIDTH) + GAP

    @property
    def size(self) -> Tuple[int, int]:
        width = self.columns * self.pair_width + GAP + BAR_WIDTH
        height = self.rows * (self.tile[1] + CAPTION + GAP) + GAP
        return max(width, 760), self.header + max(height, LEAST_HEIGHT)

    def corner(self, place: int) -> Tuple[int, int]:
        """Upper left of the first tile of a pair."""
        row, column = divmod(place, self.columns)
        return (GAP + column * self.pair_width,
                self.header + CAPTION + row * (self.tile[1] + CAPTION + GAP))


def _anatomy(images: np.ndarray, low: float) -> Tuple[slice, slice]:
    """Rows and columns of (N, H, W) that hold anything brighter than background, and a margin."""
    bright = np.any(images > low, axis=0) if len(images) else np.zeros(images.shape[1:], bool)
    box = []
    for lines in (bright, bright.T):
        side, places = len(lines), np.flatnonzero(np.any(lines, axis=1))
        first, last = (int(places[0]), int(places[-1])) if places.size else (0, side - 1)
        margin = round(MARGIN * side)
        box.append(slice(max(0, first - margin), min(side, last + 1 + margin)))
    return box[0], box[1]


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)  # type: ignore[return-value]


def _gray(image: np.ndarray, window: Tuple[float, float]) -> Image.Image:
    low, high = window
    values = np.nan_to_num((image.astype(np.float32) - low) / (high - low), nan=0.0)
    return Image.fromarray(np.round(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8))


def _marked(base: Image.Image, values: np.ndarray, labels: np.ndarray, threshold: float,
            window: Tuple[float, float]) -> Image.Image:
    """`base` with the map where it reaches the threshold, and findings outlined and numbered."""
    shown = np.asarray(_resized(values, base.size))
    numbers = np.asarray(_resized(labels, base.size)).astype(np.int32)
    pixels = np.array(base)
    above = shown >= threshold
    pixels[above] = (1.0 - OPACITY) * pixels[above] + OPACITY * map_colors(shown[above], window)
    pixels[_around(numbers > 0)] = OUTLINE
    marked = Image.fromarray(pixels)
    draw = ImageDraw.Draw(marked)
    for number in np.unique(numbers[numbers > 0]):
        rows, columns = np.nonzero(numbers == number)
        draw.text((int(columns.max()) + 2, int(rows.min()) - 6), str(number), INK, _font(11), stroke_width=1,
                  stroke_fill=(0, 0, 0))
    return marked


def _around(inside: np.ndarray) -> np.ndarray:
    """The pixels just outside of a region."""
    wide = np.pad(inside, 1)
    return (wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]) & ~inside


def _resized(array: np.ndarray, size: Tuple[int, int]) -> Image.Image:
    """Enlarged voxel by voxel: the picture marks exactly what the files mark."""
    contiguous = np.ascontiguousarray(array, dtype=np.float32)
    return Image.fromarray(contiguous).resize(size, Image.Resampling.NEAREST)


def _draw_header(draw: ImageDraw.ImageDraw, detection: Detection, title: str) -> None:
    model = detection.model
    draw.text((GAP, 6), "{}   {} {}".format(title, model.get("name", ""), model.get("version", "")), INK, _font(16))
    count = len(detection.findings)
    text = "{} at threshold {:.2f} normal spreads ({}); most unusual slices, left as it is, right marked".format(
        "1 finding" if count == 1 else "{} findings".format(count or "No"), detection.threshold,
        operating_point(detection))
    draw.text((GAP, 28), text, FAINT, _font(12))
    verdict, lines = detection.scan_verdict, []
    if verdict_line(detection):
        lines.append(("Scan: " + verdict_line(detection), INK if verdict and verdict.unusual else FAINT))
    lines += [(text, WARNING) for text in (DISCLAIMER, *(notice.message for notice in detection.notices))]
    for line, (text, color) in enumerate(lines):
        draw.text((GAP, 45 + NOTICE * line), text, color, _font(12))


def _draw_caption(draw: ImageDraw.ImageDraw, corner: Tuple[int, int], plane: SlicePlane, score: SliceScore) -> None:
    text = "score {:.2f}, peak {:.2f}".format(score.score, score.peak)
    if plane.stack_shape[0] > 1:
        text = "slice {}   {}   {}".format(score.index, _position(plane, score), text)
    draw.text(corner, text, INK, _font(12))


def _position(plane: SlicePlane, score: SliceScore) -> str:
    """Position of the slice along its normal, as a reader names it: "S 23.5 mm"."""
    axis, letters = {"axial": (2, "IS"), "coronal": (1, "PA"), "sagittal": (0, "LR")}.get(plane.name, (2, "IS"))
    value = score.ras[axis]
    return "{} {:.1f} mm".format(letters[int(value >= 0.0)], abs(value))


def _draw_sides(draw: ImageDraw.ImageDraw, plane: str, corner: Tuple[int, int], tile: Tuple[int, int]) -> None:
    if plane not in SIDES:
        return
    (x, y), (width, height) = corner, tile
    left, right, top, bottom = SIDES[plane]
    middle, center = y + height // 2, x + width // 2
    for letter, where, anchor in ((left, (x + 3, middle), "lm"), (right, (x + width - 3, middle), "rm"),
                                  (top, (center, y + 2), "mt"), (bottom, (center, y + height - 2), "mb")):
        draw.text(where, letter, FAINT, _font(11), anchor=anchor)


def _draw_bar(picture: Image.Image, draw: ImageDraw.ImageDraw, window: Tuple[float, float], threshold: float,
              top: int) -> None:
    """Color bar at the right: the model's fixed scale, with the threshold marked."""
    low, high = window
    x, bottom = picture.width - BAR_WIDTH + 20, picture.height - 2 * GAP
    ramp = np.linspace(high, low, bottom - top)[:, None].repeat(18, axis=1)
    colors = map_colors(ramp, window)
    below = ramp < threshold
    colors[below] = colors[below] * (1.0 - OPACITY) + np.array(BACKGROUND) * OPACITY  # not drawn in the slices
    picture.paste(Image.fromarray(colors.astype(np.uint8)), (x, top))
    draw.text((x - 8, top - 18), "normal spreads", FAINT, _font(11))

    def height(value: float) -> int:
        return top + round((high - min(max(value, low), high)) / (high - low) * (bottom - top - 1))

    mark = height(threshold)
    for value in np.linspace(low, high, 5):
        if abs(height(value) - mark) > 14:
            draw.text((x + 24, height(value)), "{:.1f}".format(value), FAINT, _font(11), anchor="lm")
    draw.line((x - 4, mark, x + 22, mark), INK, 2)
    draw.text((x + 24, mark), "{:.2f}".format(threshold), INK, _font(12), anchor="lm")
    draw.text((x + 24, mark + 12), "threshold", INK, _font(11), anchor="lm")
