"""What a .ui file sets and connects against the facts."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from host import facts

# What a .ui file says of a layout and Qt's loader turns into calls.
OF_LAYOUTS = {"leftMargin", "topMargin", "rightMargin", "bottomMargin", "margin", "horizontalSpacing",
              "verticalSpacing", "spacing"}


def formProblems(path):
    """What a .ui file sets or connects and Slicer's widgets do not have, as a list of texts."""
    root = ElementTree.parse(path).getroot()
    problems, classes = [], {}
    for element in root.iter():
        if element.tag not in ("widget", "layout") or not element.get("class"):
            continue
        classes[element.get("name")] = name = element.get("class")
        if not facts.hasClass(name):
            problems.append(f"{name} is not in the facts")
            continue
        for child in element.findall("property"):
            prop = child.get("name")
            isOfLoader = element.tag == "layout" and prop in OF_LAYOUTS
            if child.get("stdset") == "0" or isOfLoader or prop == "objectName":
                continue
            if prop not in facts.properties(name):
                problems.append(f"{element.get('name')}: {name}.{prop} is not a property in Slicer")
            elif prop in facts.readonly(name):
                problems.append(f"{element.get('name')}: {name}.{prop} cannot be written in Slicer")
    for each in root.iter("connection"):
        for end, member in (("sender", "signal"), ("receiver", "slot")):
            name, used = classes.get(each.findtext(end)), (each.findtext(member) or "").split("(")[0]
            if name is None or used not in facts.members(name):
                problems.append(f"connection: {each.findtext(end)} has no {used}")
    return problems
