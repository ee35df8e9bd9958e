"""Keys for reading: installed when the module is entered, removed when it is left.

Alt with an arrow or letter: free in Slicer's main window, its slice views and its menus.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

import qt
import slicer
from slicer.i18n import tr as _

NEXT_FINDING, PREVIOUS_FINDING, NEXT_SLICE, PREVIOUS_SLICE, TOGGLE_OVERLAY = KEYS = (
    "Alt+Down", "Alt+Up", "Alt+Right", "Alt+Left", "Alt+O")


def descriptions() -> List[Tuple[str, str]]:
    """Key and what it does."""
    return [(NEXT_FINDING, _("next finding")), (PREVIOUS_FINDING, _("previous finding")),
            (NEXT_SLICE, _("next slice by score")), (PREVIOUS_SLICE, _("previous slice by score")),
            (TOGGLE_OVERLAY, _("show or hide the overlay"))]


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
