"""Decisions that can be taken back, the last one first."""
from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional, Sequence, Tuple

from ..model.decisions import Verdict
from ..model.regions import Region

if TYPE_CHECKING:
    from .review import Review

Step = Tuple[List[Region], Verdict]


class DecisionHistory:
    """What was decided in this session, by result: the regions of a finding and the verdict that they had before."""

    def __init__(self) -> None:
        self._steps: List[Tuple[str, Step]] = []

    def remember(self, resultId: str, regions: Sequence[Region], before: Verdict) -> None:
        self._steps.append((resultId, (list(regions), before)))

    def has(self, resultId: str) -> bool:
        return any(each == resultId for each, _step in self._steps)

    def pop(self, resultId: str) -> Optional[Step]:
        """The last step of a result, which is then forgotten; None if there is none."""
        for n in range(len(self._steps) - 1, -1, -1):
            if self._steps[n][0] == resultId:
                return self._steps.pop(n)[1]
        return None

    def forget(self, resultId: str = "") -> None:
        """The steps of one result, or of all."""
        self._steps = [step for step in self._steps if resultId and step[0] != resultId]

    def takeBack(self, review: "Review") -> None:
        """Undo the last decision about the result being read, and go to the finding that it was about."""
        result = review.result
        step = self.pop(result.node.GetID()) if result is not None and not review.blocked else None
        if result is None or step is None:
            return
        book = result.decisions
        book.add(*step)
        result.decisions = book
        review.refresh()
        review.showFinding(next((n for n, row in enumerate(review.findings) if step[0][0].text in row["region"]), -1))
        if review.current is not None:
            review.onDecided("decision", [review.current])
