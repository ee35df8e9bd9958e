"""What is done in one turn of the event loop?  Counted, not timed: a busy computer changes nothing."""
from __future__ import annotations

from typing import Any, List

import pytest


class Turns:
    """Notes, for every step of `SPMambaPanel.scene.steps.Steps`, the pieces of long work in it.

    A piece is one slab of voxels, the segments, or one slice view: each takes tens of milliseconds on a real head.
    A step holds one piece at most, or else buttons and views stand still for the sum of them.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        from SPMambaPanel.reading import display
        from SPMambaPanel.scene import overlay, steps

        self.steps: List[List[str]] = []
        self._counting = True
        for module, name in ((overlay, "fillSegmentation"), (display, "_putInto")):
            patch.setattr(module, name, self._noting(name, getattr(module, name)))
        step, slabs = steps.Steps._step, steps.slabs

        def noted(worked: Any) -> None:
            self.steps.append([])
            step(worked)

        def notedSlabs(array: Any) -> Any:
            for start, stop in slabs(array):
                assert array[start:stop].nbytes <= steps.SLAB_BYTES
                self._note("slab")
                yield start, stop

        patch.setattr(steps.Steps, "_step", noted)
        patch.setattr(steps, "slabs", notedSlabs)

    @property
    def crowded(self) -> List[List[str]]:
        """Steps with more than one piece."""
        return [pieces for pieces in self.steps if len(pieces) > 1]

    @property
    def pieces(self) -> List[str]:
        return [piece for pieces in self.steps for piece in pieces]

    def _note(self, name: str) -> None:
        if self.steps and self._counting:
            self.steps[-1].append(name)

    def _noting(self, name: str, function: Any) -> Any:
        def noting(*arguments: Any) -> Any:
            self._note(name)
            self._counting = False  # what it is made of is not counted again
            try:
                return function(*arguments)
            finally:
                self._counting = True
        return noting
