"""The translation files of the panel: one Qt ``.ts`` file a language, kept in step with the texts of the code.

    python Testing/tools/translations.py            # says what is missing, status 1 if a file is out of step
    python Testing/tools/translations.py --write    # adds new texts as unfinished, drops those that are gone

The context of a text is the one that Slicer looks it up by: the name of the Python file, with its package before it, or
the class of the .ui file.  A translation is written by hand (or in Qt Linguist) into the ``.ts`` file and stays there.
"""
from __future__ import annotations

import argparse
import ast
import sys
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

MODULE = Path(__file__).resolve().parents[2] / "SPMambaExtension"
FOLDER = MODULE / "Resources" / "Translations"
LANGUAGES = ("de", "ja")

Text = Tuple[str, str]  # context, source


def texts() -> List[Text]:
    """All texts of the panel that a user reads, each once, in the order of files."""
    found: List[Text] = []
    for path in [MODULE / "SPMamba.py", *sorted((MODULE / "SPMambaPanel").rglob("*.py"))]:
        context = "{}.{}".format(path.parent.name, path.stem) if (path.parent / "__init__.py").is_file() else path.stem
        found += [(context, source) for source in _ofCode(path)]
    for path in sorted((MODULE / "Resources" / "UI").glob("*.ui")):
        root = Xml.parse(path).getroot()
        found += [(root.findtext("class", ""), source) for source in _ofForm(root)]
    return list(dict.fromkeys(found))


def _ofCode(path: Path) -> List[str]:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    calls = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "_" and node.args]
    ordered = sorted(calls, key=lambda node: (node.lineno, node.col_offset))
    return [node.args[0].value for node in ordered
            if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)]


def _ofForm(root: Xml.Element) -> List[str]:
    return [string.text for property_ in root.iter("property") for string in property_.findall("string")
            if string.text and string.get("notr") != "true"]


def pathOf(language: str) -> Path:
    return FOLDER / "SPMamba_{}.ts".format(language)


def translations(language: str) -> Dict[Text, str]:
    """What is translated; unfinished ones are left out."""
    return {text: translation.text for text, translation in _messages(language)
            if translation.text and translation.get("type") is None}


def listed(language: str) -> Set[Text]:
    """All texts of a file, translated or not."""
    return {text for text, _translation in _messages(language)}


def _messages(language: str) -> Iterator[Tuple[Text, Xml.Element]]:
    for context in Xml.parse(pathOf(language)).getroot().findall("context"):
        for message in context.findall("message"):
            yield (context.findtext("name", ""), message.findtext("source", "")), message.find("translation")


def write(language: str) -> None:
    known = translations(language) if pathOf(language).is_file() else {}
    moved = {source: translation for (_name, source), translation in known.items()}  # the code moved, the text stayed
    root = Xml.Element("TS", version="2.1", language=language, sourcelanguage="en")
    contexts: Dict[str, Xml.Element] = {}
    for name, source in texts():
        if name not in contexts:
            contexts[name] = Xml.SubElement(root, "context")
            Xml.SubElement(contexts[name], "name").text = name
        message = Xml.SubElement(contexts[name], "message")
        Xml.SubElement(message, "source").text = source
        translation = Xml.SubElement(message, "translation")
        if source in moved:
            translation.text = known.get((name, source), moved[source])
        else:
            translation.set("type", "unfinished")
    Xml.indent(root)
    FOLDER.mkdir(parents=True, exist_ok=True)
    pathOf(language).write_text('<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n'
                                + Xml.tostring(root, encoding="unicode") + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    current, outOfStep = set(texts()), False
    for language in LANGUAGES:
        if options.write:
            write(language)
        outOfStep |= listed(language) != current
        print("{}: {} of {} texts translated".format(language, len(translations(language)), len(current)))
    return 1 if outOfStep else 0


if __name__ == "__main__":
    sys.exit(main())
