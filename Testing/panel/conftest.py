"""The unmodified module in the test host, with a synthetic model and a worker whose behaviour a test chooses."""
from __future__ import annotations

import atexit
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Iterator

import pytest

HERE = Path(__file__).resolve().parent
EXTENSION = HERE.parents[1] / "SPMambaExtension"
sys.path.insert(0, str(EXTENSION))


def makeModelFolder() -> Path:
    """A folder with the card of one model, "synthetic"; the panel needs no weights."""
    from SPMambaLib.scoring.calibration import Calibration

    calibration = Calibration.from_peaks([1.0 + 2.0 * n / 399 for n in range(400)], unit="slice")
    card = {"format": 1, "name": "synthetic", "title": "Synthetic model", "purpose": "Boxes in noise.",
            "not_for": "anything else", "modality": ["MR"], "plane": "axial", "preprocessing": {}, "network": {},
            "scoring": {}, "calibration": {"map": calibration.to_dict()}, "files": {}}
    folder = Path(tempfile.mkdtemp(prefix="spmamba-test-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "synthetic").mkdir()
    (folder / "synthetic" / "card.json").write_text(json.dumps(card))
    return folder


# The host makes `qt` and the rest of `slicer`, which the test modules import: it runs before they are collected.
if all(importlib.util.find_spec(name) for name in ("slicer", "PySide6")):
    import host as testHost

    os.environ["SPMAMBA_MODELS"] = str(makeModelFolder())
    runningHost = testHost.start(str(EXTENSION / "SPMamba.py"))
else:
    collect_ignore_glob = ["test_panel_[!s]*.py", "test_panel_scene.py"]  # slicer-core or PySide6 is missing


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The host with an empty scene; exceptions in slots fail the test."""
    from SPMambaPanel import dependencies

    monkeypatch.setattr(dependencies, "missing", lambda: [])
    runningHost.closeScene()
    runningHost.exceptions.clear()
    runningHost.widget.enter()
    yield runningHost
    runningHost.widget.workplace.dropRun()
    runningHost.widget.workplace.worker.stop()
    runningHost.widget.workplace.worker.command = None
    runningHost.closeScene()
    texts = [exception.text for exception in runningHost.exceptions]
    runningHost.exceptions.clear()
    assert not texts, "\n".join(texts)


@pytest.fixture
def workplace(host: Any) -> Any:
    return host.widget.workplace


@pytest.fixture
def ui(host: Any) -> Any:
    return host.widget.ui


@pytest.fixture
def case(host: Any, workplace: Any) -> SimpleNamespace:
    """A volume with a known lesion, selected and shown."""
    import slicer
    from SPMambaPanel import selftest

    volume = selftest.syntheticVolume()
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    workplace.parameters.inputVolume = volume
    host.processEvents()
    return SimpleNamespace(volume=volume, lesion=selftest.LESION, matrix=selftest.OBLIQUE)


@pytest.fixture
def fakeWorker(workplace: Any, case: SimpleNamespace, tmp_path: Path) -> Callable[..., Path]:
    """Gives the module a worker with one of the behaviours of ``fake_worker.py``; returns the result that it hands out.

    Example:
        fakeWorker("good")            # then ui.detectButton.click()
    """
    from SPMambaPanel import selftest

    def use(behaviour: str, volume: Any = None) -> Path:
        folder = tmp_path / "prepared"
        folder.mkdir(exist_ok=True)
        selftest.writeResult(folder, volume or case.volume)
        workplace.worker.stop()
        workplace.worker.command = [sys.executable, "-u", str(HERE / "fake_worker.py"), behaviour, str(folder)]
        return folder

    return use
