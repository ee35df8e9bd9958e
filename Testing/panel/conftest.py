"""The unmodified module in the test host, with a synthetic model and a worker whose behaviour a test chooses."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, Iterator, List

import pytest

HERE = Path(__file__).resolve().parent
EXTENSION = HERE.parents[1] / "SPMambaExtension"
sys.path.insert(0, str(EXTENSION))


def syntheticCard() -> Dict[str, Any]:
    """Card of a model; the panel needs no weights."""
    from SPMambaLib.scoring.calibration import Calibration

    calibration = Calibration.from_peaks([1.0 + 2.0 * n / 399 for n in range(400)], unit="slice")
    return {"format": 1, "name": "synthetic", "title": "Synthetic model", "purpose": "Boxes in noise.",
            "not_for": "anything else", "modality": ["MR"], "plane": "axial",
            "calibration": {"map": calibration.to_dict()}}


if all(importlib.util.find_spec(name) for name in ("slicer", "PySide6")):
    import host as testHost

    testHost.install()  # makes `qt` and the rest of `slicer`, which the test modules import
else:
    # slicer-core or PySide6 is missing; what is left needs neither.
    collect_ignore_glob = ["test_panel_[!s]*.py", "test_panel_s[!ot]*.py", "test_panel_stack.py", "test_end_to_end.py"]


@pytest.fixture(scope="session")
def runningHost() -> Any:
    return testHost.start(str(EXTENSION / "SPMamba.py"))


def emptyScene(host: Any) -> None:
    """No data, and the views as they are at the start: loading a volume turns them into its planes."""
    import slicer

    host.closeScene()
    for view, orientation in (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal")):
        slicer.util.getNode("vtkMRMLSliceNode" + view).SetOrientation(orientation)


@pytest.fixture
def host(runningHost: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The host with an empty scene and one model; exceptions in slots fail the test."""
    from SPMambaPanel.detection import dependencies

    monkeypatch.setattr(dependencies, "missing", lambda: [])
    monkeypatch.setattr(runningHost.widget.logic, "_cards", [syntheticCard()])
    emptyScene(runningHost)
    runningHost.exceptions.clear()
    runningHost.mainWindow.moduleSelector().selectModule(runningHost.module.name)  # a test may have left it
    runningHost.show()
    runningHost.widget.enter()
    yield runningHost
    runningHost.widget.workplace.dropRun()
    runningHost.widget.workplace.worker.stop()
    runningHost.widget.workplace.worker.command = None
    emptyScene(runningHost)
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
    from SPMambaPanel.selftests import selftest

    volume = selftest.syntheticVolume()
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    workplace.parameters.inputVolume = volume
    host.processEvents()
    return SimpleNamespace(volume=volume, lesion=selftest.LESION, matrix=selftest.OBLIQUE)


@pytest.fixture
def result(host: Any, case: SimpleNamespace, workplace: Any) -> Any:
    """A result of the selected volume, open for reading."""
    from SPMambaPanel.selftests import selftest

    result = selftest.addResult(case.volume)
    workplace.update()
    host.processEvents()
    return result


@pytest.fixture
def three(case: SimpleNamespace) -> List[Any]:
    """Three volumes without a result, the selected one first."""
    from SPMambaPanel.selftests import selftest

    return [case.volume, selftest.syntheticVolume("Second"), selftest.syntheticVolume("Third")]


@pytest.fixture
def fakeWorker(workplace: Any, case: SimpleNamespace, tmp_path: Path) -> Callable[..., Path]:
    """Gives the module a worker with one of the behaviours of ``fake_worker.py``; returns the result that it hands out.

    Example:
        fakeWorker("good")            # then ui.detectButton.click()
    """
    from SPMambaPanel.selftests import selftest

    def use(behaviour: str, volume: Any = None) -> Path:
        folder = tmp_path / "prepared"
        folder.mkdir(exist_ok=True)
        selftest.writeResult(folder, volume or case.volume)
        workplace.worker.stop()
        workplace.worker.command = [sys.executable, "-u", str(HERE / "fake_worker.py"), behaviour, str(folder)]
        return folder

    return use
