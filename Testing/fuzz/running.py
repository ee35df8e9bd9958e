"""Reads cases under two fill patterns and says what is wrong with the outcome of each."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

from .mutations import Case

PATTERNS = (85, 170)  # of bytes in memory that was never written
ROOT = Path(__file__).resolve().parents[2]
OUT_OF_MEMORY = ("bad_alloc", "failed to allocate", "out of memory", "memoryerror")


def run(cases: Iterable[Case], *, seconds: float, keep: Optional[Path] = None,
        reader: str = "SPMambaLib.io.image:read_image") -> List[Dict[str, Any]]:
    """A row for each case: what became of it, and `wrong`, empty if that was right.

    Args:
        seconds: for the reading of one file.
        keep: where to put the files that went wrong.
        reader: what is tested, as "module:function".
    """
    children = [_start(pattern, reader) for pattern in PATTERNS]
    rows = []
    try:
        with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
            for case in cases:
                path = Path(folder, "file" + case.suffix)
                path.write_bytes(case.content)
                answers = [_ask(child, path, seconds, n == 0) for n, child in enumerate(children)]
                row = {"name": case.name, **answers[0], "verdict": answers[0].get("compared", "")[:9].split(":")[0]}
                row["seconds"] = max(answer["seconds"] for answer in answers)
                row["memory"] = max(answer["memory"] for answer in answers)
                row["wrong"] = wrong(answers)
                rows.append(row)
                if row["wrong"] and keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, keep / (case.name.replace("/", " ").replace(" ", "-") + case.suffix))
                path.unlink()
    finally:
        for child in children:
            child.kill()
            child.communicate()
    return rows


def wrong(answers: List[Dict[str, Any]]) -> str:
    """What is wrong with the outcomes of one file under the two patterns; "" if nothing is."""
    first, second = answers
    for answer in answers:
        if answer["outcome"] not in ("read", "refused"):
            return "{}: {} {}".format(answer["outcome"], answer["code"], answer.get("message", ""))
        if answer["stderr"].strip():
            return "prints: {}".format(answer["stderr"])
        detail = answer.get("detail", "").lower()
        if answer["code"] == "internal" or any(word in detail for word in OUT_OF_MEMORY):
            return "asked for too much memory, or unexpected: {} {}".format(answer["code"], detail)
    if (first["outcome"], first.get("digest"), first["code"]) != (second["outcome"], second.get("digest"),
                                                                  second["code"]):
        return "not the same twice: voxels of memory that was never written"
    compared = first.get("compared", "")
    return compared if compared.startswith("different") and not first["notices"] else ""


def _start(pattern: int, reader: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "MALLOC_PERTURB_": str(pattern), "PYTHONPATH": os.pathsep.join(
        [str(ROOT), str(ROOT / "Testing"), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen([sys.executable, "-W", "default", "-m", "fuzz.child", reader], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT / "Testing")


def _ask(child: "subprocess.Popen[str]", path: Path, seconds: float, compare: bool) -> Dict[str, Any]:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps({"path": str(path), "seconds": seconds, "compare": compare}) + "\n")
    child.stdin.flush()
    return dict(json.loads(child.stdout.readline()))
