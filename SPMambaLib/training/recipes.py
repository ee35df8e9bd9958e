"""The shipped models, as data: what each is made from, how, and what its card tells the reader."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict

from ..errors import UsageError
from ..model.config import PRESETS, NetworkConfig
from ..preprocessing.prepare import Preprocessing
from ..scoring.maps import ScoringConfig
from .augment import Augmentation
from .train import TrainingConfig


@dataclass(frozen=True)
class Recipe:
    """Everything but the images and the teacher's starting weights.

    Attributes:
        select: glob over the manifest's paths that picks the normal training images.
        card: the fixed texts of the model card.
        network: fields of the compact preset to change.
        held_out: share of the images kept for calibration, by patient.
    """

    select: str
    card: Dict[str, Any]
    preprocessing: Preprocessing
    scoring: ScoringConfig
    augmentation: Augmentation
    network: Dict[str, Any] = field(default_factory=dict)
    training: TrainingConfig = TrainingConfig()
    held_out: float = 0.16

    def network_config(self) -> NetworkConfig:
        return NetworkConfig.from_dict(dict(PRESETS["compact"].to_dict(), **self.network))


RECIPES: Dict[str, Recipe] = {
    "chest-xray": Recipe(
        select="cxr_kermany224/train/NORMAL/*",
        preprocessing=Preprocessing(crop="none", normalise="percentile", align=True),
        # Chosen on held-out normals with opacities implanted: Testing/benchmarks/implanted_lesions.py.
        # More weight for the residual, or a smoother map, draws opacities better there, but marks more films without
        # disease that are noisy or turned.
        scoring=ScoringConfig(terms=("residual", "prototype"), weights=(0.1, 1.0), reach=3, fusion="geometric",
                              summary="mean"),
        augmentation=Augmentation(rotation_degrees=12.0, noise=0.04),
        network={"prototypes_per_cell": 24, "prototype_match": "prototypes", "prototype_space": "whitened",
                 "prototype_scales": 2, "prototype_centred": True},
        card={
            "title": "Chest X-ray (frontal, paediatric)",
            "purpose": "Marks what is unusual in frontal chest radiographs of children.",
            "not_for": "Adults, lateral views, diagnosis, triage, or any use without a radiologist's reading.",
            "region": "chest", "modality": ["CR", "DX", "XR"], "contrast": "", "plane": "native",
            "on_mismatch": "warn",
            "expects": "One frontal film, upright, uncropped.",
            "data": "1,199 normal frontal chest radiographs of children of one hospital, 224 x 224 px "
                    "(Kermany, Zhang, Goldbaum 2018, doi:10.17632/rscbjbr9sj, CC BY 4.0).",
            "limits": "One hospital, one age group; at another hospital it flags normal films until it is fitted on "
                      "local normals. In the source data the classes differ in resolution and framing.",
        },
    ),
    "brain-flair": Recipe(
        select="brain_lgg_flair256/train/normal/*",
        preprocessing=Preprocessing(crop="foreground", normalise="foreground-median"),
        # Chosen on held-out normals with masses implanted: Testing/benchmarks/implanted_lesions.py.
        # The residual adds nothing there, so the decoder rests.
        scoring=ScoringConfig(terms=("prototype", "mirror", "intensity"), weights=(1.0, 1.0, 1.0), mirror_scales=2,
                              height_bins=12, spread="deviation", pooled=("prototype", "mirror"), reach=1,
                              fusion="geometric", centring="slice", hysteresis=True, sigma=7.0, summary="top5"),
        augmentation=Augmentation(rotation_degrees=6.0, shift=0.02, zoom=0.04, flip=True),
        network={"prototypes_per_cell": 6, "prototype_match": "prototypes", "prototype_height_bins": 6},
        card={
            "title": "Brain FLAIR (axial)",
            "purpose": "Marks what is unusual in axial FLAIR slices of adult heads.",
            "not_for": "Other MR contrasts, CT, children, diagnosis, or any use without a radiologist's reading.",
            "region": "head", "modality": ["MR"], "contrast": "FLAIR", "plane": "axial", "on_mismatch": "warn",
            "extent_mm": [140.0, 260.0],
            "expects": "A FLAIR volume of the whole head, not skull-stripped, any orientation.",
            "data": "1,206 tumour-free FLAIR slices of 60 patients with lower-grade glioma (TCGA-LGG, The Cancer "
                    "Imaging Archive, CC BY 3.0); no mask was used.",
            "limits": "Marks bright lesions that differ from the other side. Most of those under 2 cm are missed at "
                      "the default operating point, and disease that is alike on both sides or fills more than half of "
                      "a slice moves its own reference. The normals come from tumour patients, many scanners of the "
                      "1990s and 2000s, thick slices. Skull-stripped volumes and lesions of a few millimetres are "
                      "outside of what it has seen.",
        },
    ),
}


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        UsageError: there is none.
    """
    if name not in RECIPES:
        raise UsageError("There is no recipe {!r}; use one of: {}.".format(name, ", ".join(sorted(RECIPES))))
    return RECIPES[name]
