"""Small data sets on disk for the tests of the data room and of evaluation."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Dict, Sequence

import numpy as np
import SimpleITK as sitk


def picture(path: Path, array: np.ndarray) -> Path:
    """Write a grey picture (rows, columns), 8 bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(np.clip(array, 0, 255).astype(np.uint8)), str(path))
    return path


def noise(seed: int, shape: Sequence[int] = (32, 32)) -> np.ndarray:
    """A picture that no other seed gives."""
    return np.random.default_rng(seed).integers(0, 255, shape)


def table(path: Path, rows: Sequence[Dict[str, object]]) -> Path:
    """Write rows as CSV; columns are those of any row."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path
