"""The files of a result: arrays, evidence, ``result.json``.  How they are whole or not there: `io.whole`, `io.swap`.

Used by the worker and the command line.  Light: numpy and the standard library.
"""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Set

import numpy as np

from ..detection import Detection
from ..errors import Cancelled
from ..io.swap import whole_folder
from ..io.whole import replacing

RESULT_FILE = "result.json"
EVIDENCE_FILE = "evidence.npz"
ARRAY_FILES = ("map.npy", "labels.npy", "severity.npy", "terms.npy")
SEGMENTATION_FILE, PICTURE_FILE = "findings.seg.nrrd", "overview.png"
VOLUME_FILES, VOLUME_FORMATS = ("anomaly_map", "severity"), ("nrrd", "nii.gz")
RESULT_NAMES = (RESULT_FILE, EVIDENCE_FILE, SEGMENTATION_FILE, PICTURE_FILE, *ARRAY_FILES, *(
    "{}.{}".format(name, suffix) for name in VOLUME_FILES for suffix in VOLUME_FORMATS))


def write_array(path: Path, array: np.ndarray) -> None:
    with replacing(path) as file:
        np.save(file, array, allow_pickle=False)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    text = json.dumps(data, indent=1, allow_nan=False)
    with replacing(path) as file:
        file.write(text.encode("ascii"))


def arrays_of(detection: Detection) -> Dict[str, np.ndarray]:
    """The voxels of a detection by file name: map float32, labels int16, severity uint8, each (K, J, I), and terms
    float16 (T, K, J, I) in the order of ``result.json``'s "terms"."""
    terms = np.empty((len(detection.terms), *detection.map.shape), dtype=np.float16)
    for index, term in enumerate(detection.terms.values()):
        terms[index] = term
    arrays = (detection.map.astype(np.float32, copy=False), detection.labels.astype(np.int16, copy=False),
              detection.severity.astype(np.uint8, copy=False), terms)
    return dict(zip(ARRAY_FILES, arrays))


def write_detection(detection: Detection, folder: Path, cancelled: Optional[Callable[[], bool]] = None) -> None:
    """Write the arrays, the evidence and ``result.json`` into an existing folder: all of them, or none.

    Raises:
        OutputError: the folder cannot be written; a former result in it is whole.
        Cancelled: `cancelled` said so between two files.
    """
    def checkpoint() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled()

    with whole_folder(folder, result_names, RESULT_FILE, keep=False) as files:
        for name, array in arrays_of(detection).items():
            checkpoint()
            write_array(files / name, array)
        write_evidence(detection, files)
        write_json(files / RESULT_FILE, detection.to_dict())
        checkpoint()


def write_evidence(detection: Detection, folder: Path) -> List[str]:
    """Write why places were marked, and return the file's name; a detection without evidence has no such file.

    Raises:
        OutputError: it cannot be written.
    """
    if detection.evidence is None:
        return []
    with replacing(folder / EVIDENCE_FILE) as file:
        file.write(detection.evidence.to_bytes())
    return [EVIDENCE_FILE]


def result_names(folder: Path) -> Set[str]:
    """The names in a folder that are those of a result: what any version writes, and what an earlier one says of
    itself."""
    names = set(RESULT_NAMES)
    try:
        listed = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))["files"]
        names.update(name for name in listed if name == os.path.basename(name))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none is there, or what is there is of no use
    return names
