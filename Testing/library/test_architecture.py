"""Arrows between the rooms point down, the root stays small, retired words stay away, pages are those of cards."""
from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Testing" / "tools"))

import architecture  # noqa: E402
import model_pages  # noqa: E402

RETIRED = re.compile(
    r"\b(?:[Mm]isfit\w*|on_misfit|[Ff]itness\w*|fit_own|own_data|own_features|judgement|NOBODY|TileForm)\b"
)
KNOWS_OLD_WORDS = {
    "older_versions.py",
    "test_older_versions.py",
    "test_architecture.py",
    "fake_worker.py",
    "careless.py",
    "test_panel_stack.py",
    "test_panel_jobs.py",
    "detect.py",
}


def sources():
    return [path for folder in ("SPMambaLib", "SPMambaExtension", "Testing") for path in (ROOT / folder).rglob("*.py")]


def test_no_arrow_points_up():
    found = architecture.arrows()
    assert architecture.upward(found) == []
    assert len(found) > 50, "there are arrows at all"
    users = [user for user, used in found if used.startswith("panel.")]
    assert users and not [user for user in users if not user.startswith(("panel.", "SPMamba"))]


def test_every_room_stands_in_a_row():
    rooms = {room for arrow in architecture.arrows() for room in arrow} - {"__init__"}
    assert not {room for room in rooms if architecture.row_of(room) < 0}


def test_an_arrow_up_is_noticed():
    """Negative control."""
    found = {**architecture.arrows(), ("scan", "training"): 1, ("errors", "detector"): 1}
    assert architecture.upward(found) == [("errors", "detector"), ("scan", "training")]


def test_the_drawing_is_of_these_imports():
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.svg(architecture.arrows()), (
        "run: make architecture")


def packages(folder):
    """Top-level packages that the files of a folder import."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").split(".")[0])
    return found


def test_the_panels_model_is_plain_python():
    panel = "SPMambaExtension/SPMambaPanel/"
    assert not packages(panel + "model") & {"slicer", "vtk", "qt", "ctk"}
    assert {"slicer", "vtk", "qt"} <= packages(panel + "scene"), "negative control"


@pytest.mark.parametrize("folder, most", [
    ("SPMambaLib", 28), ("SPMambaLib/training", 22), ("SPMambaExtension/SPMambaPanel", 10)])
def test_folders_stay_small(folder, most):
    entries = [path.name for path in (ROOT / folder).iterdir() if path.name not in ("__pycache__", "Resources")]
    assert len(entries) <= most, sorted(entries)


def test_retired_words_stay_away():
    found = [(path.name, match.group()) for path in sources() if path.name not in KNOWS_OLD_WORDS
             for match in RETIRED.finditer(path.read_text(encoding="utf-8"))]
    assert not found
    assert RETIRED.search("on_misfit = 1") and RETIRED.search("the fitness check"), "negative control"


def test_pages_of_models_are_those_of_their_cards():
    for path, text in model_pages.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run: python Testing/tools/model_pages.py"
