"""Numbers of an evaluation in words, and the cautions that they call for."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence

FEW = 50  # images of a class below which everything is vague
SHORTCUT = 0.7  # AUROC of a control from which on it is named
REFUSED_SHARE = 0.1


def value(number: Optional[float]) -> str:
    return "-" if number is None else "{:.3f}".format(number)


def percent(number: Optional[float]) -> str:
    return "-" if number is None else "{:.1f} %".format(100 * number)


def value_with_interval(number: Optional[float], interval: Optional[Sequence[float]],
                        shown: Callable[[Optional[float]], str] = value) -> str:
    """"0.700 (0.650 to 0.750)"."""
    if number is None or not interval:
        return shown(number)
    return "{} ({} to {})".format(shown(number), shown(interval[0]), shown(interval[1]))


def words_of_rate(rate: float, unit: str, verdict: bool = False) -> str:
    """"1 in 20 normal slices shows a finding", or, where there is a scan verdict too, "... or is unusual as a whole".
    """
    return "1 in {:.0f} normal {}s shows a finding{}".format(
        1.0 / rate, "image" if unit == "file" else unit, " or is unusual as a whole" if verdict else "")


def _of_hundred(number: float, interval: Optional[Sequence[float]]) -> str:
    low_high = " (95 % interval {:.0f} to {:.0f})".format(*(100 * v for v in interval)) if interval else ""
    return "{:.0f}{}".format(100 * number, low_high)


def findings_in_words(result: Dict[str, Any]) -> List[str]:
    """What a reader should take away, at the default operating point."""
    point = next(p for p in result["operating_points"] if p["default"])
    image, unit, lines = result["image"], {"file": "image"}.get(result["unit"], result["unit"]), []
    verdict = point["scan_verdict"]
    if point["sensitivity"] is not None:
        lines.append("Of 100 abnormal {}s the model marks {}.".format(
            unit, _of_hundred(point["sensitivity"], point["sensitivity_interval"])))
        if verdict is not None:
            lines.append("Of these 100, {:.0f} show a finding and {:.0f} are called unusual as a whole.".format(
                100 * point["findings"]["sensitivity"], 100 * verdict["sensitivity"]))
    if point["specificity"] is not None:
        lines.append("Of 100 normal {}s it marks {} by mistake; it was set to {:.0f}.".format(
            unit, _of_hundred(1.0 - point["specificity"], [1.0 - v for v in point["specificity_interval"][::-1]]
                              if point["specificity_interval"] else None), 100 * point["false_positive_rate"]))
    if image["auroc"] is not None:
        lines.append("Shown one abnormal and one normal {}, it calls the abnormal one more unusual in {:.0f} of 100 "
                     "pairs (AUROC; guessing gives 50).".format(unit, 100 * image["auroc"]))
    if result["froc"]:
        found = result["froc"]["operating_point"]
        if found["sensitivity"] is not None:
            lines.append("Of 100 lesions its findings touch {:.0f}, with {:.2f} findings per image where nothing is."
                         .format(100 * found["sensitivity"], found["false_positives_per_image"]))
    return lines


def cautions(result: Dict[str, Any]) -> List[str]:
    """What speaks against reading the numbers as they stand; each is a rule on the result."""
    point = next(p for p in result["operating_points"] if p["default"])
    image, controls, n, found = result["image"], result["controls"], result["n"], []
    if result["protocol"] == "published":
        found.append("Sensitivity, specificity, F1 and Dice of the column \"published\" use thresholds chosen on the "
                     "labels of these very images. They are for comparison with papers and promise nothing.")
    promised, interval = 1.0 - point["false_positive_rate"], point["specificity_interval"]
    if interval and interval[1] < promised:
        found.append(
            "More normal images are marked than the model was set to ({:.0f} of 100 instead of {:.0f}): these "
            "images differ from those it was calibrated on. Recalibrate it on your own normal images.".format(
                100 * (1 - point["specificity"]), 100 * point["false_positive_rate"]
            )
        )
    frame = controls.get("frame_only", {}).get("auroc")
    if frame is not None and frame >= SHORTCUT:
        found.append("With the centre of the images hidden the classes can still be told apart (AUROC {:.2f}): normal "
                     "and abnormal images were acquired differently. The AUROC is not a measure of disease alone."
                     .format(frame))
    height_alone = controls["height_only"]
    if height_alone is not None and image["auroc"] is not None and height_alone >= SHORTCUT:
        found.append("The height of a slice alone, without any image, gives an AUROC of {:.2f}. Read the AUROC of "
                     "slices of similar height ({}) instead of {}.".format(
                         height_alone, value(image["auroc_height_matched"]), value(image["auroc"])))
    brightness = controls.get("intensity", {}).get("pixel_ap")
    if brightness is not None and result["pixel"] and brightness >= result["pixel"]["ap"]:
        found.append("Plain brightness marks the lesions as well as the model does (pixel average precision {:.2f} "
                     "against {:.2f}).".format(brightness, result["pixel"]["ap"]))
    if result["input_check"]["refused"] > REFUSED_SHARE:
        found.append("The model refuses {} of the images as foreign to it; its marks on those cannot be "
                     "trusted.".format(percent(result["input_check"]["refused"])))
    for name in ("normal", "abnormal"):
        if n[name] < FEW:
            found.append("There {} only {} {} image{}: all numbers that rest on them are vague.".format(
                "is" if n[name] == 1 else "are", n[name], name, "" if n[name] == 1 else "s"))
    if n["failed"]:
        found.append("{} image{} could not be judged and {} not counted (listed below).".format(
            n["failed"], "" if n["failed"] == 1 else "s", "is" if n["failed"] == 1 else "are"))
    return found
