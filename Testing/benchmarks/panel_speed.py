"""How fast the panel is: opening the module, and from a move of the operating point to the redrawn slice.

    python Testing/benchmarks/panel_speed.py [--output Testing/benchmarks/results/panel_cpu.json]

Runs in the test host (real scene, logics and rendering in software), without torch.  The volume has 256 x 256 x 160
voxels and 60 marked places.  "redrawn" is the axial view drawn with the new bands; "all views" are the three slice
views; "findings" is what follows when the slider rests: findings, table and segments.  The module is compiled before it
is opened, as the extension's package has it.
"""
from __future__ import annotations

import argparse
import compileall
import datetime
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT)]

SHAPE = (160, 256, 256)
PLACES = 60
MOVES = 40
OPENINGS = 5
MODULE = ROOT / "SPMambaExtension" / "SPMamba.py"


def anomalyMap() -> np.ndarray:
    """Noise below every operating point, and balls that reach from there to far above "extreme"."""
    rng = np.random.default_rng(0)
    values = rng.uniform(0.0, 0.9, SHAPE).astype(np.float32)
    for _ in range(PLACES):
        radius = int(rng.integers(2, 9))
        k, j, i = (int(rng.integers(radius, size - radius - 1)) for size in SHAPE)
        z, y, x = np.ogrid[-radius:radius + 1, -radius:radius + 1, -radius:radius + 1]
        ball = (1.0 - np.sqrt(z * z + y * y + x * x) / (1.2 * radius)) * rng.uniform(2.0, 7.0)
        part = values[k - radius:k + radius + 1, j - radius:j + radius + 1, i - radius:i + radius + 1]
        np.maximum(part, ball, out=part)
    return values


def summary(milliseconds: List[float]) -> Dict[str, float]:
    return {"median_ms": round(float(np.median(milliseconds)), 1),
            "p90_ms": round(float(np.quantile(milliseconds, 0.9)), 1), "n": len(milliseconds)}


def since(start: float) -> float:
    return 1000.0 * (time.perf_counter() - start)


def openings(running: Any, kept: List[Any]) -> List[float]:
    """Milliseconds to make the panel (its .ui, logic, models' cards) and enter the module, the panel's own files
    imported anew, libraries already loaded.  The very first time, libraries included, is measured apart."""
    times = []
    for _ in range(OPENINGS):
        for name in [name for name in sys.modules if name.split(".")[0] == "SPMambaPanel"]:
            del sys.modules[name]
        start = time.perf_counter()
        representation = running.module.createNewWidgetRepresentation()
        representation.enter()
        times.append(since(start))
        kept.append(representation)  # its selectors watch the scene
        representation.exit()
        representation.self().cleanup()
    return times


def moves(running: Any) -> Dict[str, List[float]]:
    """Milliseconds after moves of the slider: bands in the scene, axial view redrawn, all slice views redrawn; and of
    the findings that follow."""
    import slicer
    from SPMambaPanel.selftests import selftest

    values = anomalyMap()
    volume = slicer.util.addVolumeFromArray((100.0 * values).astype(np.int16), name="Benchmark")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    selftest.SHAPE, workplace = SHAPE, running.widget.workplace
    workplace.parameters.inputVolume = volume
    result = selftest.addResult(volume)
    slicer.util.arrayFromVolume(result.map)[:] = values
    slicer.util.arrayFromVolumeModified(result.map)
    workplace.update()
    running.processEvents(500)
    slider, views = running.widget.ui.operatingPointSlider, [running._view(name) for name in ("Red", "Green", "Yellow")]
    times: Dict[str, List[float]] = {"first_move": [], "bands": [], "redrawn": [], "all_views": [], "findings": []}
    positions = np.random.default_rng(1).integers(0, 200, MOVES + 1).tolist()
    for number, position in enumerate(positions):
        start = time.perf_counter()
        slider.value = position
        banded = since(start)
        views[0].forceRender()
        redrawn = since(start)
        for view in views[1:]:
            view.forceRender()
        if number == 0:
            times["first_move"].append(redrawn)
        else:
            times["bands"].append(banded)
            times["redrawn"].append(redrawn)
            times["all_views"].append(since(start))
        start = time.perf_counter()
        workplace.review.recompute()
        times["findings"].append(since(start))
        running.processEvents(5)
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "Testing/benchmarks/results/panel_cpu.json")
    options = parser.parse_args()
    import host

    for folder in (MODULE.parent, ROOT / "SPMambaLib"):
        compileall.compile_dir(str(folder), quiet=1)
    application = host.start(str(ROOT / "Testing" / "host" / "example" / "Example.py"))  # without the module
    application.processEvents(1000)  # its first pictures of the views are not part of opening a module
    start = time.perf_counter()
    running = host.start(str(MODULE))
    cold = since(start)
    kept: List[Any] = []
    opened = openings(running, kept)
    # The panel whose files were dropped above is made again, so that all parts are of one kind.
    running.panel.reload()
    running.panel.enter()
    times = moves(running)
    report = {
        "command": "python Testing/benchmarks/panel_speed.py", "date": datetime.date.today().isoformat(),
        "device": "{} x {}, rendering in software".format(os.cpu_count(), platform.processor() or platform.machine()),
        "load_average": [round(value, 1) for value in os.getloadavg()],
        "volume": list(SHAPE), "torch_loaded": "torch" in sys.modules,
        "opening_first_time": {"ms": round(cold, 1)}, "opening": summary(opened),
        **{name: summary(values) for name, values in times.items()}}
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))
    return 1 if running.exceptions else 0


if __name__ == "__main__":
    sys.exit(main())
