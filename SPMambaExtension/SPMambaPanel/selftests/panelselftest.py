"""The self-test of the panel, inside Slicer: built, clicked through and saved, with a stub in place of the analysis.

Needs neither torch nor network nor the installed models; *Reload and Test* of the module runs it.
"""
from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import slicer

from .. import export
from ..detection import dependencies
from ..detection.workerclient import workerCommand
from ..scene import tables
from ..scene.result import Result
from . import selftest

WAIT_S = 60.0

STUB = '''
import json, shutil, sys
from pathlib import Path
prepared = Path(sys.argv[1])
def send(**event):
    print(json.dumps({"v": 1, **event}), flush=True)
send(event="ready", version="stub", pid=0)
for line in sys.stdin:
    message = json.loads(line)
    if message["command"] == "detect":
        job = Path(message["job"])
        send(event="progress", id=message["id"], fraction=0.5, text="stub")
        for path in prepared.iterdir():
            shutil.copy(str(path), str(job))
        send(event="result", id=message["id"], folder=str(job), result="result.json")
    elif message["command"] == "shutdown":
        break
'''


def card() -> Any:
    """Of a model that needs no weights."""
    return {"name": "synthetic", "title": "Synthetic model", "purpose": "Boxes in noise.", "not_for": "anything else",
            "modality": ["MR"], "plane": "axial", "calibration": {"map": selftest.syntheticCalibration().to_dict()}}


@contextmanager
def stubbed(widget: Any, volume: Any) -> Iterator[None]:
    """The panel with a stub worker that hands out a synthetic result of `volume`; afterwards as it was."""
    worker, missing, cards = widget.workplace.worker, dependencies.missing, widget.logic._cards
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared"
        prepared.mkdir()
        selftest.writeResult(prepared, volume)
        script = Path(folder) / "stub.py"
        script.write_text(STUB, encoding="ascii")
        worker.stop()
        worker.command = [workerCommand()[0] or sys.executable, "-u", str(script), str(prepared)]
        dependencies.missing, widget.logic._cards = (lambda: []), [card()]
        try:
            yield
        finally:
            widget.workplace.dropRun()
            worker.stop()
            worker.command = None
            dependencies.missing, widget.logic._cards = missing, cards


def waitFor(condition: Callable[[], bool], what: str) -> None:
    """Let Slicer work until it is true.

    Raises:
        TimeoutError: it did not become true.
    """
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        slicer.app.processEvents()
        time.sleep(0.005)


def settle(seconds: float = 0.2) -> None:
    """Timers of the panel run out."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        slicer.app.processEvents()
        time.sleep(0.005)


def walkThrough(widget: Any, case: Any) -> None:
    """Detect, walk, decide, take back, export, save, load, leave and come back; `case` is the unittest.TestCase."""
    ui, workplace = widget.ui, widget.workplace
    volume = selftest.syntheticVolume("SelfTest")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    widget.enter()
    workplace.parameters.inputVolume = volume
    settle()
    with stubbed(widget, volume), tempfile.TemporaryDirectory() as folder:
        workplace.update()
        case.assertTrue(ui.detectButton.enabled, ui.statusLabel.text)
        ui.detectButton.click()
        waitFor(lambda: Result.of(volume) is not None and not workplace.machine.busy, "a result of the stub")
        settle()
        case.assertEqual(len(workplace.review.findings), 1)
        case.assertEqual(workplace.review.finding, 0, "the first finding is in view")
        ui.acceptButton.click()
        case.assertEqual(workplace.review.findings[0]["decision"], "accepted")
        ui.undoButton.click()
        case.assertEqual(workplace.review.findings[0]["decision"], "")
        ui.unsureButton.click()
        case.assertEqual(workplace.review.findings[0]["decision"], "unsure")
        ui.operatingPointSlider.value = ui.operatingPointSlider.value - 10
        settle(0.5)
        case.assertEqual(workplace.review.findings[0]["decision"], "unsure")
        files = workplace.exports.exportTo(Path(folder), [export.TABLE, export.SEGMENTATION])
        case.assertTrue(files and all(path.stat().st_size > 0 for path in files), ui.statusLabel.text)
        scene = str(Path(folder) / "scene.mrb")
        case.assertTrue(slicer.util.saveScene(scene))
        slicer.mrmlScene.Clear(0)
        settle()
        slicer.util.loadScene(scene)
        settle()
        result = Result.of(slicer.util.getNode("SelfTest"))
        assert result is not None
        case.assertEqual(tables.readFindings(result.get("findings"))[0]["decision"], "unsure")
        widget.exit()
        widget.enter()
        settle()
        case.assertIs(workplace.parameters.inputVolume, result.input)
        case.assertEqual(workplace.review.findings[0]["decision"], "unsure")
