"""How a kind of model is made, as data: a recipe is a JSON file and needs no line of Python.

The shipped ones lie in ``Resources/recipes``; one's own are given by their path, or put into a folder that the
environment variable ``SPMAMBA_RECIPES`` names.
"""
from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping

from ..data.samples import Patterns
from ..errors import UnreadableFileError, UsageError
from ..model.config import PRESETS, NetworkConfig
from ..preprocessing.prepare import Preprocessing
from ..scoring.maps import ScoringConfig
from .augment import Augmentation
from .train import TrainingConfig

FORMAT = 1
CARD_TEXTS = ("title", "purpose", "not_for", "modality", "plane")  # without which a model cannot be offered


@dataclass(frozen=True)
class Recipe:
    """Everything but the images and the teacher's starting weights.

    Attributes:
        card: the fixed texts of the model card.
        network: fields of the compact preset to change.
        held_out: share of the images kept for calibration, by patient.
        select: globs over the names of the images; empty takes all that are normal.
        base: installed model whose teacher is taken when no other is given.
    """

    card: Dict[str, Any]
    preprocessing: Preprocessing
    scoring: ScoringConfig
    augmentation: Augmentation
    network: Dict[str, Any] = field(default_factory=dict)
    training: TrainingConfig = TrainingConfig()
    held_out: float = 0.16
    select: Patterns = ()
    base: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Recipe":
        """From the content of a recipe file; every part but ``card`` may be left out, or name only what is to differ.

        Raises:
            KeyError, TypeError, ValueError, UsageError: a part is missing, unknown or makes no sense.
        """
        unknown = set(data) - {"format", "card", "preprocessing", "network", "scoring", "augmentation", "training",
                               "held_out", "select", "base"}
        missing = [name for name in CARD_TEXTS if name not in data["card"]]
        if unknown or missing or data.get("format", FORMAT) != FORMAT:
            raise ValueError("unknown: {}; missing in card: {}; format {}".format(
                sorted(unknown), missing, data.get("format", FORMAT)))
        recipe = cls(
            card=dict(data["card"]), preprocessing=Preprocessing(**data.get("preprocessing", {})),
            scoring=ScoringConfig(**data.get("scoring", {})),
            augmentation=Augmentation(**data.get("augmentation", {})), network=dict(data.get("network", {})),
            training=TrainingConfig(**data.get("training", {})), held_out=float(data.get("held_out", cls.held_out)),
            select=tuple(data.get("select", ())), base=str(data.get("base", "")))
        if not 0.0 < recipe.held_out < 1.0:
            raise ValueError("held_out is a share between 0 and 1; got {}".format(recipe.held_out))
        recipe.network_config()
        return recipe

    def network_config(self) -> NetworkConfig:
        return NetworkConfig.from_dict(dict(PRESETS["compact"].to_dict(), **self.network))


RECIPES: Dict[str, Recipe] = {}
"""Recipes that a program has registered under a name; they come before files."""


def recipe_files() -> Dict[str, Path]:
    """Name -> file of the recipes that are found; one's own hide shipped ones of the same name."""
    package = Path(__file__).resolve().parents[1]
    folders = [Path(p) for p in os.environ.get("SPMAMBA_RECIPES", "").split(os.pathsep) if p]
    found: Dict[str, Path] = {}
    for folder in (*folders, package / "Resources" / "recipes", package.parent / "Resources" / "recipes"):
        for path in sorted(folder.glob("*.json")):
            found.setdefault(path.stem, path)
    return found


def available_recipes() -> List[str]:
    """
    Example:
        >>> available_recipes()
        ['brain-flair', 'chest-xray']
    """
    return sorted({*RECIPES, *recipe_files()})


def find_recipe(name_or_path: str) -> Recipe:
    """The recipe of a name, or of a JSON file.

    Raises:
        UsageError: neither a known name nor a file.
        UnreadableFileError: the file is not a recipe.
    """
    if name_or_path in RECIPES:
        return RECIPES[name_or_path]
    path = recipe_files().get(name_or_path, Path(name_or_path))
    if not path.is_file():
        raise UsageError("Unknown recipe {!r}; give a JSON file, or use one of: {}.".format(
            name_or_path, ", ".join(available_recipes())))
    try:
        return Recipe.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise UnreadableFileError("{} is not a recipe that this version can follow.".format(path), repr(error),
                                  code="recipe-damaged") from error


def name_of(name_or_path: str) -> str:
    """What a model of this recipe is called unless it gets a name of its own."""
    return Path(name_or_path).stem if name_or_path.endswith(".json") else name_or_path
