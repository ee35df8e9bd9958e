"""One device proved: what stands between it and PyTorch, every scan backend against the float64 reference, the maps of
whole networks against the CPU's, memory that runs out, and how fast it is.
"""
from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from .. import __version__
from . import card, driver
from .anonymous import without_names
from .card import Facts, Problem

BUDGET = 110.0
"""s after which nothing more is begun; what was left out is said."""

FOR_PARITY = 0.6
"""Of the budget: what the backends may take, so that the maps get their turn."""

PACKAGES = ("triton", "triton-windows", "mamba-ssm", "numba")

Progress = Callable[[float, str], None]


def run(device: str, progress: Progress = lambda fraction, text: None, check: Callable[[], None] = lambda: None,
        budget: float = BUDGET) -> Dict[str, Any]:
    """Check a device; JSON-ready, with a verdict in words, and nothing in it that says whose computer it is.

    Does not raise for what it finds.

    Args:
        device: "cpu", "cuda" or "cuda:N"; "auto" is the graphics card if there is one or should be one.
        check: called between computations; may raise to end the run.
        budget: s after which nothing more is begun.

    Returns:
        ``facts``, ``problems``, ``parity``, ``maps``, ``memory``, ``speed``, ``gain`` (see the modules of this room),
        ``verdict`` and ``advice`` in words, and ``recommendation``: ``device``, ``backend``, ``precision``, ``batch``
        (None: not measured), ``force_backend`` (the software would take another, wrong one by itself) and ``avoid`` (a
        device that must not be used, or empty).
    """
    start = time.monotonic()
    torch: Any = None
    try:
        import torch
    except ModuleNotFoundError:
        pass
    except Exception as error:  # a damaged PyTorch
        broken = Problem("torch-broken", "PyTorch is installed and cannot be loaded ({}).".format(
            " ".join(str(error).split())[:200]), "Install it again.")
        return without_names(_report(device, Facts(driver.find()), [broken], {}, start))
    found = driver.find() if device != "cpu" else driver.Driver(driver.ABSENT)
    asked, device = device, chosen(device, found, torch)
    facts = card.look(found, torch, device, versions()) if device != "cpu" else Facts(
        found, torch=str(torch.__version__) if torch else "", usable=torch is not None, versions=versions())
    problems = card.obstacles(facts) if device != "cpu" else [] if torch else [card.no_torch(facts)]
    parts: Dict[str, Any] = {}
    if torch is not None and not any(problem.fatal for problem in problems):
        parts = _Proof(device, progress, check, start, budget).run()
        problems += parts.pop("problems")
    report = _report(device, facts, problems, parts, start)
    if asked == "auto" and device == "cpu":
        report["verdict"] = "There is no graphics card for it in this computer. {}".format(report["verdict"])
    return without_names(report)


def chosen(device: str, found: driver.Driver, torch: Optional[Any]) -> str:
    """The device that is meant by "auto"; others as they are."""
    if device != "auto":
        return device
    there = found.state != driver.ABSENT or found.hardware or (torch is not None and torch.cuda.is_available())
    return "cuda" if there else "cpu"


def versions() -> Dict[str, str]:
    """Of the packages with scan backends, those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class _Proof:
    """The computations, one after the other until the time is up."""

    def __init__(self, device: str, progress: Progress, check: Callable[[], None], start: float,
                 budget: float) -> None:
        self.device, self.progress, self.check = device, progress, check
        self.start, self.budget = start, budget
        self.left_out: List[str] = []

    def late(self, what: str = "", share: float = 1.0) -> bool:
        """Whether a share of the budget is used up; `what` is then left out."""
        late = time.monotonic() - self.start > share * self.budget
        if late and what:
            self.left_out.append(what)
        return late

    def run(self) -> Dict[str, Any]:
        from ..scan import backends_for
        from . import maps, parity, speed

        rows = parity.run(self.device, progress=lambda part, text: self.progress(0.5 * part, text), check=self.check,
                          enough=lambda: self.late(share=FOR_PARITY))
        self.left_out += sorted({"{} at {} tokens".format(row["backend"], row["tokens"]) for row in rows
                                 if row["state"] == "left out"})
        problems = wrong(rows)
        scan = first_right(backends_for(self.device), rows)
        found: Dict[str, Any] = {"parity": rows, "problems": problems}
        if not scan:
            problems.append(Problem("no-backend", "No scan backend computes rightly on {}.".format(self.device),
                                    "Use the CPU and report this."))
            return found
        found["maps"] = [] if self.late("the maps") else maps.run(
            self.device, scan, check=self.check, progress=lambda part, text: self.progress(0.5 + 0.25 * part, text))
        problems += wrong_maps(found["maps"])
        self.check()
        precisions = [p for p in ("single", "half") if any(
            row["precision"] == p and row["state"] == "right" for row in found["maps"])]
        batch: Optional[int] = None
        if precisions and not any(problem.fatal for problem in problems):
            self.progress(0.8, "speed")
            paths = maps.shipped()
            if not self.late("the speed"):
                found["speed"] = speed.run(paths, self.device, scan, precisions, self.check)
                batch = speed.best_batch(found["speed"])
            if self.device != "cpu" and not self.late("memory that runs out"):
                from . import memory

                self.progress(0.9, "memory that runs out")
                found["memory"] = memory.prove_card(maps.of_volumes(self.device, scan), maps.volume(memory.SLICES)[0])
                problems += not_recovered(found["memory"])
            if self.device == "cpu" and scan in ("torch", "numba") and not self.late("what numba gains"):
                found["gain"] = speed.numba(paths)
        if self.left_out:
            problems.append(Problem("cut-short", "The check was cut short after {:.0f} s, without: {}.".format(
                self.budget, ", ".join(self.left_out)), "Close other programs and check again.", fatal=False))
        usual = backends_for(self.device)
        found["recommendation"] = {"device": self.device, "backend": scan, "precision": "single", "batch": batch,
                                   "force_backend": not _usual(rows, usual, scan), "avoid": ""}
        return found


def _usual(rows: List[Dict[str, Any]], names: Tuple[str, ...], scan: str) -> bool:
    """Whether the software takes this backend by itself: all faster ones fail the small trial, too."""
    faster = names[:names.index(scan)]
    tried = {row["backend"] for row in rows if "tokens" in row and row["state"] != "left out"}
    return not tried.intersection(faster)


def first_right(names: Tuple[str, ...], rows: List[Dict[str, Any]]) -> str:
    """The fastest backend that works and was right at every size that was tried; empty if there is none."""
    for name in names:
        states = {row["state"] for row in rows if row["backend"] == name}
        if states and states <= {"right", "left out"}:
            return name
    return ""


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


def wrong_maps(rows: List[Dict[str, Any]]) -> List[Problem]:
    """One problem for each precision in which a map is not what it must be; in single precision it is fatal."""
    found: Dict[str, Problem] = {}
    for row in rows:
        precision = row["precision"]
        if row["state"] == "right" or precision in found:
            continue
        single = precision == "single"
        found[precision] = Problem(
            "wrong-maps" if row["state"] == "wrong" else "detection-fails",
            "The model {model} in {precision} precision: {text}.".format(**row),
            "Use the CPU and report this." if single else "Use single precision.", fatal=single)
    return list(found.values())


def not_recovered(row: Dict[str, Any]) -> List[Problem]:
    """What there is to say of memory that ran out."""
    if row["state"] == "recovered":
        return []
    return [Problem("memory-not-recovered" if row["state"] == "failed" else "memory-not-tried",
                    "Memory that runs out: {}.".format(row["text"]),
                    "Close other programs that use the card before a large volume; report this.", fatal=False)]


def verdict(device: str, problems: List[Problem]) -> str:
    """The outcome in one sentence."""
    if any(problem.fatal for problem in problems):
        return "{} cannot be used as it is.".format(device)
    return "{} computes rightly{}.".format(device, ", except for what is said above" if problems else "")


def _report(device: str, facts: Facts, problems: List[Problem], parts: Dict[str, Any], start: float) -> Dict[str, Any]:
    fatal = any(problem.fatal for problem in problems)
    recommendation = parts.pop("recommendation", None)
    if fatal or recommendation is None:
        recommendation = {"device": "cpu", "backend": "", "precision": "single", "batch": None, "force_backend": False,
                          "avoid": device if device != "cpu" else ""}
    report = {
        "format": 1, "spmamba": __version__, "date": datetime.date.today().isoformat(), "device": device,
        "system": platform.platform(terse=True), "python": platform.python_version(), "processors": os.cpu_count(),
        "facts": facts.to_dict(), "problems": [vars(problem) for problem in problems],
        "parity": [], "maps": [], "memory": None, "speed": [], "gain": [], **parts,
        "recommendation": recommendation, "verdict": verdict(device, problems),
        "seconds": round(time.monotonic() - start, 1)}
    report["advice"] = advice(report)
    return report


def advice(report: Dict[str, Any]) -> str:
    """The recommendation in words."""
    if not report["facts"]["torch"]:
        return "Install PyTorch, then check again."
    wanted = report["recommendation"]
    if wanted["device"] == "cpu" and report["device"] != "cpu":
        return "Until that is mended, compute on the CPU."
    text = "Compute on {} in single precision, scan by {}".format(wanted["device"], wanted["backend"])
    if wanted["batch"]:
        rows = [row for row in report["speed"] if (row["precision"], row["batch"]) == ("single", wanted["batch"])]
        text += ", {} slice(s) at once ({})".format(wanted["batch"], "; ".join(
            "{slices_per_second:.1f} slices per second of {model}".format(**row) for row in rows))
    gains = [row["text"] for row in report["gain"] if row["scans"] and not row["installed"]]
    return "{}.{}".format(text, " With numba it would be faster ({}).".format("; ".join(gains)) if gains else "")
