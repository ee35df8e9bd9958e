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


def test_module_and_detection_never_load_torch(tmp_path: Path) -> None:
    """In a fresh process: load the module in the host, select a volume, show a result, move the threshold."""
    code = """
import sys
sys.path[:0] = [{root!r}, {testing!r}, {extension!r}]
import host
running = host.start({module!r})
from SPMambaPanel import selftest
volume = selftest.syntheticVolume()
selftest.addResult(volume)
workplace = running.widget.workplace
workplace.parameters.inputVolume = volume
running.processEvents()
running.widget.ui.operatingPointSlider.value = 10
workplace.review.recompute()
assert workplace.review.findings and not running.exceptions
print("loaded:", sorted({forbidden!r} & set(sys.modules)))
""".format(root=str(ROOT), testing=str(ROOT / "Testing"), extension=str(EXTENSION),
           module=str(EXTENSION / "SPMamba.py"), forbidden={"torch", "numba", "triton", "safetensors"})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert "loaded: []" in done.stdout, done.stdout + done.stderr


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
