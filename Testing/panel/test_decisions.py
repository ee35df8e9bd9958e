"""Which finding a decision belongs to, and merged findings: arrays alone."""
from __future__ import annotations

from typing import Any, List

import numpy as np
import pytest

pytest.importorskip("slicer")
from landscape import HIGH, HIGH_PEAK, MIDDLE, MIDDLE_PEAK, SMALL, landscapeMap
from SPMambaPanel.model.applydecisions import Settled, settle
from SPMambaPanel.model.decisions import ACCEPTED, REJECTED, UNDECIDED, UNSURE, Decisions, Verdict
from SPMambaPanel.model.regions import Region
from SPMambaPanel.selftests import selftest

from SPMambaLib.scoring import findings as regions

VALUES = landscapeMap()


def settled(decisions: Decisions, threshold: float) -> Settled:
    calibration = selftest.syntheticCalibration()
    labels, found = regions.find(VALUES, selftest.OBLIQUE, threshold, calibration=calibration, slice_axis=0)
    return settle(decisions, VALUES, labels, found, ijkToRas=selftest.OBLIQUE, threshold=threshold,
                  calibration=calibration)


def verdicts(decisions: Decisions, threshold: float) -> List[str]:
    return [verdict.decision for verdict in settled(decisions, threshold).verdicts]


@pytest.fixture
def book() -> Decisions:
    """HIGH accepted, MIDDLE rejected as an artefact, SMALL open, at 2.9."""
    decisions = Decisions()
    places = settled(decisions, 2.9).places
    decisions.add(places[0], Verdict(ACCEPTED, note="sure"))
    decisions.add(places[1], Verdict(REJECTED, "artefact"))
    return decisions


def test_a_place_knows_its_voxels() -> None:
    for finding, place in zip(settled(Decisions(), 2.9).findings, settled(Decisions(), 2.9).places):
        mask = np.zeros(VALUES.shape, dtype=bool)
        mask[place[0].box] = place[0].voxels(VALUES)
        assert mask.sum() == finding.voxels
    assert settled(Decisions(), 2.9).places[0][0].peak == tuple(reversed(HIGH_PEAK))
    high = settled(Decisions(), 2.9).places[0][0]
    assert Region.fromText(high.text) == high
    # Negative control: another map at this place has no such region.
    assert not high.voxels(np.zeros_like(VALUES)).any()


def test_the_same_operating_point(book: Decisions) -> None:
    assert settled(book, 2.9).verdicts == [Verdict(ACCEPTED, note="sure"), Verdict(REJECTED, "artefact"), Verdict()]
    assert verdicts(Decisions(), 2.9) == [UNDECIDED] * 3


def test_what_is_left_of_a_shrunk_finding_keeps_the_decision(book: Decisions) -> None:
    """At 4.5 HIGH is in two parts, each inside of what was accepted; MIDDLE is one voxel, too small to be found."""
    parts = settled(book, 4.5)
    assert len(parts.findings) == 2 and [each.decision for each in parts.verdicts] == [ACCEPTED, ACCEPTED]
    assert verdicts(Decisions(), 4.5) == [UNDECIDED, UNDECIDED]


def test_findings_that_grow_together_are_decided_again_and_come_back(book: Decisions) -> None:
    """At 2.0 HIGH, accepted, and MIDDLE, rejected, are one finding."""
    assert verdicts(book, 2.0) == [UNDECIDED, UNDECIDED]
    assert verdicts(book, 2.9) == [ACCEPTED, REJECTED, UNDECIDED]


def test_a_grown_finding_keeps_the_decision_about_most_of_it() -> None:
    decisions = Decisions()
    decisions.add(settled(decisions, 2.9).places[0], Verdict(ACCEPTED))
    size = VALUES[HIGH].size / (VALUES[HIGH].size + VALUES[MIDDLE].size + 32)
    assert size > 0.5 and verdicts(decisions, 2.0)[0] == ACCEPTED
    # Negative control: a decision about the smaller part says nothing about the whole.
    other = Decisions()
    other.add(settled(other, 2.9).places[1], Verdict(ACCEPTED))
    assert verdicts(other, 2.0)[0] == UNDECIDED


def test_the_last_word_counts(book: Decisions) -> None:
    book.add(settled(book, 2.0).places[0], Verdict(UNSURE))
    assert verdicts(book, 2.0)[0] == UNSURE
    assert verdicts(book, 2.9) == [UNSURE, UNSURE, UNDECIDED], "it was said about the whole, later"
    book.add(settled(book, 2.0).places[0], Verdict())
    assert verdicts(book, 2.0)[0] == UNDECIDED and verdicts(book, 2.9) == [UNDECIDED] * 3


def test_merged_findings_stay_merged(book: Decisions) -> None:
    before = settled(Decisions(), 2.9)
    decisions = Decisions()
    decisions.merge([*before.places[0], *before.places[2]])
    after = settled(decisions, 2.9)
    assert len(after.findings) == 2
    whole = after.findings[0]
    assert whole.voxels == before.findings[0].voxels + before.findings[2].voxels
    assert whole.volume_mm3 == pytest.approx(before.findings[0].volume_mm3 + before.findings[2].volume_mm3)
    assert whole.peak == 6.0 and whole.peak_ras == before.findings[0].peak_ras
    mask = after.labels == 1
    assert mask[HIGH].all() and mask[SMALL].all() and mask.sum() == whole.voxels
    assert (after.labels[MIDDLE] == 2).all() and after.findings[1].label == 2
    decisions.add(after.places[0], Verdict(ACCEPTED))
    assert verdicts(decisions, 2.9) == [ACCEPTED, UNDECIDED]
    assert len(settled(decisions, 3.3).findings) == 2, "SMALL is gone there, and HIGH is found alone"
    # Negative control.
    assert settled(Decisions(), 2.9).labels.max() == 3


def test_merging_keeps_a_decision_that_both_had(book: Decisions) -> None:
    places = settled(book, 2.9).places
    book.add(places[2], Verdict(ACCEPTED))
    book.merge([*places[0], *places[2]])
    assert verdicts(book, 2.9) == [ACCEPTED, REJECTED]
    book.merge([*places[0], *places[1]])
    assert verdicts(book, 2.9) == [UNDECIDED], "accepted and rejected in one: to be decided again"


def test_entries_survive_and_broken_ones_are_left_out(book: Decisions) -> None:
    book.merge([*settled(book, 2.9).places[0]])
    assert Decisions(book.entries).entries == book.entries
    assert settled(Decisions(book.entries), 2.9).verdicts == settled(book, 2.9).verdicts
    broken: List[Any] = [{}, {"places": ["1 2 3"], "decision": ACCEPTED}, {"places": [7]}, 3,
                         {"places": book.entries[1]["places"], "decision": "perhaps"}]
    assert Decisions(broken).entries == []


@pytest.mark.parametrize("arguments", [("perhaps",), (ACCEPTED, "artefact"), (REJECTED, "bad luck")])
def test_unknown_words_are_refused(arguments: Any) -> None:
    with pytest.raises(ValueError):
        Verdict(*arguments)


def test_peaks_are_where_the_landscape_has_them() -> None:
    places = settled(Decisions(), 2.9).places
    assert places[1][0].peak == tuple(reversed(MIDDLE_PEAK))
