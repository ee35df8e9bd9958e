"""Write the page of all commands and their options, from what `spmamba --help` says.

    python Testing/tools/commands_page.py

A test compares the page with the commands.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "Resources" / "Docs" / "engineer" / "commands.md"
HEAD = """\
# Commands

Written by `Testing/tools/commands_page.py` from `spmamba --help`; do not edit. Every command also takes `--verbose`
(`-v`: the technical detail of an error) and `--help` (`-h`). `spmamba --version` tells the version.
"""
EVERYWHERE = ("-h", "-v")


def commands(parser: argparse.ArgumentParser, path: str = "spmamba") -> Iterator[Tuple[str, argparse.ArgumentParser]]:
    """(command with its words before, its parser), the whole program first."""
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from commands(inner, "{} {}".format(path, name))


def page() -> str:
    sys.path.insert(0, str(ROOT))
    from SPMambaLib.cli import build_parser

    text = [HEAD]
    for path, parser in commands(build_parser()):
        rows = _rows(parser)
        if rows:
            description = " ".join((parser.description or "").split())
            text += ["## {}\n".format(path), *([description, ""] if description else [])]
            text += ["| | |", "|---|---|", *rows, ""]
    return "\n".join(text)


def _rows(parser: argparse.ArgumentParser) -> List[str]:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) or action.option_strings[:1] in ([n] for n in EVERYWHERE):
            continue
        if action.option_strings == ["--version"]:
            continue
        name = ", ".join("`{}`".format(option) for option in action.option_strings) or "`{}`".format(
            action.metavar or action.dest)
        words = " ".join((action.help or "").replace("%%", "%").split())
        choices = ", ".join(map(str, action.choices)) if action.choices else ""
        told = choices if choices and not all(word in words for word in choices.split(", ")) else ""
        rows.append("| {} | {} |".format(name, (words + (" ({})".format(told) if told else "")).replace("|", "/")))
    return rows


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
