"""The page of measured times says what the results say, and the results keep what was promised."""
from __future__ import annotations

import json

import pytest
from benchmarks import speed_page


def rows(name):
    return json.loads((speed_page.HERE / "results" / name).read_text())["rows"]


def test_the_page_is_made_of_the_results():
    assert speed_page.PAGE.read_text(encoding="utf-8") == speed_page.page(), \
        "run: python Testing/benchmarks/speed_page.py"


def test_a_changed_result_changes_the_page(monkeypatch):
    changed = speed_page.results()
    changed[0]["rows"][0]["total_ms"] = 12345.0
    monkeypatch.setattr(speed_page, "results", lambda: changed)
    assert "12345" in speed_page.page() != speed_page.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name, least", [("paper_cpu_torch", 12), ("paper_cpu_numba", 20)])
def test_recorded_speed_against_the_sequential_form(name, least):
    row = rows("bench_detect_{}.json".format(name))[0]
    assert row["times_faster"] >= least and row["memory_mib"] < 300


@pytest.mark.parametrize("name, most", [("compact_cpu_torch", 4.0), ("compact_cpu_numba", 2.5)])
def test_recorded_speed_against_the_teacher(name, most):
    assert rows("bench_detect_{}.json".format(name))[0]["teacher_ratio"] <= most


def test_recorded_training_step():
    numba = next(row for row in rows("bench_train_compact_cpu.json") if row["backend"] == "numba")
    assert numba["ratio"] >= 4


def test_recorded_errors():
    assert max(row["error"] for row in rows("bench_scan_cpu.json")) < 1e-5
