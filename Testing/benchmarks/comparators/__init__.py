"""Other people's methods in our harness: same teacher, preparation, splits, standardisation and metrics.

Each is fitted on features of normal images and maps a batch; see `Comparator`.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, Protocol, Sequence, Tuple

from benchmarks.comparators.intensity import Intensity
from benchmarks.comparators.padim import PaDiM
from benchmarks.comparators.patchcore import PatchCore
from benchmarks.comparators.prototypes import PositionPrototypes
from benchmarks.comparators.reverse_distillation import ReverseDistillation
from benchmarks.images import Images, Study
from torch import Tensor


class Comparator(Protocol):
    """A way to say how unusual each place of an image is."""

    def fit(self, normals: Images) -> None:
        """Learn from normal images and their features."""

    def map(self, batch: Images) -> Tensor:
        """(n, h, w) of any resolution, or one map for each slice height (n, L, h, w); higher is less normal."""


def options_of(study: Study) -> Dict[str, Any]:
    """Options of `PlacePrototypes` that the recipe has."""
    config = study.recipe.network_config()
    return {"per_cell": config.prototypes_per_cell, "height_bins": config.prototype_height_bins,
            "window": config.prototype_window, "match": config.prototype_match, "space": config.prototype_space,
            "features": "layer 3" if config.prototype_scales == 1 else "layers 2 and 3",
            "centred": config.prototype_centred}


def position_prototypes(study: Study, seed: int, **options: Any) -> PositionPrototypes:
    """As the recipe has them, unless said otherwise."""
    return PositionPrototypes(**{**options_of(study), **options, "seed": seed})


COMPARATORS: Dict[str, Tuple[Callable[[Study, int], Comparator], Sequence[str]]] = {
    "plain intensity": (lambda study, seed: Intensity(), ("place", "place and height")),
    "place prototypes": (position_prototypes, ("whole", "place")),
    "PaDiM": (lambda study, seed: PaDiM(seed), ("whole", "place", "place and height")),
    "PatchCore": (lambda study, seed: PatchCore(seed), ("whole", "place", "place and height")),
    "reverse distillation": (lambda study, seed: ReverseDistillation(seed), ("whole", "place", "place and height")),
}
"""Name -> (how it is made, the ways in which its map is standardised); heights are for slices only."""

SEEDLESS = ("plain intensity",)
