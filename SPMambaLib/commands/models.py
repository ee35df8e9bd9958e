"""``spmamba models list|show|verify``: which models are installed, what they are for, and whether they are whole."""
from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any, Dict, List

from .. import bundle
from ..bundle import catalogue


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser("models", parents=[common], help="list, show or verify the installed models",
                                   description="The installed models.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, run, text in (("list", run_list, "one line per installed model"),
                            ("show", run_show, "what a model is for, how it was made, how good it is"),
                            ("verify", run_verify, "check a model's files against their hashes")):
        action = actions.add_parser(name, parents=[common], help=text, description=text.capitalize() + ".")
        if name != "list":
            action.add_argument("model", metavar="NAME", help="name of an installed model, a bundle folder or a zip")
        action.add_argument("--json", action="store_true", help="machine-readable output")
        action.set_defaults(run=run)


def run_list(arguments: argparse.Namespace) -> int:
    rows = catalogue.installed()
    if arguments.json:
        print(json.dumps(rows, indent=1))
    elif not rows:
        print("No model is installed. Looked in:")
        for folder in bundle.search_folders():
            print("  {}".format(folder))
    for row in [] if arguments.json else rows:
        print("{:<16} {}".format(row["name"], row.get("title") or "damaged: " + row["error"]["message"]))
        if row.get("purpose"):
            print(textwrap.fill(row["purpose"], 100, initial_indent=" " * 17, subsequent_indent=" " * 17))
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    card = bundle.read_card(bundle.find_bundle(arguments.model))
    if arguments.json:
        print(json.dumps(card, indent=1))
    else:
        print("\n".join(card_lines(card)))
    return 0


CARD_FIELDS = (("purpose", "For"), ("not_for", "Not for"), ("region", "Region"), ("modality", "Modality"),
               ("plane", "Plane"), ("expects", "Expects"), ("limits", "Limits"), ("version", "Version"),
               ("data", "Data"), ("base", "Base"), ("fitting", "Fitted"), ("training", "Training"),
               ("metrics", "Metrics"),
               ("licence", "Licence"), ("citation", "Citation"))


def card_lines(card: Dict[str, Any]) -> List[str]:
    """The card for a reader: title, then one wrapped paragraph per field."""
    lines = ["{} ({})".format(card["title"], card["name"])]
    for key, label in CARD_FIELDS:
        if card.get(key):
            lines += textwrap.wrap(_plain(card[key]), 100, initial_indent="{:<10}".format(label),
                                   subsequent_indent=" " * 10)
    return lines


def _plain(value: Any) -> str:
    """A value of a card as words."""
    if isinstance(value, dict):
        return "; ".join("{}: {}".format(str(key).replace("_", " "), _plain(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value)
    return "{:.4g}".format(value) if isinstance(value, float) else str(value)


def run_verify(arguments: argparse.Namespace) -> int:
    path = bundle.find_bundle(arguments.model)
    card = bundle.verify(path)
    if arguments.json:
        print(json.dumps({"name": card["name"], "path": str(path), "files": card["files"], "ok": True}, indent=1))
    else:
        print("{}: whole, {} file(s) match their hashes ({})".format(card["name"], len(card["files"]), path))
    return 0
