"""The log of a scene: every detection, decision, note, merge, export and change of the operating point that changed the
findings, one JSON line each, only ever appended.

Saved with the scene as a text node.  Who: where Slicer's user information says it.  It is also the material for a later
calibration from decisions, so every line has the model's hash and the operating point.
"""
from __future__ import annotations

import collections
import datetime
import itertools
import json
import math
from pathlib import Path
from typing import Any, Dict, List, Sequence

import slicer
from slicer.i18n import tr as _

from SPMambaLib import __version__
from SPMambaLib.errors import OutputError, UsageError

from .result import Result
from .tables import COMPONENTS, Row

TAG = "SPMambaLog"
NAME = "SP-Mamba log"
LOG_FORMAT = 1


def logNodes() -> List[Any]:
    """Text nodes with a log; several once scenes were added to one another."""
    return [node for node in slicer.util.getNodesByClass("vtkMRMLTextNode") if node.GetAttribute(TAG)]


def append(event: str, result: Result, **details: Any) -> None:
    """Add a line about a result, with everything that says how it came about."""
    summary = result.summary
    model = summary.get("model", {})
    entry = {"format": LOG_FORMAT, "time": now(), "event": event, "user": user(),
             "volume": result.inputName, "result": result.identity,
             "model": {name: model.get(name) for name in ("name", "version", "sha256")},
             "operating_point": {"false_positive_rate": summary.get("false_positive_rate"),
                                 "threshold": summary.get("threshold")},
             "software": {"module": __version__, "slicer": slicer.app.applicationVersion}, **details}
    nodes = logNodes()
    node = nodes[-1] if nodes else slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", NAME)
    node.SetAttribute(TAG, str(LOG_FORMAT))
    node.SetText((node.GetText() or "") + json.dumps(_finite(entry), allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null instead."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def findingFacts(row: Row) -> Dict[str, Any]:
    """What a line says about a finding."""
    return {"rank": row["rank"], "peak_ras": [row[name] for name in ("right", "anterior", "superior")],
            "volume_ml": row["volume_ml"], "voxels": row["voxels"], "peak": row["peak"], "mean": row["mean"],
            "components": {name: row[name] for name in COMPONENTS if name in row}, "region": row["region"]}


def appendDecision(event: str, result: Result, rows: Sequence[Row]) -> None:
    """A decision about one finding, or a merge of several."""
    if event == "decision":
        row = rows[0]
        append(event, result, finding=findingFacts(row), decision=row["decision"], reason=row["reason"],
               note=row["note"])
    else:
        append(event, result, findings=[findingFacts(row) for row in rows])


def appendOperatingPoint(result: Result, before: Dict[str, Any], rows: Sequence[Row]) -> None:
    """The reader has moved it, and now the findings are others; `before` is what there was."""
    counts = collections.Counter(row["decision"] or "undecided" for row in rows)
    append("operating-point", result, before=before, findings=len(rows), decisions=dict(counts))


def appendDetection(result: Result, count: int) -> None:
    summary = result.summary
    append("detection", result, findings=count, backend=summary.get("backend"), device=summary.get("device"),
           notices=[notice.get("code") for notice in summary.get("notices", ())])


def lines() -> List[Dict[str, Any]]:
    """All entries of the scene, the oldest first; broken lines are left out."""
    entries = []
    for node in logNodes():
        for line in (node.GetText() or "").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # edited by hand
            if isinstance(entry, dict):
                entries.append(entry)
    return sorted(entries, key=lambda entry: str(entry.get("time", "")))


def export(path: Path) -> Path:
    """Write the log as JSON lines, and return where.  A former state of the same log is replaced; where another file
    has the name, a number is added.

    Raises:
        UsageError: there is no log yet.
        OutputError: the file cannot be written.
    """
    text = "".join(json.dumps(entry) + "\n" for entry in lines())
    if not text:
        raise UsageError(_("Nothing was detected or decided in this scene yet."))
    try:
        numbered = (path.with_name("{}-{}{}".format(path.stem, n, path.suffix)) for n in itertools.count(2))
        path = next(each for each in itertools.chain([path], numbered) if not each.exists()
                    or text.startswith(each.read_text(encoding="utf-8", errors="replace")))
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(_("The log could not be written to {path}.").format(path=path), repr(error)) from error
    return path


def user() -> str:
    """Name or login that Slicer was told; empty where it was told none."""
    information = slicer.app.applicationLogic().GetUserInformation()
    return str(information.GetName() or information.GetLogin() or "") if information is not None else ""


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
