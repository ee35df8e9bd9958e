"""Images that are there twice: the same object exported again, or the same picture under another identifier."""
from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from .frames import File, Slice
from .pixels import raw
from .volume import repeated

SAME = "the same image as {}"
Copies = List[Tuple[str, str]]  # (name of the file, why it is left out)


def once(files: Sequence[File]) -> Tuple[List[File], Copies]:
    """Each object once: copies have the same identifier, the same number and the same place.

    Of a damaged and a whole copy the whole one is kept.
    """
    seen: Dict[Tuple[Any, ...], File] = {}
    kept: List[File] = []
    copies: Copies = []
    for file in files:
        place = file.slices[0].position
        key = (file.uid, file.instance, None if place is None else tuple(place.round(3)))
        if file.uid and key in seen:
            first = seen[key]
            if first.whole or not file.whole:
                copies.append((file.name, SAME.format(first.name)))
                continue
            kept.remove(first)
            copies.append((first.name, SAME.format(file.name)))
        seen[key] = file
        kept.append(file)
    return kept, copies


def unlike(slices: List[Slice]) -> Tuple[List[Slice], Copies]:
    """Each picture once: exports of one image under several identifiers have the same place and the same pixels.

    Pixels are only looked at where several slices of one series lie at one place.
    """
    orientation, positions = slices[0].orientation, [each.position for each in slices]
    alone = all(each.placed and each.file.frames == 1 and each.tile is None for each in slices)
    if not alone or orientation is None or not repeated(np.array(positions), orientation):
        return slices, []
    seen: Dict[Tuple[Any, ...], Slice] = {}
    copies: Copies = []
    for each, position in zip(slices, positions):
        content = hashlib.sha256(raw(each.file)).hexdigest() if each.file.whole else each.file.name
        place = () if position is None else tuple(position.round(3))
        first = seen.setdefault((place, each.rescale, content), each)
        if first is not each:
            copies.append((each.file.name, SAME.format(first.file.name)))
    return list(seen.values()), copies
