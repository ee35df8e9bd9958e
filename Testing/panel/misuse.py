"""A careless user: hundreds of random actions on the module, in a process of their own.

    python Testing/panel/misuse.py SEED ACTIONS [SABOTAGE]

Clicks, decides, deletes nodes, closes and loads scenes, kills the worker, reloads the module, all of it while things
run.  Prints one JSON line: what was done, and what was wrong afterwards.  SABOTAGE breaks the module on purpose, to see
that it would be noticed: "process" forgets to end the worker, "nodes" leaves half a result, "evidence" leaves that of a
result that is gone, "log" writes what is not an entry, "slot" raises.
"""
from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1]), str(HERE)]

import host  # noqa: E402
from careless import Careless  # noqa: E402


class User(Careless):
    """The module in the host, used carelessly, and what must hold at every moment."""

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder, host.start(str(HERE.parents[1] / "SPMambaExtension" / "SPMamba.py")))
        self.processes: List[int] = []
        self.problems: List[str] = []
        self.moments: Counter = Counter()  # in how many of them something ran, or was read
        self.prepare()

    def prepare(self) -> None:
        """What a test's fixtures do; again after every reload."""
        from SPMambaPanel.detection import dependencies
        from SPMambaPanel.selftests import selftest

        dependencies.missing = lambda: []
        calibration = selftest.syntheticCalibration().to_dict()
        self.widget.logic._cards = [{"format": 1, "name": "synthetic", "title": "Synthetic", "plane": "axial",
                                     "calibration": {"map": calibration}}]
        sabotage((sys.argv[3:] or [""])[0])
        self.useWorker("good")

    # -- afterwards ---------------------------------------------------------------------------------------------------

    def look(self, action: str) -> None:
        """What must hold at every moment."""
        if self.workplace.worker.processId:
            self.processes.append(self.workplace.worker.processId)
        for exception in self.host.exceptions:
            self.problems.append("{}: {}".format(action, exception.text))
        self.host.exceptions.clear()
        place = self.workplace
        if (place.run is not None) != place.machine.busy:
            self.problems.append("{}: {} with run {}".format(action, place.machine.state, place.run))
        if not place.machine.busy:
            self.problems += ["{}: {}".format(action, text) for text in staleNodes() + disagreements(place)]

    def run(self, count: int) -> Dict[str, int]:
        actions = self.actions()
        done: Counter = Counter()
        for _ in range(count):
            action = self.random.choices(list(actions), list(actions.values()))[0]
            done[action.__name__] += 1
            self.moments["running"] += self.workplace.machine.busy
            self.moments["reading"] += self.workplace.review.result is not None
            try:
                action()
                self.host.processEvents()
            except Exception as error:  # a click in Slicer would print it
                self.problems.append("{}: {!r}".format(action.__name__, error))
            self.look(action.__name__)
        return dict(done)

    def end(self) -> None:
        """Slicer quits, whatever was going on."""
        import slicer

        self.widget.exit()
        self.workplace.close()
        self.host.closeScene()
        self.host.processEvents(300)
        self.look("end")
        self.problems += ["orphan process {}".format(process) for process in set(self.processes) if lives(process)]
        self.problems += ["left: {}".format(path) for path in Path(slicer.app.temporaryPath).glob("SPMamba-*")]


def staleNodes() -> List[str]:
    """Nodes of a detection or an export that belong to nothing while nothing runs, and views of nodes that are gone."""
    import slicer
    from SPMambaPanel.scene.result import OWNED, SUMMARY_PARAMETER, Result

    records = [node for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
               if node.GetParameter(SUMMARY_PARAMETER)]
    stale = ["half a result: {}".format(node.GetName()) for node in records if not Result(node).finished]
    owned = {Result(node).get(role) for node in records for role in OWNED}
    for name in ("vtkMRMLLabelMapVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLPlotSeriesNode",
                 "vtkMRMLPlotChartNode", "vtkMRMLTableNode"):
        stale += ["belongs to nothing: {}".format(node.GetName()) for node in slicer.util.getNodesByClass(name)
                  if node not in owned and "accepted" not in node.GetName() and "angenommen" not in node.GetName()]
    texts = slicer.util.getNodesByClass("vtkMRMLTextNode")
    stale += ["evidence of nothing: {}".format(node.GetName()) for node in texts
              if node not in owned and not node.GetAttribute("SPMambaLog")]
    for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        ids = (node.GetBackgroundVolumeID(), node.GetForegroundVolumeID(), node.GetLabelVolumeID())
        stale += ["view of nothing: {}".format(each) for each in ids if each and not slicer.mrmlScene.GetNodeByID(each)]
    return stale


def disagreements(place: Any) -> List[str]:
    """Where panel, table and record tell different things of the result being read."""
    from SPMambaPanel.scene import auditlog, tables

    result = place.review.result
    found = []
    if result is not None and result.complete:
        rows = tables.readFindings(result.get("findings"))
        if [row["rank"] for row in rows] != [row["rank"] for row in place.review.findings]:
            found.append("{} rows in the scene, {} in the panel".format(len(rows), len(place.review.findings)))
    lines = sum(len((node.GetText() or "").splitlines()) for node in auditlog.logNodes())
    if len(auditlog.lines()) != lines:
        found.append("{} entries in {} lines of the log".format(len(auditlog.lines()), lines))
    return found


def lives(process: int) -> bool:
    """Whether a process is there, and not only waits to be asked for its exit code."""
    try:
        return "Z" not in Path("/proc/{}/stat".format(process)).read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def sabotage(kind: str) -> None:
    from SPMambaPanel.detection import run, workerclient
    from SPMambaPanel.scene import auditlog, result
    from SPMambaPanel.sections import panel

    def fail(self: Any, *args: Any) -> None:
        raise RuntimeError("sabotage")

    if kind == "process":
        workerclient.WorkerClient.stop = lambda self: None
    elif kind == "nodes":
        run.overlay.replace = lambda result: iter(())
    elif kind == "slot":
        panel.Panel.showProgress = fail
    elif kind == "evidence":
        result.OWNED = tuple(role for role in result.OWNED if role != "evidence")
    elif kind == "log":
        auditlog._finite = lambda entry: list(entry)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        user = User(int(sys.argv[1]), Path(folder))
        done = user.run(int(sys.argv[2]))
        user.end()
        print("MISUSE " + json.dumps({"done": done, "moments": user.moments,
                                     "processes": len(set(user.processes)), "problems": user.problems}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
