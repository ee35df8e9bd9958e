"""CSV of all findings with their decisions, one row each."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Dict, List

from ..reading.whereabouts import Whereabouts
from ..scene import tables
from ..scene.naming import numberOf
from ..scene.tables import Row
from ..scene.volumeinfo import seriesNumber
from .chosen import Chosen

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet would take a text for a formula
LEFT_OUT = ("segment", "region")
SCAN = ("scan_unusual", "scan_score", "scan_rate", "scan_unit", "scan_normals")  # the verdict on the whole scan
PIXELS = ("column_px", "row_px")  # of a picture, from its upper left corner


def writeTable(chosen: Chosen, folder: Path, stem: str) -> List[Path]:
    """Columns of the findings table of the scene, what they belong to, and whether each one was exported.  ``right``,
    ``anterior`` and ``superior`` are mm in the world (RAS), as in every other export.  The verdict on the whole scan
    stands in every row; without findings it has a row of its own."""
    path = folder / (stem + ".csv")
    result = chosen.result
    words = Whereabouts(result)
    rows = [_line(words.record(row), row["rank"] in chosen.ranks)
            for row in tables.readFindings(result.get("findings"))]
    summary, volume = result.summary, result.input
    model = summary.get("model", {})
    facts: Dict[str, Any] = {"volume": _text(result.inputName),
             "volume_number": numberOf(volume if volume is not None else result.segmentation),
             "series": seriesNumber(volume) if volume is not None else "", "model": model.get("name", ""),
             "model_version": model.get("version", ""), "model_sha256": model.get("sha256", ""),
             "operating_point": summary["false_positive_rate"], "threshold": summary["threshold"]}
    verdict = result.scanVerdict
    facts.update(dict.fromkeys(SCAN, "") if verdict is None else dict(zip(SCAN, (
        int(verdict.unusual), verdict.score, verdict.rate, verdict.unit, verdict.normals))))
    if verdict is not None and not rows:
        rows = [{"exported": 0}]  # a scan without findings may be unusual as a whole
    names = [name for name, _kind in tables.FINDING_COLUMNS if name not in LEFT_OUT]
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=[*facts, *names, *PIXELS, "exported"], restval="")
        writer.writeheader()
        writer.writerows({**facts, **row} for row in rows)
    return [path]


def _line(row: Row, exported: bool) -> Dict[str, Any]:
    line = {name: value for name, value in row.items() if name not in LEFT_OUT}
    return {**line, "decision": row["decision"] or "undecided",
            "note": _text(row["note"]), "exported": int(exported)}


def _text(text: str) -> str:
    return "'" + text if text.startswith(FORMULA_SIGNS) else text
