"""What the panel's source must not do."""
from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = ROOT / "SPMambaExtension"
SOURCES = sorted(EXTENSION.rglob("*.py"))
FORBIDDEN = {"torch", "numba", "triton", "safetensors", "PySide6", "SimpleITK"}
NOT_FOR_OPENING = FORBIDDEN - {"PySide6"} | {  # which the host is made of
    "_hashlib", "_ssl", "PIL", "pandas", "pydicom", "nibabel", "scipy", "SPMambaPanel.selftests.selftest",
    "SPMambaLib.io.image"}


def runFresh(code: str) -> str:
    """What a fresh process prints that starts with the application and without the module."""
    start = """
import sys
sys.path[:0] = [{root!r}, {testing!r}, {extension!r}]
import host
host.start({example!r})
module = {module!r}
""".format(root=str(ROOT), testing=str(ROOT / "Testing"), extension=str(EXTENSION),
           example=str(ROOT / "Testing/host/example/Example.py"), module=str(EXTENSION / "SPMamba.py"))
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def imported(tree: ast.AST) -> set:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_imports(path: Path) -> None:
    assert not imported(ast.parse(path.read_text(encoding="utf-8"))) & FORBIDDEN


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_texts_are_formatted_after_translation(path: Path) -> None:
    """A translation is looked up by the literal: no f-string, no formatted text inside ``_()``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
            assert isinstance(node.args[0], ast.Constant), "{}:{}".format(path.name, node.lineno)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_length(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 300 and max(map(len, lines), default=0) <= 120


def test_module_and_detection_never_load_torch() -> None:
    """Load the module, select a volume, show a result, move the threshold."""
    assert "loaded: []" in runFresh("""
running = host.start(module)
from SPMambaPanel.selftests import selftest
volume = selftest.syntheticVolume()
selftest.addResult(volume)
workplace = running.widget.workplace
workplace.parameters.inputVolume = volume
running.processEvents()
running.widget.ui.operatingPointSlider.value = 10
workplace.review.recompute()
assert workplace.review.findings and not running.exceptions
print("loaded:", sorted({forbidden!r} & set(sys.modules)))
""".format(forbidden={"torch", "numba", "triton", "safetensors"}))


OPENED = """
before, loads = set(sys.modules), []
import qt
load = qt.QUiLoader.load
qt.QUiLoader.load = lambda *arguments: loads.append(1) or load(*arguments)
{extra}
running = host.start(module)
assert running.widget.ui.modelSelector.count > 0 and not running.exceptions
print("loaded:", sorted({heavy!r} & (set(sys.modules) - before)), "forms:", len(loads))
"""


def test_opening_the_module_is_light() -> None:
    """With the cards of the shipped models read: one form, nothing that only a click needs, no OpenSSL for hashes."""
    assert "loaded: [] forms: 1" in runFresh(OPENED.format(extra="", heavy=NOT_FOR_OPENING))
    seen = runFresh(OPENED.format(extra="import hashlib; import SPMambaLib.io.image", heavy=NOT_FOR_OPENING))
    assert "loaded: ['SPMambaLib.io.image', '_hashlib']" in seen, "negative control"


def test_research_use_is_in_the_ui() -> None:
    text = (EXTENSION / "Resources" / "UI" / "SPMamba.ui").read_text(encoding="utf-8")
    assert "Research use only, not for diagnosis." in text


def test_icon_is_what_the_extension_index_wants() -> None:
    image = pytest.importorskip("PIL.Image").open(EXTENSION / "Resources" / "Icons" / "SPMamba.png")
    assert image.size == (128, 128) and image.format == "PNG"


def test_python_39_syntax() -> None:
    """Slicer 5.6 and 5.8 run Python 3.9."""
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        ast.parse(text, feature_version=(3, 9))
        assert re.search(r"^from __future__ import annotations$", text, re.MULTILINE), path.name
