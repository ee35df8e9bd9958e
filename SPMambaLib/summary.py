"""A detection as text for a reader: what was looked at, how, and the table of findings."""
from __future__ import annotations

from pathlib import Path
from typing import List, Sequence

from .detection import Detection, Finding
from .progress import duration
from .scoring.calibration import Calibration

DISCLAIMER = "Research use only - not for diagnosis"
MOST_ROWS = 20


def operating_point(detection: Detection) -> str:
    """The threshold in words: "1 in 20 normal slices shows a finding"."""
    unit = Calibration.from_dict(detection.calibration).unit
    return "1 in {:.0f} normal {}s shows a finding".format(1.0 / detection.false_positive_rate, unit)


def summary_lines(source: Path, detection: Detection, folder: Path, files: Sequence[str]) -> List[str]:
    """The summary of the command line; at most `MOST_ROWS` findings, the most unusual first."""
    model = detection.model
    depth, height, width = detection.map.shape
    lines = [
        "Image      {} ({} x {} x {} voxels)".format(source, width, height, depth),
        "Model      {} {} - {}".format(model.get("name"), model.get("version", ""), model.get("title", "")),
        "Computed   on {} by {} in {}".format(detection.device, detection.backend,
                                              duration(detection.timings.get("total", 0.0))),
        "Threshold  {:.2f} normal spreads ({})".format(detection.threshold, operating_point(detection)),
        "Score      {:.2f}{}".format(detection.score, _worst_slice(detection)),
        "Findings   {}".format(len(detection.findings) or "none"),
    ]
    if detection.findings:
        bands = Calibration.from_dict(detection.calibration).bands
        lines += ["", "   #    peak    mean   volume/mm3        size/mm             centre RAS/mm    severity"]
        lines += [_row(f, bands[f.band - 1].name if 0 < f.band <= len(bands) else "")
                  for f in detection.findings[:MOST_ROWS]]
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
    return "{:4d} {:7.2f} {:7.2f} {:12.0f}   {:>18} {:>25}    {}".format(
        finding.label, finding.peak, finding.mean, finding.volume_mm3,
        " x ".join("{:.0f}".format(v) for v in finding.size_mm),
        " ".join("{:7.1f}".format(v) for v in finding.centroid_ras), band)
