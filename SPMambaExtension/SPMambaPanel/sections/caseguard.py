"""Never the wrong patient, never the wrong place: what is read is what is seen, and lies where the scan lies."""
from __future__ import annotations

from typing import Any, Callable, Optional

import qt
from slicer.i18n import tr as _

from ..reading import display
from ..reading.review import Review
from ..reading.viewedvolume import ViewedVolume, viewedVolumes
from ..scene import overlay
from ..scene.findagain import findAgain
from ..scene.result import Result
from ..scene.scanstate import ScanWatch, follow, isOfOtherVoxels
from . import worklist


class CaseGuard:
    """Watches views and scans, and forbids decisions where they do not fit what the panel reads.

    Args:
        review: what is being read; it is told whether anything may be decided.
        choices: gives the case's parameter node, or None.
        update: brings the panel up to date.
        onChange: called with why nothing may be decided now, or with "", whenever that changes.

    Attributes:
        strange: the views show another volume than the panel reads, or several.
    """

    def __init__(self, review: Review, choices: Callable[[], Any], update: Callable[[], None],
                 onChange: Callable[[str], None]) -> None:
        self._review = review
        self._choices = choices
        self._update = update
        self._onChange = onChange
        self._warning = ""
        self.strange = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(update)
        self._viewed = ViewedVolume(self.onViewsChanged)
        self._scans = ScanWatch(lambda: self._timer.start())

    def close(self) -> None:
        self._viewed.close()
        self._scans.close()
        self._timer.stop()

    def onViewsChanged(self) -> None:
        """The views show another volume: the panel follows them, unless they show several, or no scan at all."""
        parameters, shown = self._choices(), viewedVolumes()
        if parameters is None:
            return
        if len(shown) == 1 and shown[0] is not parameters.inputVolume and shown[0] in worklist.volumes():
            parameters.inputVolume = shown[0]
        self._update()

    def followScans(self) -> None:
        """Results go where their scans have gone: map, layer, findings and segments."""
        results = [each for each in Result.all() if each.input is not None] if self._choices() is not None else []
        self._viewed.watch()
        self._scans.watch([result.input for result in results])
        for result in results:
            if follow(result):
                overlay.fillSegmentation(result, findAgain(result, float(result.summary["false_positive_rate"])))
                if self._review.result is not None and self._review.result.node is result.node:
                    self._review.reread()

    def check(self, volume: Any, result: Optional[Result]) -> None:
        """Whether anything may be decided about the volume chosen; outlines of all others are hidden."""
        shown = viewedVolumes()
        self.strange = volume is not None and bool(shown) and shown != [volume]
        warning = ""
        if self.strange:
            warning = _("The views show {seen}, this panel reads {read}. Select one volume to go on.").format(
                seen=", ".join(node.GetName() for node in shown), read=volume.GetName())
        elif result is not None and isOfOtherVoxels(result):
            warning = _("The voxels of {name} were changed after the detection: its findings belong to the former "
                        "ones. Detect again.").format(name=volume.GetName())
        for other in Result.all():
            if (result is None or other.node is not result.node) and other.segmentation is not None:
                display.hideSegments(other)
        if warning != self._warning:
            self._warning, self._review.blocked = warning, bool(warning)
            self._onChange(warning)
