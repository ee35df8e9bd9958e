"""The installed models as a list to choose from, and which of them an image is for.  Light: no torch."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Union

from .. import bundle
from ..errors import ModelMissingError, SPMambaError, UnsupportedImageError, UsageError

SUMMARY = ("name", "title", "version", "purpose", "not_for", "region", "ages", "modality", "plane", "licence")


def summary(card: Mapping[str, Any], path: Union[str, Path]) -> Dict[str, Any]:
    """The part of a model card that is needed to offer the model."""
    return {**{key: card.get(key) for key in SUMMARY}, "path": str(path)}


def installed() -> List[Dict[str, Any]]:
    """Summary of every installed model; {"name", "path", "error"} for one whose card cannot be read."""
    rows = []
    for name in bundle.available_models():
        path = bundle.find_bundle(name)
        try:
            rows.append({**summary(bundle.read_card(path), path), "name": name})  # a copy has its folder's name
        except SPMambaError as error:
            rows.append({"name": name, "path": str(path), "error": error.to_dict()})
    return rows


def model_for(kind: str, facts: Mapping[str, Any], models: List[Dict[str, Any]]) -> Dict[str, Any]:
    """The one model that an image is for, by its dimension, its stated modality, and the patient's age.

    Args:
        kind: "volume" or "image", as `Image.kind`; models whose plane is "native" are for single images.
        facts: as `Image.facts`; an image that does not state its modality is judged by its dimension alone.
        models: as from `installed`.

    Raises:
        ModelMissingError: no model for this dimension is installed.
        UnsupportedImageError: the image states a modality that none of them is for.
        UsageError: several fit.
    """
    what = "single images" if kind == "image" else "volumes"
    fitting = [m for m in models if "error" not in m and (m["plane"] == "native") == (kind == "image")]
    if not fitting:
        raise ModelMissingError("No model for {} is installed.".format(what))
    modality = str(facts.get("modality", "")).upper()
    if modality:
        fitting = [m for m in fitting if not m["modality"] or modality in m["modality"]]
    if not fitting:
        raise UnsupportedImageError("No installed model is for {} of modality {}; name one with --model to use it all "
                                    "the same.".format(what, modality), code="no-fitting-model")
    if len(fitting) > 1 and "age" in facts:
        fitting = [m for m in fitting if m.get("ages") and m["ages"][0] <= facts["age"] <= m["ages"][1]] or fitting
    if len(fitting) > 1:
        raise UsageError("Several models fit this image; choose one with --model: {}.".format(
            ", ".join(m["name"] for m in fitting)))
    return fitting[0]
