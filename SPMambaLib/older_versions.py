"""Bundles, jobs, results and evidence written by earlier versions: the one place that knows their words.

Light: standard library only.
"""
from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Tuple

CARD_FORMATS = (2,)  # that can still be read, beside the present one
FILES = {"typical.png": "normal_tiles.png"}
TENSOR_PREFIXES = {"fitness.": "input_check."}
TENSORS = {"input_check.typical": "input_check.median_distance"}

# Where a key stood -> how it is called now.  A path leads through dictionaries of the card.
CARD_KEYS: Tuple[Tuple[Tuple[str, ...], str], ...] = (
    (("typical",), "normal_tiles"),
    (("preprocessing", "median_level"), "median_grey"),
    (("network", "prototype_levels"), "prototype_height_bins"),
    (("scoring", "levels"), "height_bins"),
    (("calibration", "score_by_level"), "score_by_height"),
    (("calibration", "fitness"), "input_check"),
    (("calibration", "input_check", "worth", "marked"), "flagged"),
    (("metrics", "image", "auroc_level_matched"), "auroc_height_matched"),
    (("metrics", "image_intervals_95_by_patient", "auroc_level_matched"), "auroc_height_matched"),
    (("metrics", "controls_auroc", "level_only"), "height_only"),
    (("fitting", "judging_images"), "calibration_images"),
    (("fitting", "judging"), "calibrated_by"),
)
RESULT_KEYS: Tuple[Tuple[Tuple[str, ...], str], ...] = ((("fitness",), "input_check"),)
NOTICE_CODES = {"no-fitness-check": "no-input-check"}


def present_card(card: Dict[str, Any]) -> Dict[str, Any]:
    """A card in the present words; hashes in ``files`` stay under the names of the files on disk."""
    return renamed(card, CARD_KEYS)


def present_tensor_name(name: str) -> str:
    """
    Example:
        >>> present_tensor_name("fitness.typical")
        'input_check.median_distance'
    """
    for old, new in TENSOR_PREFIXES.items():
        if name.startswith(old):
            name = new + name[len(old):]
    return TENSORS.get(name, name)


def present_result(result: Mapping[str, Any]) -> Dict[str, Any]:
    """What ``result.json`` holds, in the present words."""
    whole = renamed(dict(result), RESULT_KEYS)
    check = whole.get("input_check")
    if isinstance(check, dict):
        whole["input_check"] = dict(check, state={"marked": "flagged"}.get(check.get("state", ""), check.get("state")))
    if isinstance(whole.get("slices"), list):
        whole["slices"] = [_with_height(each) for each in whole["slices"]]
    return whole


def forced(job: Mapping[str, Any]) -> bool:
    """Whether a job asks to analyse also what the model does not know; earlier jobs said ``"on_misfit": "mark"``."""
    return bool(job.get("force", job.get("on_misfit") == "mark"))


def present_arrays(names: Iterable[str]) -> Dict[str, str]:
    """Present name -> name in the file, of the arrays of an evidence file."""
    return {"blocks" if name == "places" else name: name for name in names}


def renamed(whole: Dict[str, Any], keys: Tuple[Tuple[Tuple[str, ...], str], ...]) -> Dict[str, Any]:
    """A copy of nested dictionaries in which the keys at these paths are called anew, in their old order."""
    for path, new in keys:
        whole = _renamed_one(whole, path, new)
    return whole


def _renamed_one(whole: Dict[str, Any], path: Tuple[str, ...], new: str) -> Dict[str, Any]:
    if not isinstance(whole, dict) or path[0] not in whole:
        return whole
    if len(path) == 1:
        return {new if key == path[0] else key: value for key, value in whole.items()}
    return {key: _renamed_one(value, path[1:], new) if key == path[0] else value for key, value in whole.items()}


def _with_height(entry: Any) -> Any:
    if isinstance(entry, dict) and "level" in entry:
        return {"slice_height" if key == "level" else key: value for key, value in entry.items()}
    return entry
