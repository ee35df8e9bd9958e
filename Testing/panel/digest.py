"""All that a scene and the panel hold of a review, field by field: to be compared before saving and after loading.

The scene: every node with every attribute that Slicer would write, every data file with its content.  The panel: every
widget with what it shows.  Layout and slice views belong to the scene.
"""
from __future__ import annotations

import hashlib
import re
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, List

ITEM = "SubjectHierarchyItem"
PROPERTIES = ("text", "checked", "value", "currentIndex", "collapsed", "enabled", "plainText", "title")
UNSAID = ("logTextEdit", "progressBar", "undoButton")  # of this process
MEANINGLESS = ("measurement frame",)  # written where it is the identity once a file was read


def digest(host: Any) -> Dict[str, str]:
    """Flat: what it is, to what it is."""
    return {**sceneDigest(host), **panelDigest(host.widget.ui)}


def standBy(host: Any) -> None:
    """The state in which digests are compared: the first finding chosen, which no scene keeps, and nothing waiting."""
    place = host.widget.workplace
    place.ui.whyCollapsibleButton.collapsed = False  # sections are as each reader left them, in no scene
    host.processEvents(300)
    place.update()
    place.review.showFinding(0)
    place.findings.showCurrent()
    host.processEvents(300)
    place.worklist.refresh()


def differences(first: Dict[str, str], second: Dict[str, str]) -> List[str]:
    return ["{}: {} | {}".format(name, first.get(name, "nothing"), second.get(name, "nothing"))
            for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def sceneDigest(host: Any) -> Dict[str, str]:
    found: Dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mrb"
        host.saveScene(path)
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                short = "/".join(name.split("/")[1:])
                if name.endswith(".mrml"):
                    found.update(nodes(archive.read(name)))
                elif name.endswith(".nrrd"):
                    found.update(voxels(short, archive.read(name)))
                elif not name.endswith((".png", "/")):
                    found["file " + short] = content(archive.read(name))
    return found


def voxels(name: str, data: bytes) -> Dict[str, str]:
    """Fields of an NRRD file that say something, numbers to nine digits, and its voxels."""
    head, body = data.split(b"\n\n", 1)
    found = {}
    for line in head.decode("utf-8").splitlines():
        field, _, value = line.partition(":")
        if not line.startswith(("NRRD", "#")) and field not in MEANINGLESS:
            found["file {} {}".format(name, field)] = rounded(value.lstrip("=").strip())
    found["file {} voxels".format(name)] = content(zlib.decompress(body, 31))
    return found


def rounded(text: str) -> str:
    return re.sub(r"-?\d+\.\d+(e-?\d+)?", lambda match: "{:.9g}".format(float(match.group())), text)


def nodes(text: bytes) -> Dict[str, str]:
    """Attributes of every node of a scene file.  Items of the subject hierarchy have other numbers each time: they are
    known by what they hold, and their parent by what it holds."""
    elements = list(ElementTree.fromstring(text).iter())
    items = {each.get("id"): each.get("dataNode") or each.get("name") or "" for each in elements if each.tag == ITEM}
    found = {}
    for element in elements:
        own = element.get("id", element.get("UID", ""))
        for name, value in element.attrib.items():
            if element.tag == ITEM:
                value = items.get(value, "") if name in ("id", "parent") else value
                found["{} {} {}".format(ITEM, items[own], name)] = value
            elif name.startswith("parameter") and element.tag == "ScriptedModule":
                found["{} {} {}".format(element.tag, own, value.split(" ")[0])] = value
            else:
                found["{} {} {}".format(element.tag, own, name)] = value
    return found


def content(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16] + " of {} bytes".format(len(data))


def panelDigest(ui: Any) -> Dict[str, str]:
    found = {}
    for name, widget in vars(ui).items():
        if name in UNSAID:
            continue
        for each in PROPERTIES:
            value = getattr(widget, each, None)
            if value is not None and not callable(value):
                found["panel {} {}".format(name, each)] = shortened(str(value))
        if hasattr(widget, "rowCount") and hasattr(widget, "item"):
            for row in range(widget.rowCount):
                texts = [widget.item(row, column).text() if widget.item(row, column) is not None else ""
                         for column in range(widget.columnCount)]
                found["panel {} row {}".format(name, row)] = " | ".join(texts)
    return found


def shortened(text: str) -> str:
    """With pictures as hashes."""
    return re.sub("base64,([^']*)'", lambda match: content(match.group(1).encode()), text)

