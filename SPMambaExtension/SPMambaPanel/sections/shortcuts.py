"""Keys for reading: installed when the module is entered, removed when it is left.

Alt with an upright arrow or a letter: free in Slicer's main window and views.  Letters that open its menus (F, E, V, H)
are left out, and Alt with the left or right arrow, which walks through Slicer's module history.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

import qt
import slicer
from slicer.i18n import tr as _

NEXT_FINDING, PREVIOUS_FINDING, NEXT_SLICE, PREVIOUS_SLICE = "Alt+Down", "Alt+Up", "Alt+N", "Alt+P"
NEXT_UNSEEN, PREVIOUS_UNSEEN = "Alt+PgDown", "Alt+PgUp"
ACCEPT, REJECT, UNSURE, UNDO = "Alt+A", "Alt+R", "Alt+U", "Alt+Z"
TOGGLE_OVERLAY, TOGGLE_MAP, BLINK, COMPARE, HELP = "Alt+O", "Alt+M", "Alt+B", "Alt+C", "Alt+K"
WHY = "Alt+W"
KEYS = (NEXT_FINDING, PREVIOUS_FINDING, NEXT_SLICE, PREVIOUS_SLICE, NEXT_UNSEEN, PREVIOUS_UNSEEN, ACCEPT, REJECT,
        UNSURE, UNDO, WHY, TOGGLE_OVERLAY, TOGGLE_MAP, BLINK, COMPARE, HELP)


def descriptions() -> List[Tuple[str, str]]:
    """Key and what it does, in the order of `KEYS`."""
    return list(zip(KEYS, (
        _("next finding"), _("previous finding"), _("next slice by score"), _("previous slice by score"),
        _("next slice with a mark not seen yet"), _("previous slice with a mark not seen yet"),
        _("accept the finding"), _("reject the finding"), _("unsure about the finding"),
        _("take the last decision back"),
        _("why the finding was marked"),
        _("show or hide the overlay"), _("severity bands or continuous map"), _("blink"), _("compare side by side"),
        _("show these keys"))))


class Shortcuts:
    """The keys of the module.

    Args:
        actions: what to call by key, for every key of `KEYS`.
        parent: widget that gets the keys if there is no main window.
    """

    def __init__(self, actions: Dict[str, Callable[[], None]], parent: Any) -> None:
        self._actions = actions
        self._parent = parent
        self._installed: List[Any] = []

    def install(self) -> None:
        if self._installed:
            return
        for key, action in self._actions.items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), slicer.util.mainWindow() or self._parent)
            shortcut.activated.connect(action)
            self._installed.append(shortcut)

    def remove(self) -> None:
        for shortcut in self._installed:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._installed = []
