"""What must stay light: the viewer imports it inside Slicer, where torch must never be loaded."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "SimpleITK", "vtk", "PIL", "scipy", "safetensors", "pydicom")
LIGHT = (
    "",
    ".errors",
    ".detection",
    ".geometry",
    ".bundle",
    ".bundle.catalogue",
    ".output.appearance",
    ".output.files",
    ".output.segmentation",
    ".output.summary",
    ".io.image",
    ".cli",
    ".data.reading",
    ".data.examine",
    ".evidence.record",
    ".evidence.normal_tiles",
    ".input_check.record",
    ".input_check.stated",
    ".scoring.calibration",
    ".scoring.findings",
    ".worker.protocol",
    ".worker.server",
)


def loaded_by(code):
    """Heavy packages in memory after running `code` in a fresh process."""
    report = "\nimport sys; print(sorted(set({!r}) & set(sys.modules)))".format(HEAVY)
    result = subprocess.run([sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("module", LIGHT)
def test_light_parts_load_nothing_heavy(module):
    assert loaded_by("import SPMambaLib{}".format(module)) == "[]"


def test_the_check_sees_heavy_packages():
    """Negative control."""
    assert "'PIL'" in loaded_by("import SPMambaLib.output.overview")
    assert "'torch'" in loaded_by("import SPMambaLib.scan")


def test_listing_names_loads_nothing_heavy():
    assert loaded_by("import SPMambaLib; dir(SPMambaLib); SPMambaLib.Detection; SPMambaLib.SPMambaError; "
                     "SPMambaLib.available_models(); SPMambaLib.Image") == "[]"


def test_the_package_itself_imports_in_no_time(record_property):
    """Under 0.3 s by a wide margin: measured by the interpreter, so that a busy machine does not matter much."""
    result = subprocess.run([sys.executable, "-X", "importtime", "-c", "import SPMambaLib"], cwd=ROOT,
                            capture_output=True, text=True, check=True)
    rows = re.findall(r"import time:\s+\d+ \|\s+(\d+) \| +SPMambaLib$", result.stderr, re.MULTILINE)
    record_property("import_microseconds", rows[0])
    assert int(rows[0]) < 300_000
    assert "numpy" not in result.stderr  # not even that
