"""Is this the kind of image the model is for?  From the facts the file states; never from guesses about pixels.

A bundle's card lists what it expects (``modality``, ``contrast``) and whether a mismatch refuses or warns
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
    return ""


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
    return problems
