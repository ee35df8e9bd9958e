"""What is normal at a prototype, as a picture: the mean patch of the normal scans that come closest to it.

A bundle may have such a tile for each of its prototypes, all in one grey PNG beside the weights.  A tile is a mean over
patients, one patch of each; where they were fewer than `FEWEST`, there is none.  Light: numpy, and Pillow at the
call.
"""
from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Dict, Tuple

import numpy as np

from ..errors import ModelDamagedError

FILE = "normal_tiles.png"
FEWEST, MOST = 5, 12  # patients behind a tile: a mean of fewer might show one of them; more only blur it
GREY_STEP = 7  # between greys that are told apart; finer ones cost a third more bytes and show nothing


@dataclass(frozen=True)
class TileLayout:
    """What a tile shows: `cells` x `cells` cells of the prototypes' grid around its own, on `side` x `side` pixels."""

    side: int = 16
    cells: int = 4

    def __post_init__(self) -> None:
        if self.side % self.cells or (self.cells - 1) * self.per_cell % 2:
            raise ValueError("{} pixels cannot be centred on {} cells".format(self.side, self.cells))

    @property
    def per_cell(self) -> int:
        """Pixels along a cell."""
        return self.side // self.cells

    @property
    def before(self) -> int:
        """Pixels of a tile before its own cell, as many as after it."""
        return (self.cells - 1) * self.per_cell // 2


@dataclass(frozen=True)
class NormalTiles:
    """Tiles of all prototypes.

    Attributes:
        tiles: uint8 (height_bins, cells, k, side, side), 0 to 255 for 0 to 1 in prepared images; row 0 on top.
        layout: what a tile shows.
        patients: how many are behind each tile of a height; 0 where there are no tiles.
    """

    tiles: np.ndarray
    layout: TileLayout
    patients: Tuple[int, ...]

    def card(self) -> Dict[str, Any]:
        """The card's part "normal_tiles"."""
        return {"side": self.layout.side, "cells": self.layout.cells, "shape": list(self.tiles.shape[:3]),
                "patients": list(self.patients)}

    def png(self) -> bytes:
        """One picture, a line of tiles for each cell of each height."""
        from PIL import Image

        height_bins, cells, k, side, _ = self.tiles.shape
        atlas = np.minimum(self.tiles, 255 - GREY_STEP // 2) + GREY_STEP // 2
        atlas = atlas // GREY_STEP * GREY_STEP  # black stays black
        atlas = atlas.transpose(0, 1, 3, 2, 4).reshape(height_bins * cells * side, k * side)
        stream = io.BytesIO()
        Image.fromarray(atlas).save(stream, "PNG", optimize=True)
        return stream.getvalue()

    @classmethod
    def of(cls, card: Dict[str, Any], png: bytes) -> "NormalTiles":
        """Inverse of `card` and `png`, but for the greys.

        Raises:
            ModelDamagedError: the picture is none, or not the one that the card describes.
        """
        from PIL import Image

        try:
            facts = card["normal_tiles"]
            layout, patients = TileLayout(facts["side"], facts["cells"]), tuple(int(n) for n in facts["patients"])
            height_bins, cells, k = (int(n) for n in facts["shape"])
            with Image.open(io.BytesIO(png)) as picture:
                atlas = np.asarray(picture)
            if len(patients) != height_bins or atlas.dtype != np.uint8:
                raise ValueError("{} patients, {}".format(len(patients), atlas.dtype))
            tiles = atlas.reshape(height_bins, cells, layout.side, k, layout.side).transpose(0, 1, 3, 2, 4)
        except (OSError, SyntaxError, ValueError, KeyError, TypeError) as error:
            raise ModelDamagedError("The pictures of what is normal in model {} cannot be read; install it again."
                                    .format(card.get("name")), str(error)) from error
        return cls(np.ascontiguousarray(tiles), layout, patients)
