"""The evidence of a result in the scene: one text node, saved and loaded with it, read without the model."""
from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from pathlib import Path
from typing import Optional, Tuple

import numpy as np
from slicer.i18n import tr as _

from SPMambaLib.errors import UnreadableFileError
from SPMambaLib.evidence.record import Evidence
from SPMambaLib.geometry import SlicePlane, plane_of
from SPMambaLib.output.files import EVIDENCE_FILE

from ..model.applydecisions import Settled
from .result import Result
from .scanstate import analysedGeometry

ROLE = "evidence"
_read: Tuple[int, Optional[Evidence]] = (0, None)  # when the text node was changed, which no other has; what it says


def keep(result: Result, folder: Path, name: str) -> None:
    """Take the evidence of a job folder into the scene, if there is any."""
    path = folder / EVIDENCE_FILE
    if path.is_file():
        node = result.add(ROLE, "vtkMRMLTextNode", name)
        node.SetHideFromEditors(1)
        node.SetText(base64.b64encode(path.read_bytes()).decode("ascii"))


def evidenceOf(result: Result) -> Optional[Evidence]:
    """None if the result has none: it was made by an older version.

    Raises:
        UnreadableFileError: it is damaged.
    """
    global _read
    node = result.get(ROLE)
    if node is None:
        return None
    if _read[0] != node.GetMTime():
        try:
            data = base64.b64decode(node.GetText() or "", validate=True)
        except (binascii.Error, ValueError) as error:
            raise UnreadableFileError(_("The evidence of this result is damaged; detect again to see it."),
                                      repr(error)) from error
        _read = (node.GetMTime(), Evidence.from_bytes(data))
    return _read[1]


def planeOf(result: Result) -> SlicePlane:
    """How the result's volume was cut into slices when it was analysed."""
    shape = tuple(reversed(result.map.GetImageData().GetDimensions()))
    return plane_of(analysedGeometry(result), shape, str(result.summary["plane"]))


def withTerms(result: Result, settled: Settled) -> Settled:
    """Findings with the peaks of the model's terms, where they are not known yet: at any operating point."""
    try:
        evidence = evidenceOf(result)
    except UnreadableFileError:
        evidence = None
    if evidence is None or all(set(evidence.terms) <= set(finding.components) for finding in settled.findings):
        return settled
    peaks = evidence.peaks(planeOf(result), settled.labels, len(settled.findings))
    findings = []
    for finding, row in zip(settled.findings, peaks):
        terms = {name: float(value) for name, value in zip(evidence.terms.tolist(), row) if np.isfinite(value)}
        findings.append(replace(finding, components={**terms, **finding.components}))
    return settled._replace(findings=findings)
