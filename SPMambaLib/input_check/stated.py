"""Is this the kind of image the model is for?  From the facts the file states; never from guesses about pixels.

A bundle's card lists what it expects (``modality``, ``contrast``, ``region``) and whether a mismatch refuses or warns
(``on_mismatch``).  Whether the image *looks* like what the model knows is judged next (see `input_check`).
"""
from __future__ import annotations

import re
from typing import Any, Dict, List

from ..detection import Notice
from ..errors import UnsupportedImageError

# Words in a series description, protocol or file name that name an MR contrast, most specific first: a "T1 FLAIR" is
# T1-weighted, a "T2FLAIR", "3DFLAIR" or "t2f" is what the word FLAIR alone means.
WORD = r"(?<![a-z0-9])(?:{})(?![0-9])"
CONTRAST_WORDS = (("T1", r"t1w?[ _-]*flair"), ("FLAIR", r"flair|dark.?fluid|(?<![a-z0-9])t2f(?![a-z0-9])"),
                  ("T1", WORD.format("t1|mprage|memprage|bravo|spgr|tfe")), ("T2", WORD.format("t2|tse")),
                  ("DWI", WORD.format("dwi|adc|diffusion")), ("SWI", WORD.format("swi|swan")))
FLAIR_MINIMUM_INVERSION_MS = 1500.0  # fluid is nulled near 2000-2800 ms; T1 preparations stay near 1000 ms

SPIN_ECHO_T1 = (30.0, 1000.0)  # longest echo and repetition time in ms
SPIN_ECHO_T2 = (70.0, 2000.0)  # shortest ones, without inversion
REGIONS = {"head": r"head|brain|skull|cranium|neuro", "chest": r"chest|thorax|lung"}
OTHER_REGIONS = (r"abdomen|pelvis|hip|knee|leg|ankle|foot|toe|spine|neck|shoulder|elbow|arm|wrist|hand|finger|breast|"
                 r"heart|cardiac|liver|prostate|kidney|uterus")
SIDEWAYS = r"^(ll|rl|lat|lateral|llo|rlo|laterolateral)$"  # views of a film from the side
NO_AGENT = r"^(|no|none|n|without|native|no contrast|unknown)$"


def stated_contrast(facts: Dict[str, Any]) -> str:
    """MR contrast named by the image's facts ("FLAIR", "T1", ...), or "" when they do not say."""
    words = " ".join(str(facts.get(key, "")) for key in ("description", "protocol", "sequence", "name"))
    if "path" in facts:
        words += " " + str(facts["path"]).replace("\\", "/").rsplit("/", 1)[-1]
    for contrast, pattern in CONTRAST_WORDS:
        if re.search(pattern, words.lower()):
            return contrast
    inversion = float(facts.get("inversion_time") or 0.0)
    if inversion >= FLAIR_MINIMUM_INVERSION_MS and float(facts.get("echo_time") or 0.0) > 60.0:
        return "FLAIR"
    return "" if inversion else _contrast_of_times(facts)


def _contrast_of_times(facts: Dict[str, Any]) -> str:
    """T1 or T2 from the times of a spin echo without inversion, or "" where they do not decide."""
    echo, repetition = (float(facts.get(name) or 0.0) for name in ("echo_time", "repetition_time"))
    kinds = re.split(r"[^A-Z]+", str(facts.get("scanning_sequence", "")).upper())
    if "SE" not in kinds or "IR" in kinds or not echo or not repetition:
        return ""
    if echo <= SPIN_ECHO_T1[0] and repetition <= SPIN_ECHO_T1[1]:
        return "T1"
    return "T2" if echo >= SPIN_ECHO_T2[0] and repetition >= SPIN_ECHO_T2[1] else ""


def other_region(card: Dict[str, Any], facts: Dict[str, Any]) -> str:
    """The body part that the file states, if it is another one than the model's; otherwise ""."""
    stated, own = str(facts.get("body_part", "")).lower(), REGIONS.get(str(card.get("region", "")), "")
    others = "|".join([OTHER_REGIONS, *(words for region, words in REGIONS.items() if words != own)])
    return stated if own and not re.search(own, stated) and re.search(others, stated) else ""


def check(card: Dict[str, Any], facts: Dict[str, Any], *, is_volume: bool) -> List[Notice]:
    """Notices about a stated mismatch of modality, contrast or dimension.

    Raises:
        UnsupportedImageError: a mismatch, and the bundle's ``on_mismatch`` is ``"refuse"``.
    """
    problems: List[Notice] = []
    modality = str(facts.get("modality", "")).upper()
    if modality and card["modality"] and modality not in card["modality"]:
        problems.append(Notice("wrong-modality", "This image is {}, the model {} is for {}.".format(
            modality, card["title"], " or ".join(card["modality"]))))
    contrast = stated_contrast(facts) if not modality or modality == "MR" else ""
    expected = card.get("contrast", "")
    if expected and contrast and contrast != expected:
        problems.append(Notice("wrong-contrast", "This image is {}-weighted by its own description, the model {} is "
                               "for {}. Its findings cannot be trusted.".format(contrast, card["title"], expected)))
    if is_volume and card["plane"] == "native":
        problems.append(Notice("wrong-dimension", "This is a volume, the model {} is for single images; every slice "
                               "was read as one.".format(card["title"])))
    if problems and card.get("on_mismatch", "warn") == "refuse":
        raise UnsupportedImageError(problems[0].message, code=problems[0].code)
    return problems + _remarks(card, facts)


def _remarks(card: Dict[str, Any], facts: Dict[str, Any]) -> List[Notice]:
    """What is stated and may be stated wrongly, as these fields often are: said, never refused."""
    title, remarks = card["title"], []
    region = other_region(card, facts)
    if region:
        remarks.append(Notice("wrong-region", "This image is of the {} by its own description, the model {} is for the "
                              "{}.".format(region, title, card["region"])))
    if card.get("region") == "chest" and re.search(SIDEWAYS, str(facts.get("view", "")).strip().lower()):
        remarks.append(Notice("wrong-view", "This film was taken from the side by its own description, the model {} is "
                              "for frontal ones.".format(title)))
    ages = card.get("ages")
    if ages and "age" in facts and not ages[0] <= float(facts["age"]) <= ages[1]:
        remarks.append(Notice("wrong-age", "The patient's age, as the file states it, is not one that the model {} is "
                              "for ({:g} to {:g} years).".format(title, *ages)))
    agent = str(facts.get("contrast_agent", "")).strip().lower()
    if str(facts.get("modality", "")).upper() == "MR" and not re.search(NO_AGENT, agent):
        remarks.append(Notice("contrast-agent", "This scan was made with a contrast agent; the model {} has learned "
                              "from scans without one.".format(title)))
    return remarks
