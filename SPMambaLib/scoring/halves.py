"""How normals are divided, always by patient.  Light: numpy."""
from __future__ import annotations

from typing import List

import numpy as np


def halves_by_patient(patients: List[str], seed: int = 0) -> np.ndarray:
    """A random half of the patients, as a mask over their images."""
    names = sorted(set(patients))
    np.random.default_rng(seed).shuffle(names)
    first = set(names[: len(names) // 2])
    return np.array([patient in first for patient in patients])


def folds_by_patient(patients: List[str], count: int, seed: int = 0) -> np.ndarray:
    """The fold 0, 1, ... of each image (N,): at most `count` of nearly as many patients each, drawn at random."""
    names = sorted(set(patients))
    np.random.default_rng(seed).shuffle(names)
    fold = {name: n % min(count, len(names)) for n, name in enumerate(names)}
    return np.array([fold[patient] for patient in patients])
