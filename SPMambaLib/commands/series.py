"""``spmamba series FOLDER``: what a DICOM folder, file or DICOMDIR holds, as a table or as JSON."""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List

from ..io.image import require


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "series", parents=[common], help="list the DICOM series of a folder",
        description="List the DICOM series of a folder, file or DICOMDIR: which can be read, why others cannot, and "
                    "which files belong to none. Patients are numbered, not named.")
    parser.add_argument("input", metavar="FOLDER", help="folder, DICOM file or DICOMDIR")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..io.dicom.contents import look

    source = Path(arguments.input)
    require(source)
    listing = as_dict(look(source))
    print(json.dumps(listing, indent=1) if arguments.json else "\n".join(lines(listing)))
    return 0


def as_dict(contents: Any) -> Dict[str, Any]:
    """JSON-ready; a patient is the number of its first appearance, 0 where the files do not say whose they are."""
    patients: List[str] = [""]
    rows = []
    for stack in contents.stacks:
        file = stack.file
        if file.patient not in patients:
            patients.append(file.patient)
        rows.append({"uid": file.series, "number": file.number, "description": file.description,
                     "modality": file.modality, "patient": patients.index(file.patient), "kind": stack.kind,
                     "images": len(stack.slices), "files": stack.files, "rows": stack.slices[0].shape[0],
                     "columns": stack.slices[0].shape[1], "readable": stack.refusal is None,
                     "reason": "" if stack.refusal is None else stack.refusal.message})
    return {"series": rows, "left_out": [{"name": each.name, "reason": each.reason} for each in contents.left_out]}


def lines(listing: Dict[str, Any]) -> List[str]:
    """One line a series, then one a file that belongs to none."""
    result = ["{:>6}  {:<4} {:>7}  {:>6} {:<9} {:<12} {}".format(
        "number", "kind", "patient", "images", "size", "", "description; UID").replace("kind", "mod.")]
    for row in listing["series"]:
        result.append("{:>6}  {:<4} {:>7}  {:>6} {:<9} {:<12} {}; {}".format(
            row["number"] or "-", row["modality"] or "-", row["patient"] or "-", row["images"],
            "{}x{}".format(row["columns"], row["rows"]), row["kind"], row["description"] or "-", row["uid"]))
        if row["reason"]:
            result.append("        " + row["reason"])
    if not listing["series"]:
        result = ["No DICOM images."]
    return result + ["left out: {} ({})".format(each["name"], each["reason"]) for each in listing["left_out"]]
