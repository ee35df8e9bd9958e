"""``spmamba doctor``: what this machine has, as a table."""
from __future__ import annotations

import argparse
import json
from typing import Any


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "doctor", parents=[common], help="what this machine has: packages, devices, models",
        description="Try everything that detection needs and say what is there. Exit status 0 also when parts are "
                    "absent: the table is the answer.")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--device", metavar="cpu|cuda[:N]",
                        help="prove one device: driver, card, and every scan backend against the float64 reference")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.device:
        return run_check(arguments)
    from ..doctor import machine as doctor

    checks = doctor.examine()
    if arguments.json:
        print(json.dumps({"checks": doctor.to_rows(checks)}, indent=1))
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

    with ProgressBar() as bar:
        report = check.run(arguments.device, bar)
    if arguments.json:
        print(json.dumps(report, indent=1))
        return 0
    for row in report["parity"]:
        print("  [{:^6}] {:<10} {:>6} tokens  {}".format(row["state"], row["backend"], row.get("tokens", ""),
                                                         row["text"]))
    for problem in report["problems"]:
        print("{text}\n  {remedy}".format(**problem))
    print(report["verdict"])
    return 0
