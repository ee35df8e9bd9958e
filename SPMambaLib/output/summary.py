"""A detection as text for a reader: what was looked at, how, and the table of findings."""
from __future__ import annotations

from pathlib import Path
from typing import List, Sequence

from ..detection import Detection, Finding
from ..progress import duration
from ..scoring.calibration import Calibration
from ..scoring.reliability import interval_words

DISCLAIMER = "Research use only - not for diagnosis"
MOST_ROWS = 20
ROW = "{:>4} {:>7} {:>7} {:>12}   {:>18} {:>25}    {}"
COLUMNS = ("volume/mm3", "size/mm", "centre RAS/mm")
PIXEL_COLUMNS = ("area/px", "size/px", "centre/px")


def operating_point(detection: Detection) -> str:
    """The operating point in words: "1 in 20 normal slices shows a finding (3 to 9 %, 95 %)"; where findings share
    their rate with the scan verdict, "1 in 20 normal images shows a finding or is unusual as a whole (...)"."""
    calibration = Calibration.from_dict(detection.calibration)
    return "1 in {:.0f} normal {}s shows a finding{} ({}, 95 %)".format(
        1.0 / detection.false_positive_rate, calibration.unit,
        " or is unusual as a whole" if calibration.shared_rates else "",
        interval_words(*calibration.interval(detection.false_positive_rate)))


def verdict_line(detection: Detection) -> str:
    """The scan verdict in words, with its own operating point where that is not shared with the findings."""
    verdict = detection.scan_verdict
    if verdict is None:
        return detection.no_scan_verdict
    point = "" if verdict.unit != "volume" else " (operating point: 1 in {:.0f} normal volumes)".format(
        1.0 / max(detection.false_positive_rate, verdict.rates[-1]))
    return verdict.sentence() + point


def summary_lines(source: Path, kind: str, detection: Detection, folder: Path, files: Sequence[str]) -> List[str]:
    """The summary of the command line; at most `MOST_ROWS` findings, the most unusual first.

    A single picture (`kind` "image") has no place in a patient: its findings are told in pixels from the upper left.
    """
    model = detection.model
    depth, height, width = detection.map.shape
    size = "{} x {} pixels".format(width, height)
    lines = [
        "Image      {} ({})".format(source, size if kind == "image" else "{} x {} x {} voxels".format(
            width, height, depth)),
        "Model      {} {} - {}".format(model.get("name"), model.get("version", ""), model.get("title", "")),
        "Computed   on {} by {} in {}".format(detection.device, detection.backend,
                                              duration(detection.timings.get("total", 0.0))),
        "Threshold  {:.2f} normal spreads ({})".format(detection.threshold, operating_point(detection)),
        "Score      {:.2f}{}".format(detection.score, _worst_slice(detection)),
        "Whole scan {}".format(verdict_line(detection)),
        "Findings   {}".format(len(detection.findings) or "none"),
    ]
    if detection.findings:
        calibration = Calibration.from_dict(detection.calibration)
        table = _pixel_row if kind == "image" else _row
        lines += ["", ROW.format("#", "peak", "mean", *(PIXEL_COLUMNS if kind == "image" else COLUMNS), "severity")]
        lines += [table(finding, calibration.band(finding.band).name)
                  for finding in detection.findings[:MOST_ROWS]]
        if len(detection.findings) > MOST_ROWS:
            lines.append("   ... and {} more in result.json".format(len(detection.findings) - MOST_ROWS))
    if detection.notices:
        lines += ["", *("Notice     {} [{}]".format(n.message, n.code) for n in detection.notices)]
    return [*lines, "", "Written to {}: {}".format(folder, ", ".join(files)), DISCLAIMER + "."]


def _worst_slice(detection: Detection) -> str:
    analysed = [s for s in detection.slices if s.analysed]
    if len(analysed) < 2:
        return ""
    return " (slice {} of {}, the most unusual)".format(max(analysed, key=lambda s: s.score).index,
                                                        len(detection.slices))


def _row(finding: Finding, band: str) -> str:
    return ROW.format(
        finding.label, "{:.2f}".format(finding.peak), "{:.2f}".format(finding.mean),
        "{:.0f}".format(finding.volume_mm3), " x ".join("{:.0f}".format(v) for v in finding.size_mm),
        " ".join("{:7.1f}".format(v) for v in finding.centroid_ras), band)


def _pixel_row(finding: Finding, band: str) -> str:
    left, right, top, bottom = finding.extent[:4]
    return ROW.format(
        finding.label, "{:.2f}".format(finding.peak), "{:.2f}".format(finding.mean), finding.voxels,
        "{} x {}".format(right - left + 1, bottom - top + 1),
        "{:.0f} {:.0f}".format((left + right) / 2.0, (top + bottom) / 2.0), band)
