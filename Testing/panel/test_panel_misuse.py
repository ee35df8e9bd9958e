"""Five hundred careless actions leave no traceback, no process, no folder and no stale node."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

SCRIPT = Path(__file__).resolve().parent / "misuse.py"
ACTIONS = 500


def misuse(seed: int, actions: int, sabotage: str = "") -> Dict[str, Any]:
    arguments = [sys.executable, str(SCRIPT), str(seed), str(actions), *([sabotage] if sabotage else [])]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=900)
    lines = [line for line in done.stdout.splitlines() if line.startswith("MISUSE ")]
    assert done.returncode == 0 and lines, done.stdout[-2000:] + done.stderr[-4000:]
    found: Dict[str, Any] = json.loads(lines[0][len("MISUSE "):])
    found["errors"] = done.stderr
    return found


def test_careless_user(runningHost: Any) -> None:
    found = misuse(20261125, ACTIONS)
    assert not found["problems"], "\n".join(found["problems"][:5])
    assert sum(found["done"].values()) == ACTIONS and len(found["done"]) > 42
    assert min(found["moments"].values()) > 50, "much of it happened while something ran, and while a result was read"
    assert found["processes"] > 3 and "Traceback" not in found["errors"]


@pytest.mark.parametrize("sabotage, expected", [
    ("process", "orphan process"), ("nodes", "half a result"), ("slot", "RuntimeError"),
    ("evidence", "evidence of nothing"), ("log", "lines of the log")])
def test_a_broken_module_is_noticed(runningHost: Any, sabotage: str, expected: str) -> None:
    assert any(expected in problem for problem in misuse(1, 150, sabotage)["problems"])
