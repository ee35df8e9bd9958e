"""``spmamba evaluate``: how good a model is on images whose truth is known."""
from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from ..errors import UsageError
from ..io.whole import prepare_file
from .detect import Interruption

EXAMINED = 0.05  # of the progress bar
SITE_PROBLEMS = ("image-unreadable", "file-missing", "mask-missing", "mask-unreadable", "mask-size", "mask-place",
                "label-missing")
ALLOWED = (*SITE_PROBLEMS[1:6], "patient-leak", "duplicate-across-splits", "label-conflict", "empty-class")
SHOWN = 20  # problems printed one a line


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "evaluate", parents=[common], help="measure a model on images whose truth is known",
        description="Run every image through the detector and write metrics.json: image, pixel and lesion metrics with "
                    "intervals by patient, operating points, controls. The images are examined before any work starts.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--manifest", type=Path, help="CSV with path, label, and if known patient, mask_path, "
                        "split, note (\"slice 7/23\")")
    source.add_argument("--folder", type=Path, help="folder of normal images (a sub-folder is a patient), or that "
                        "of ZhangLab, CheXpert or Uni-Medical")
    parser.add_argument("--select", action="append", default=[], metavar="GLOB",
                        help="which images by name; may be repeated, !GLOB excludes")
    parser.add_argument("--against", action="append", default=[], metavar="GLOB",
                        help="images of the manifest that the model was made from: no patient or file may be in both")
    parser.add_argument("--model", required=True, metavar="NAME|PATH", help="installed model, bundle folder or zip")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="metrics.json to write")
    parser.add_argument("--report", type=Path, metavar="FILE", help="also an HTML report with pictures, in one file")
    parser.add_argument("--protocol", choices=("deployable", "published"), default="deployable",
                        help="deployable: nothing is chosen on these images (default); published: thresholds are "
                             "chosen on their labels, to compare with papers")
    parser.add_argument("--controls", action="store_true",
                        help="also judge the images with their centre or frame replaced (three times the time)")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="where to compute (auto)")
    parser.add_argument("--scoring", choices=("model", "published"), default="model",
                        help="published: map and score as the paper has them, for comparison (model)")
    parser.add_argument("--scan", metavar="BACKEND", help="backend of the selective scan (the fastest that works here)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="use every N-th image only")
    parser.add_argument("--allow", action="append", default=[], choices=ALLOWED, metavar="CODE",
                        help="go on in spite of this kind of problem; what cannot be used is left out and named")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..data.reading import read_data
    from ..progress import ProgressBar

    if arguments.every < 1:
        raise UsageError("--every must be 1 or more; got {}.".format(arguments.every))
    data = read_data(manifest=arguments.manifest, folder=arguments.folder, select=arguments.select)
    samples = data.for_evaluation()[::arguments.every]
    if not samples:
        raise UsageError("None of the chosen images of {} is for testing.".format(arguments.folder))
    others = [sample for sample in data.samples if sample.split == "train"] if data.kind != "manifest" else []
    if arguments.against:
        others += read_data(manifest=arguments.manifest, folder=arguments.folder, select=arguments.against).samples
    for path in (arguments.output, arguments.report):
        prepare_file(path)
    detector = load_model(arguments.model, arguments.device, arguments.scan, arguments.scoring)
    with ProgressBar() as bar, Interruption() as stop:
        sound, unusable = examined(samples, others, data.normals_only, arguments.allow, bar, stop)
        result = measure(arguments, detector, sound, unusable, description(arguments, data.kind), bar, stop)
    print("\n".join(summary_lines(result, arguments.output, arguments.report)))
    return 0


def load_model(model: str, device: str, scan: Optional[str] = None, scoring: str = "model") -> Any:
    from ..detector import load_model as load

    return load(model, device, scan=scan, scoring=scoring)


def examined(samples: Sequence[Any], others: Sequence[Any], normals_only: bool, allow: Sequence[str], bar: Any,
             stop: Any) -> Any:
    """(samples that can be used, those that cannot as {"name", "code", "message"}); says all problems on stderr.

    Raises:
        DataError: problems that are not allowed; unreadable images always are, they are left out and named.
    """
    from ..data.examine import BOTH, examine

    def checkpoint() -> None:
        if stop.asked():
            raise KeyboardInterrupt

    found = examine(samples, against=others, classes=("normal",) if normals_only else BOTH, checkpoint=checkpoint,
                    progress=lambda part, text: bar(EXAMINED * part, text))
    bar.close()
    for problem in found.problems[:SHOWN]:
        print("spmamba: {} [{}]".format(problem.message, problem.code), file=sys.stderr)
    if len(found.problems) > SHOWN:
        print("spmamba: and {} more problems".format(len(found.problems) - SHOWN), file=sys.stderr)
    found.require(tolerated=["image-unreadable", *allow])
    unusable = [{"name": problem.name, "code": problem.code, "message": problem.message}
                for problem in found.problems if problem.code in SITE_PROBLEMS]
    return found.sound, unusable


def description(arguments: argparse.Namespace, kind: str) -> Dict[str, Any]:
    """Which images these were, without where they lie on this machine."""
    digest = hashlib.sha256(arguments.manifest.read_bytes()).hexdigest() if arguments.manifest else None
    return {"kind": kind, "name": (arguments.manifest or arguments.folder).name, "manifest_sha256": digest,
            "select": arguments.select, "against": arguments.against, "every": arguments.every,
            "allowed": sorted(arguments.allow)}


def measure(arguments: argparse.Namespace, detector: Any, samples: Sequence[Any], unusable: List[Dict[str, str]],
            data: Dict[str, Any], bar: Any, stop: Any) -> Dict[str, Any]:
    """Run the evaluation and write its files; returns what stands in metrics.json."""
    from ..evaluation.evaluate import evaluate
    from ..evaluation.gallery import Gallery
    from ..evaluation.report import write_report
    from ..output.files import write_json

    gallery = Gallery(detector.calibration.default_rate) if arguments.report else None
    evaluation = evaluate(samples, detector, protocol=arguments.protocol, controls=arguments.controls,
                          cancelled=stop.asked, watch=gallery, unusable=unusable,
                          progress=lambda part, text: bar(EXAMINED + (1 - EXAMINED) * part, text))
    evaluation.result["data"] = data
    stop.ignore()
    if gallery is not None:
        write_report(arguments.report, evaluation, gallery, detector.card)
    write_json(arguments.output, evaluation.result)
    return evaluation.result


def summary_lines(result: Dict[str, Any], output: Path, report: Any) -> List[str]:
    """The main numbers for a terminal."""
    n, image, intervals = result["n"], result["image"], result["intervals"]["image"]
    lines = ["Images     {images} ({normal} normal, {abnormal} abnormal) of {patients} patient{s}".format(
        s="" if n["patients"] == 1 else "s", **n),
             "Model      {} {}".format(result["model"]["name"], result["model"]["sha256"][:12]),
             "Protocol   {}: {}".format(result["protocol"], result["protocol_means"]),
             "AUROC      {}    AP {}".format(_value(image["auroc"], intervals["auroc"]),
                                             _value(image["ap"], intervals["ap"]))]
    if image["auroc_height_matched"] is not None:
        lines.append("           {} among slices of similar height; height alone {}".format(
            _value(image["auroc_height_matched"]), _value(result["controls"]["height_only"])))
    words = ("Marked     {} of the abnormal images, none of {} of the normal ones"
             if result["protocol"] == "deployable" else
             "Chosen     threshold of best F1 {2}: sensitivity {0}, specificity {1}")
    lines.append(words.format(_value(image["sensitivity"], intervals["sensitivity"]),
                              _value(image["specificity"], intervals["specificity"]), _value(image["f1max"])))
    point = next(p for p in result["operating_points"] if p["default"])
    for label, key in (("by findings", "findings"), ("as a whole", "scan_verdict")):
        if point["scan_verdict"] is not None:
            lines.append("           {:11} {} of the abnormal images, none of {} of the normal ones".format(
                label, _value(point[key]["sensitivity"]), _value(point[key]["specificity"])))
    if result["pixel"]:
        lines.append("Pixels     AUROC {auroc}  AP {ap}  Dice {dice} (best possible {best_dice})  AUPRO {aupro}".format(
            **{name: _value(value) for name, value in result["pixel"].items()}))
    lines.append("Input check {:.1%} of the files refused, {:.1%} flagged; {} failed".format(
        result["input_check"]["refused"], result["input_check"]["flagged"], n["failed"]))
    lines += ["Written    {}".format(path) for path in (output, report) if path is not None]
    return lines + ["Research use only - not for diagnosis"]


def _value(value: Any, interval: Any = None) -> str:
    if value is None:
        return "-"
    return "{:.3f}".format(value) + (" [{:.3f}, {:.3f}]".format(*interval) if interval else "")
