"""One device proved: what stands between it and PyTorch, and every scan backend against the float64 reference."""
from __future__ import annotations

import platform
from typing import Any, Callable, Dict, List

from . import card, driver
from .card import Facts, Problem


def run(device: str, progress: Callable[[float, str], None] = lambda fraction, text: None) -> Dict[str, Any]:
    """Check a device, "cpu" or "cuda[:N]"; JSON-ready, with a verdict in words.  Does not raise for what it finds."""
    try:
        import torch
    except ModuleNotFoundError:
        torch = None  # type: ignore[assignment]
    facts = card.look(driver.find(), torch, device) if device != "cpu" else Facts(
        driver.Driver(driver.ABSENT), torch=str(torch.__version__) if torch else "", usable=torch is not None)
    problems = card.obstacles(facts) if device != "cpu" else []
    rows: List[Dict[str, Any]] = []
    if torch is not None and not any(problem.fatal for problem in problems):
        from . import parity

        rows = parity.run(device, progress=progress)
        problems += wrong(rows)
    return {"device": device, "system": platform.platform(terse=True), "facts": facts.to_dict(),
            "problems": [vars(problem) for problem in problems], "parity": rows, "verdict": verdict(device, problems)}


def wrong(rows: List[Dict[str, Any]]) -> List[Problem]:
    """One problem for each backend that gives wrong numbers or fails."""
    found: Dict[str, Problem] = {}
    for row in rows:
        name = row["backend"]
        if row["state"] in ("wrong", "failed") and name not in found:
            what = "gives wrong numbers" if row["state"] == "wrong" else "fails"
            found[name] = Problem("wrong-numbers" if row["state"] == "wrong" else "backend-fails",
                                  "The scan by {} {} here: {}.".format(name, what, row["text"]),
                                  "Set the environment variable SPMAMBA_SCAN=torch and report this.", fatal=False)
    return list(found.values())


def verdict(device: str, problems: List[Problem]) -> str:
    """The outcome in one sentence."""
    if any(problem.fatal for problem in problems):
        return "{} cannot be used as it is.".format(device)
    return "{} computes rightly{}.".format(device, ", except for what is said above" if problems else "")
