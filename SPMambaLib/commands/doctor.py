"""``spmamba doctor``: what this machine has, as a table; ``--device`` proves one device."""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List

from ..errors import UsageError


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "doctor", parents=[common], help="what this machine has: packages, devices, models",
        description="Try everything that detection needs and say what is there. Exit status 0 also when parts are "
                    "absent: the table is the answer.")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE",
                        help="machine-readable output; into a file, which can be sent with a report: it does not say "
                             "whose computer it is")
    parser.add_argument("--device", metavar="auto|cpu|cuda[:N]",
                        help="prove one device, in under two minutes: driver, card, every scan backend against the "
                             "float64 reference, whole maps against the CPU, memory that runs out, speed")
    parser.add_argument("--seconds", type=float, default=110.0, metavar="S",
                        help="with --device: begin nothing more after S seconds, and say what is left out (110)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.device:
        return run_check(arguments)
    from ..doctor import machine as doctor
    from ..doctor.anonymous import without_names

    checks = doctor.examine()
    if arguments.json:
        _give({"checks": without_names(doctor.to_rows(checks))}, arguments.json)
        return 0
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            print(group)
        print("  [{:^6}] {:<24} {}".format(check.state, check.name, check.text))
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    from ..doctor import check
    from ..progress import ProgressBar

    kind = arguments.device.partition(":")
    if kind[0] not in ("auto", "cpu", "cuda") or (kind[1] and (kind[0] != "cuda" or not kind[2].isdigit())):
        raise UsageError("Unknown device {!r}; use auto, cpu or cuda:0.".format(arguments.device))
    with ProgressBar() as bar:
        report = check.run(arguments.device, bar, budget=arguments.seconds)
    if arguments.json:
        _give(report, arguments.json)
        if arguments.json == "-":
            return 0
    print("\n".join(lines(report)))
    return 0


def lines(report: Dict[str, Any]) -> List[str]:
    """The report of `doctor.check.run` as text."""
    facts = report["facts"]
    versions = [("driver", ".".join(map(str, facts["driver"]["version"]))), ("card", facts["name"]),
                ("PyTorch", facts["torch"]), *sorted(facts["versions"].items())]
    text = ["  {:<14} {}".format(name, value) for name, value in versions if value]
    for row in report["parity"]:
        text.append("  [{:^8}] {:<10} {:>6} tokens  {}".format(
            row["state"], row["backend"], row.get("tokens", ""), row["text"]))
    text += ["  [{state:^8}] {model}, {precision} precision, on {on}: {text}, against {against}".format(**row)
             for row in report["maps"]]
    if report["memory"]:
        text.append("  [{state:^8}] memory that runs out: {text}".format(**report["memory"]))
    text += ["  {slices_per_second:>10.1f} slices per second of {model}, {precision} precision, {batch} at once".format(
        **row) for row in report["speed"]]
    text += ["  {text}".format(**row) for row in report["gain"]]
    text += ["{text}\n  {remedy}".format(**problem) for problem in report["problems"]]
    return [*text, report["verdict"], report["advice"]]


def _give(report: Dict[str, Any], where: str) -> None:
    """Print a report, or write it into a file, whole or not at all."""
    if where == "-":
        print(json.dumps(report, indent=1))
        return
    from ..output.files import write_json

    write_json(Path(where), report)
    print("Written: {}".format(where), file=sys.stderr)
