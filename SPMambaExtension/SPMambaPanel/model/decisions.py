"""What the reader decided about findings, and which finding a decision belongs to when the operating point has moved.

Kept in the scene beside the result, in the order of time.  A decision is about the voxels that the finding had then.
A finding has the decision that was last made about at least half of its voxels, if no other decision is about the
rest; so what is left of a shrunk finding keeps it, a finding that has grown beyond it or swallowed another decision is
to be decided again, and moving back brings it back.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from SPMambaLib.detection import Finding

from .regions import Region, boxOf

ACCEPTED, REJECTED, UNSURE = DECISIONS = ("accepted", "rejected", "unsure")
UNDECIDED = ""
REASONS = ("artefact", "normal variant", "post-operative", "positioning", "other")
SHARE = 0.5  # of a finding's voxels that a decision must be about


def oneLine(note: str) -> str:
    """Table files keep neither line breaks nor straight double quotes."""
    return " ".join(note.split()).replace('"', "\u201d")


@dataclass(frozen=True)
class Verdict:
    """Decision (one of `DECISIONS`, or `UNDECIDED`), reason of a rejection (one of `REASONS`, or empty), free note."""

    decision: str = UNDECIDED
    reason: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.decision not in (*DECISIONS, UNDECIDED):
            raise ValueError("unknown decision {!r}".format(self.decision))
        if self.reason and (self.reason not in REASONS or self.decision != REJECTED):
            raise ValueError("reason {!r} of {!r}".format(self.reason, self.decision))


class Decisions:
    """All decisions and merges about one map.

    Args:
        entries: as in the scene, see `entries`; one that is not understood is left out.
    """

    def __init__(self, entries: Sequence[Dict[str, Any]] = ()) -> None:
        self._verdicts: List[Tuple[List[Region], Verdict]] = []
        self._merges: List[List[Region]] = []
        for entry in entries:
            try:
                places = [Region.fromText(each) for each in entry["places"]]
                if entry.get("merge"):
                    self._merges.append(places)
                else:
                    verdict = {name: entry.get(name, "") for name in ("decision", "reason", "note")}
                    self._verdicts.append((places, Verdict(**verdict)))
            except (AttributeError, KeyError, TypeError, ValueError):
                continue  # of a later version, or edited by hand

    @property
    def entries(self) -> List[Dict[str, Any]]:
        """JSON-ready."""
        merges = [{"merge": True, "places": [place.text for place in places]} for places in self._merges]
        return merges + [{"places": [place.text for place in places], **asdict(verdict)}
                         for places, verdict in self._verdicts]

    def add(self, places: Sequence[Region], verdict: Verdict) -> None:
        """Decide about a finding, which is one region or, if it was merged, several.  Replaces one about the same."""
        self._verdicts = [each for each in self._verdicts if each[0] != list(places)]
        self._verdicts.append((list(places), verdict))

    def merge(self, places: Sequence[Region]) -> None:
        """From now on these regions are one finding."""
        self._merges.append(list(places))

    @property
    def merges(self) -> List[List[Region]]:
        return self._merges

    def judge(self, values: np.ndarray, labels: np.ndarray, findings: Sequence[Finding]) -> List[Verdict]:
        """Verdict of every finding.

        Args:
            values: map, (K, J, I).
            labels: (K, J, I), value n belongs to the n-th finding.
        """
        if not self._verdicts:
            return [Verdict()] * len(findings)
        owner = np.zeros(labels.shape, dtype=np.int32)  # number, from 1, of the decision last made about a voxel
        for number, (places, _verdict) in enumerate(self._verdicts, 1):
            for place in places:
                owner[place.box][place.voxels(values)] = number
        verdicts = []
        for finding in findings:
            box = boxOf(finding.extent)
            counts = np.bincount(owner[box][labels[box] == finding.label], minlength=len(self._verdicts) + 1)
            verdicts.append(self._verdictOf(counts))
        return verdicts

    def _verdictOf(self, counts: np.ndarray) -> Verdict:
        """Of a finding with `counts[n]` voxels that belong to decision n, `counts[0]` to none."""
        touching = [n for n in np.flatnonzero(counts) if n and self._verdicts[n - 1][1].decision != UNDECIDED]
        decided = sum(int(counts[n]) for n in touching)
        kinds = {self._verdicts[n - 1][1].decision for n in touching}
        if len(kinds) != 1 or decided < SHARE * counts.sum():
            return Verdict()
        return self._verdicts[max(touching, key=lambda n: int(counts[n])) - 1][1]
