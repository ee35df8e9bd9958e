"""The pages of quality and robustness say what the results say, and the results are of the shipped models."""
from __future__ import annotations

import json

import pytest
from benchmarks import operating_points_page, quality_page, robustness_page
from benchmarks.records import RESULTS

from SPMambaLib import bundle


def test_the_page_of_quality_is_made_of_the_results():
    assert quality_page.PAGE.read_text(encoding="utf-8") == quality_page.page(*quality_page.results()), \
        "run: python Testing/benchmarks/quality_page.py"


def test_a_changed_row_changes_the_page_of_quality():
    comparators, ablations = quality_page.results()
    comparators[0]["metrics"]["auroc"] = 0.12345
    assert "0.123" in quality_page.page(comparators, ablations) != quality_page.PAGE.read_text(encoding="utf-8")


def test_seeds_become_mean_and_deviation():
    rows = [{"method": "m", "metrics": {"auroc": value}} for value in (0.7, 0.8, 0.9)]
    assert quality_page.averaged(rows, ("method",))[0]["auroc"] == "0.800 +- 0.100"
    assert quality_page.averaged(rows[:1], ("method",))[0]["auroc"] == "0.700"


def test_the_page_of_operating_points_is_made_of_the_results():
    rows = operating_points_page.rows()
    assert operating_points_page.PAGE.read_text(encoding="utf-8") == operating_points_page.page(rows), \
        "run: python Testing/benchmarks/operating_points_page.py"
    for row in rows:
        row["now"][2]["finding"] = 0.002  # as it was with thresholds of halves
    assert "**0.2 %**" in operating_points_page.page(rows), "negative control"


def test_the_page_of_robustness_is_made_of_the_results():
    assert robustness_page.PAGE.read_text(encoding="utf-8") == robustness_page.page(), \
        "run: python Testing/benchmarks/robustness_page.py"
    for result in robustness_page.results():
        plot = RESULTS / "robustness_{}.svg".format(result["model"]["name"])
        assert plot.read_text(encoding="utf-8") == robustness_page.figure(result)


def test_a_changed_rate_changes_page_and_plot(monkeypatch):
    changed = robustness_page.results()
    before = robustness_page.figure(changed[0])
    changed[0]["rows"][3]["false_positive_rate"] = 0.987
    assert robustness_page.figure(changed[0]) != before
    monkeypatch.setattr(robustness_page, "results", lambda: changed)
    assert "0.99" in robustness_page.page() != robustness_page.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("study, name", [("robustness", "brain-flair"), ("robustness", "chest-xray"),
                                         ("foreign", "brain-flair"), ("foreign", "chest-xray"),
                                         ("chosen", "chest-xray")])
def test_studies_are_of_the_shipped_models(study, name):
    result = json.loads((RESULTS / "{}_{}.json".format(study, name)).read_text(encoding="utf-8"))
    assert result["model"]["sha256"] == bundle.verify(bundle.find_bundle(name))["files"][bundle.WEIGHTS]


def test_films_that_are_turned_or_noisy_are_marked_hardly_more_often_than_others():
    """On all normal films of the public test; the threshold was set on others, without a look at these."""
    rows = json.loads((RESULTS / "chosen_chest-xray.json").read_text(encoding="utf-8"))["rows"]
    found = {row["perturbation"]: row for row in rows}
    assert {(row["perturbation"], row["strength"]) for row in rows} == {("none", 0), ("rotation", 10), ("noise", 0.03)}
    assert min(row["normal"] for row in rows) == 234
    assert max(found[name]["false_positive_rate"] for name in ("rotation", "noise")) <= 0.15


@pytest.mark.parametrize("name", ["brain-flair", "chest-xray"])
def test_recorded_refusals(name):
    """Foreign images are refused, the public test normals are not."""
    sets = json.loads((RESULTS / "foreign_{}.json".format(name)).read_text(encoding="utf-8"))["sets"]
    foreign = [row for row in sets if row["kind"] == "foreign"]
    count = sum(row["n"] for row in foreign)
    assert sum(row["n"] * row["refused"] for row in foreign) >= 0.99 * count and count > 500
    normal = [row for row in sets if row["kind"] == "normal"]
    assert max(row["refused"] for row in normal) <= 0.05 and min(row["n"] for row in normal) > 200
