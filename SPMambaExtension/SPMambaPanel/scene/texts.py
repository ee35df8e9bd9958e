"""The reader's words for decisions, reasons and bands."""
from __future__ import annotations

from slicer.i18n import tr as _

from ..model.decisions import ACCEPTED, REJECTED, UNSURE


def decisionText(decision: str) -> str:
    return {ACCEPTED: _("accepted"), REJECTED: _("rejected"), UNSURE: _("unsure")}.get(decision, _("undecided"))


def reasonText(reason: str) -> str:
    return {"artefact": _("artefact"), "normal variant": _("normal variant"), "post-operative": _("post-operative"),
            "positioning": _("positioning"), "other": _("other")}.get(reason, "")


def bandText(name: str) -> str:
    """The reader's word for a band; a model may have bands of its own."""
    return {"unusual": _("unusual"), "very unusual": _("very unusual"), "extreme": _("extreme")}.get(name, name)
