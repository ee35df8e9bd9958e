"""The report: everything inside one file, what it says follows from the numbers, pictures of the right mistakes."""
from __future__ import annotations

import base64
import datetime
import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
import tiny
from PIL import Image as Picture

from SPMambaLib.data.samples import Sample
from SPMambaLib.evaluation.evaluate import evaluate
from SPMambaLib.evaluation.gallery import COUNT, Gallery
from SPMambaLib.evaluation.plots import Axes, Line, histogram, nice_ticks, plot
from SPMambaLib.evaluation.report import page, write_report
from SPMambaLib.evaluation.rows import Row
from SPMambaLib.evaluation.words import cautions, findings_in_words, words_of_rate
from SPMambaLib.io.image import write_image
from SPMambaLib.output.overview import TRUTH, draw_slice

DAY = datetime.date(2026, 1, 2)


@pytest.fixture(scope="module")
def assessed(tmp_path_factory):
    """(evaluation, gallery, card) of four small volumes, two with a lesion."""
    folder, samples = tmp_path_factory.mktemp("volumes"), []
    mask = np.zeros((tiny.SLICES, tiny.ROWS, tiny.COLUMNS), dtype=np.uint8)
    mask[tiny.LESION_SLICES, tiny.LESION_ROWS, tiny.LESION_COLUMNS] = 1
    write_image(folder / "m.nii.gz", mask, tiny.LPS)
    for n in range(4):
        image, name = tiny.brain_image(90 + n, lesion=n % 2 == 1), "<v{}>.nii.gz".format(n)
        write_image(folder / name, image.voxels, image.ijk_to_ras)
        samples.append(Sample(folder / name, "lesion" if n % 2 else "normal", "p{}".format(n),
                              mask_path=folder / "m.nii.gz" if n % 2 else None, name=name))
    detector = tiny.detector()
    gallery = Gallery(detector.calibration.default_rate)
    return evaluate(samples, detector, watch=gallery, controls=False), gallery, detector.card


def test_the_page_is_whole_and_self_contained(assessed, tmp_path):
    write_report(tmp_path / "r.html", *assessed, date=DAY)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Research use only" in text and "2026-01-02" in text and "Tiny brain" in text
    assert not re.search(r"(src|href)=\"(?!data:image/png;base64,)", text) and "<script" not in text
    assert "@import" not in text and "url(" not in text
    for heading in ("Curves", "Operating points", "All numbers", "Controls", "Worst misses", "Worst false alarms",
                    "The model", "How this was measured"):
        assert ">{}</h2>".format(heading) in text
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(svg)
    assert text.count("<svg") == 4 and "<v0>" not in text and "nan" not in text.lower().replace("finan", "")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert page(*assessed, DAY) == text


def test_pictures_show_the_slice_and_the_truth(assessed):
    _, gallery, _ = assessed
    for exhibit in [*gallery.misses, *gallery.alarms]:
        picture = Picture.open(io.BytesIO(base64.b64decode(exhibit.png.split(",")[1])))
        assert picture.width > 200
        green = (np.asarray(picture) == TRUTH).all(axis=2).sum()
        assert (green > 20) == exhibit.row.abnormal


def test_a_slice_is_drawn_twice():
    image = tiny.brain_image(95, lesion=True)
    detection = tiny.detector().detect(image)
    truth = np.zeros(image.voxels.shape, dtype=bool)
    truth[tiny.LESION_SLICES, tiny.LESION_ROWS, tiny.LESION_COLUMNS] = True
    pixels = np.asarray(draw_slice(image.voxels, detection, 4, truth=truth))
    half = (pixels.shape[1] - 2) // 2
    left, right = pixels[:, :half], pixels[:, half + 2:]
    assert (left == TRUTH).all(axis=2).any() and not (right == TRUTH).all(axis=2).any()
    colored = (np.ptp(right.astype(int), axis=2) > 30)
    assert colored.any() and not (np.ptp(np.asarray(draw_slice(image.voxels, detection, 4))[:, :half].astype(int),
                                         axis=2) > 30).any()
    other = np.asarray(draw_slice(image.voxels, detection, 0, truth=truth))
    assert not (other == TRUTH).all(axis=2).any()


class Shelf(Gallery):
    """A gallery that is offered rows without pictures."""

    def offer(self, rows, monkeypatch):
        monkeypatch.setattr("SPMambaLib.evaluation.gallery.picture", lambda image, detection, mask, row: row.name)
        for row in rows:
            self(None, None, None, None, [row])


def test_the_gallery_keeps_the_worst(monkeypatch):
    scores = np.random.default_rng(0).normal(size=100)
    rows = [Row(str(n), "p", n % 2 == 1, float(s), flagged={0.05: n % 3 == 0}) for n, s in enumerate(scores)]
    gallery = Shelf(0.05)
    gallery.offer(rows, monkeypatch)
    missed = sorted((r for r in rows if r.abnormal and not r.flagged[0.05]), key=lambda r: r.score)
    alarmed = sorted((r for r in rows if not r.abnormal and r.flagged[0.05]), key=lambda r: -r.score)
    assert [e.row for e in gallery.misses] == missed[:COUNT] and [e.row for e in gallery.alarms] == alarmed[:COUNT]
    assert (gallery.missed, gallery.alarmed) == (len(missed), len(alarmed))


# -- words -------------------------------------------------------------------------------------------------------------

def facts(**changes):
    """A result that nothing speaks against."""
    result = {
        "protocol": "deployable", "unit": "slice", "pixel": None, "froc": None, "controls": {"height_only": None},
        "input_check": {"refused": 0.0}, "n": {"normal": 400, "abnormal": 300, "failed": 0},
        "image": {"auroc": 0.9, "auroc_height_matched": None},
        "operating_points": [{"false_positive_rate": 0.05, "default": True, "sensitivity": 0.7, "specificity": 0.94,
                              "sensitivity_interval": [0.65, 0.75], "specificity_interval": [0.92, 0.96],
                              "findings": {"sensitivity": 0.5}, "scan_verdict": None}]}
    return {**result, **changes}


def test_nothing_speaks_against_good_numbers():
    assert cautions(facts()) == []


@pytest.mark.parametrize("changes, word", [
    ({"protocol": "published"}, "promise nothing"), ({"controls": {"height_only": 0.8}}, "height of a slice alone"),
    ({"controls": {"height_only": None, "frame_only": {"auroc": 0.82}}}, "acquired differently"),
    ({"controls": {"height_only": None, "intensity": {"pixel_ap": 0.4}}, "pixel": {"ap": 0.3}}, "Plain brightness"),
    ({"input_check": {"refused": 0.25}}, "refuses 25.0 % of the images"),
    ({"n": {"normal": 400, "abnormal": 1, "failed": 0}}, "There is only 1 abnormal image:"),
    ({"n": {"normal": 400, "abnormal": 300, "failed": 2}}, "2 images could not be judged and are not counted")])
def test_each_caution_has_its_rule(changes, word):
    (caution,) = cautions(facts(**changes))
    assert word in caution


def test_a_broken_promise_is_named():
    point = dict(facts()["operating_points"][0], specificity=0.86, specificity_interval=[0.82, 0.90])
    (caution,) = cautions(facts(operating_points=[point]))
    assert "14 of 100 instead of 5" in caution and "Recalibrate" in caution


def test_findings_in_words():
    lines = findings_in_words(facts(froc={"operating_point": {"sensitivity": 0.4, "false_positives_per_image": 0.2}}))
    assert lines[0] == "Of 100 abnormal slices the model marks 70 (95 % interval 65 to 75)."
    assert lines[1] == "Of 100 normal slices it marks 6 (95 % interval 4 to 8) by mistake; it was set to 5."
    assert "90 of 100" in lines[2] and lines[3].startswith("Of 100 lesions its findings touch 40")
    only_normals = facts(image={"auroc": None, "auroc_height_matched": None})
    only_normals["operating_points"][0].update(sensitivity=None, sensitivity_interval=None)
    assert len(findings_in_words(only_normals)) == 1
    with_verdict = dict(facts()["operating_points"][0], scan_verdict={"sensitivity": 0.61})
    assert "50 show a finding and 61 are called unusual as a whole" in findings_in_words(
        facts(operating_points=[with_verdict]))[1]
    assert words_of_rate(0.05, "image", True) == "1 in 20 normal images shows a finding or is unusual as a whole"
    assert words_of_rate(0.05, "file") == "1 in 20 normal images shows a finding"


# -- plots -------------------------------------------------------------------------------------------------------------

def test_a_plot_puts_points_where_they_belong():
    axes = Axes("x", "y")
    left, bottom = axes.place(0, 0)
    right, top = axes.place(1, 1)
    assert left < right and top < bottom
    logarithmic = replace(axes, x_range=(0.125, 8.0), log_x=True)
    assert logarithmic.place(1.0, 0)[0] == pytest.approx((left + right) / 2)
    svg = ElementTree.fromstring(plot(axes, [Line((0, 1), (0, 1), label="a<b")], points=[(0.5, 0.5, "red")]))
    circle = svg.find("circle")
    assert float(circle.get("cx")) == pytest.approx((left + right) / 2, abs=0.1)


@pytest.mark.parametrize("low, high", [(0, 1), (-3.2, 7.9), (0, 0.013), (100, 12345)])
def test_ticks_are_round_and_inside(low, high):
    ticks = nice_ticks(low, high)
    assert 3 <= len(ticks) <= 11 and low <= ticks[0] and ticks[-1] <= high


def test_a_histogram_of_equal_values():
    ElementTree.fromstring(histogram([("normal", np.zeros(5), "blue"), ("abnormal", np.zeros(3), "red")], "score"))
