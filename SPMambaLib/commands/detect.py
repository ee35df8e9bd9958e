"""``spmamba detect INPUT``: one image in, a folder of results out."""
from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Dict, Optional

from ..bundle import catalogue
from ..detection import Detection
from ..errors import UsageError
from ..io.image import require
from ..io.names import printable
from ..io.swap import whole_folder
from ..io.whole import replacing
from ..output.files import (
    PICTURE_FILE,
    RESULT_FILE,
    SEGMENTATION_FILE,
    VOLUME_FILES,
    VOLUME_FORMATS,
    result_names,
    write_evidence,
    write_json,
)
from ..output.summary import summary_lines
from ..progress import ProgressBar

READ, LOADED, WRITING = 0.02, 0.06, 0.97  # parts of the progress bar
IMAGE_SUFFIXES = (".nii.gz", ".seg.nrrd")  # of two parts; others have one
LONGEST = 180  # bytes of an input's name in that of the results' folder
INTERRUPTING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "detect", parents=[common], help="find anomalies in an image or volume",
        description="Find anomalies in an image and write anomaly_map, severity (label map), findings.seg.nrrd, "
                    "overview.png, evidence.npz (why) and result.json. Research use only - not for diagnosis.")
    parser.add_argument("input", metavar="INPUT", help="NIfTI, NRRD, MHA, DICOM file or series folder, PNG, JPEG, TIFF")
    parser.add_argument("--series", metavar="UID|NUMBER", help="which DICOM series of a folder, by UID, number or "
                        "description; `spmamba series FOLDER` lists them")
    parser.add_argument("--model", metavar="NAME|PATH", help="installed model, bundle folder or zip; chosen from the "
                        "image's kind and modality if not given")
    parser.add_argument("--output", metavar="DIR", help="folder for the results; <input>_spmamba if not given")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="where to compute (auto)")
    parser.add_argument("--scoring", choices=("model", "published"), default="model",
                        help="published: map and score as the paper has them, for comparison (model)")
    parser.add_argument("--scan", metavar="BACKEND", help="backend of the selective scan (the fastest that works here)")
    parser.add_argument("--false-positives", type=float, metavar="RATE",
                        help="share of normal slices (or images) that may show a finding, e.g. 0.05")
    parser.add_argument("--force", "--anyway", action="store_true",
                        help="analyse also a scan that does not look like what the model knows; the result says so")
    parser.add_argument("--format", choices=VOLUME_FORMATS, default="nrrd", help="of map and label map (nrrd)")
    parser.add_argument("--json", action="store_true", help="print result.json instead of the table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    rate = arguments.false_positives
    if rate is not None and not 0.0 < rate < 1.0:
        raise UsageError("--false-positives must lie between 0 and 1, for example 0.05; got {:g}.".format(rate))
    source = Path(arguments.input)
    require(source)
    folder = Path(arguments.output) if arguments.output else Path(shortened(stem(source)) + "_spmamba")
    with ProgressBar() as bar, whole_folder(folder, result_names, RESULT_FILE) as files, \
            Interruption() as stop:
        bar(0.0, "reading {}".format(printable(source.name)))
        image = read_image(source, arguments.series)
        model = arguments.model or choose_model(image)
        bar(READ, "loading model {}".format(model))
        detector = load_model(model, arguments.device, arguments.scan, arguments.scoring)
        detection = detector.detect(
            image, false_positive_rate=rate, force=arguments.force, cancelled=stop.asked,
            progress=lambda part, text: bar(LOADED + (WRITING - LOADED) * part, text))
        bar(WRITING, "writing results")
        result = write_results(files, source, image, detection, arguments.format)
        stop.ignore()  # the files are moved into place now; half of them would be worse than all
    if arguments.json:
        print(json.dumps({**result, "folder": printable(folder)}, indent=1))
    else:
        print("\n".join(summary_lines(source, image.kind, detection, folder, result["files"])))
    return 0


def shortened(name: str) -> str:
    """As much of a name as a folder's name has room for, which is counted in bytes."""
    return os.fsencode(name)[:LONGEST].decode("utf-8", "ignore") if len(os.fsencode(name)) > LONGEST else name


def stem(source: Path) -> str:
    """Name of an input without its format: "flair" for ``flair.nii.gz``, a folder's own name."""
    name = source.resolve().name if source.is_dir() else source.name
    if source.is_dir():
        return name
    for suffix in IMAGE_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[:-len(suffix)]
    return Path(name).stem


def read_image(source: Path, series: Optional[str] = None) -> Any:
    from ..io.image import read_image as read

    return read(source, series=series)


def load_model(model: str, device: str, scan: Optional[str] = None, scoring: str = "model") -> Any:
    from ..detector import load_model as load

    return load(model, device, scan=scan, scoring=scoring)


def choose_model(image: Any) -> str:
    """Name of the model that the image is for; says so on stderr."""
    model = catalogue.model_for(image.kind, image.facts, catalogue.installed())
    print("spmamba: model {} chosen ({})".format(model["name"], model["title"]), file=sys.stderr)
    return str(model["name"])


def write_results(folder: Path, source: Path, image: Any, detection: Detection, suffix: str) -> Dict[str, Any]:
    """Write all files into `folder`, `RESULT_FILE` last, and return what stands in it: the detection's summary, the
    input and the names of the files.

    Raises:
        OutputError: a file cannot be written.
    """
    from ..io.image import write_image
    from ..output.overview import draw_overview
    from ..output.segmentation import segments_of, write_segmentation

    anomaly_map, severity = ("{}.{}".format(name, suffix) for name in VOLUME_FILES)
    write_image(folder / anomaly_map, detection.map, detection.ijk_to_ras)
    write_image(folder / severity, detection.severity, detection.ijk_to_ras)
    write_segmentation(folder / SEGMENTATION_FILE, detection.labels, detection.ijk_to_ras, segments_of(detection))
    with replacing(folder / PICTURE_FILE) as file:
        draw_overview(image.voxels, detection, title=printable(source.name)).save(file, "PNG")
    result = {**detection.to_dict(), "input": printable(source), "kind": image.kind,
              "files": [anomaly_map, severity, SEGMENTATION_FILE, PICTURE_FILE, *write_evidence(detection, folder),
                        RESULT_FILE]}
    write_json(folder / RESULT_FILE, result)
    return result


class Interruption:
    """Within this context one Ctrl-C (or a request to terminate) cancels: `asked` turns true for whoever polls it, and
    KeyboardInterrupt is raised for whoever does not.  Library code may swallow the exception, never the flag."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._ignored = False

    def asked(self) -> bool:
        return self._asked.is_set()

    def ignore(self) -> None:
        """From now on it is too late to cancel."""
        self._ignored = True

    def __enter__(self) -> "Interruption":
        self._previous = {number: signal.signal(number, self._handle) for number in INTERRUPTING
                          if signal.getsignal(number) is not signal.SIG_IGN}  # nohup asks for that
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: Optional[FrameType]) -> None:
        if not self._ignored:
            self._asked.set()
            raise KeyboardInterrupt
