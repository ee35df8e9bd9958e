"""Slices come into the position of the average normal one, and what is found in them comes back."""
from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from torch import Tensor

from SPMambaLib import bundle, load_model
from SPMambaLib.errors import ModelDamagedError
from SPMambaLib.io.image import Image
from SPMambaLib.preprocessing import alignment
from SPMambaLib.preprocessing.prepare import Preprocessing, prepare, restore

LOOSE = Preprocessing(size=96, crop="none", normalise="percentile")


def film(lesion: bool = False, seed: int = 0) -> np.ndarray:
    """A picture (120, 100) with something like lungs, a spine and shoulders."""
    row, column = np.mgrid[:120, :100].astype(np.float32)
    picture = 120.0 + 0.3 * row
    for centre, width in ((30, 14), (70, 12)):
        picture -= 90.0 * np.exp(-((row - 60) / 34) ** 4 - ((column - centre) / width) ** 4)
    picture += 60.0 * np.exp(-((column - 50) / 6) ** 2)
    if lesion:
        picture[68:78, 26:34] = 330.0
    return picture + np.random.default_rng(seed).normal(0, 2, picture.shape).astype(np.float32)


def tensor(picture: np.ndarray, size: int = 96) -> Tensor:
    return prepare(picture[None], (1.0, 1.0), replace(LOOSE, size=size)).pixels


def turned(pixels: Tensor, moves) -> Tensor:
    return alignment.warped(pixels, alignment.matrices(torch.tensor([moves], dtype=torch.float32)))


def average() -> Tensor:
    return alignment.reduced(tensor(film(seed=9)))[0, 0]


@pytest.mark.parametrize("moves", [(0.17, 0.0, 0.0, 0.0), (-0.26, 0.0, 0.0, 0.0), (0.0, 0.2, 0.0, 0.0),
                                   (0.0, 0.0, 0.15, -0.1), (0.1, -0.1, -0.08, 0.08)])
def test_a_moved_picture_comes_back(moves):
    still = tensor(film())
    moved = turned(still, moves)
    back = alignment.warped(moved, alignment.transforms_onto(moved, average()))
    middle = (..., slice(20, -20), slice(20, -20))
    near, far = ((still - other)[middle].abs().mean() for other in (back, moved))
    assert near < 0.04 and far > 1.8 * near, "the second: without alignment it would not be there"


def test_what_looks_like_nothing_stays_finite_and_near():
    torch.manual_seed(0)
    odd = torch.cat([torch.rand(4, 1, 96, 96), torch.zeros(1, 1, 96, 96), torch.full((1, 1, 96, 96), 0.7)])
    moves = alignment.moves_onto(alignment.reduced(odd), average()[None, None])
    assert torch.isfinite(moves).all() and (moves.abs() <= torch.tensor(alignment.LARGEST) + 1e-6).all()
    assert moves[4:].abs().max() < 1e-3


def test_pictures_do_not_move_one_another():
    pixels = torch.cat([turned(tensor(film()), (0.1 * n, 0, 0, 0)) for n in range(3)])
    together = alignment.transforms_onto(pixels, average())
    alone = torch.cat([alignment.transforms_onto(pixels[n:n + 1], average()) for n in range(3)])
    assert torch.allclose(together, alone, atol=1e-4)
    assert not torch.allclose(together[0], together[2], atol=1e-2)


def test_the_average_is_sharper_than_the_mean_and_stays_where_they_are():
    torch.manual_seed(1)
    amounts = torch.randn(24, 4) * torch.tensor([0.12, 0.06, 0.06, 0.06])
    pixels = torch.cat([turned(tensor(film(seed=n)), own.tolist()) for n, own in enumerate(amounts)])
    still, plain = average(), alignment.reduced(pixels).mean(dim=0)[0]
    found = alignment.average_of(pixels)

    def sharpness(picture: Tensor) -> float:
        return float(picture.diff(dim=1).abs().mean())

    assert sharpness(plain) < 0.92 * sharpness(found) and sharpness(found) > 0.9 * sharpness(still)
    moves = alignment.moves_onto(found[None, None], still[None, None])
    assert moves.abs().max() < 0.08


def test_the_way_back():
    transforms = alignment.matrices(torch.tensor([[0.2, 0.1, 0.05, -0.1], [0.0, 0.0, 0.0, 0.0]]))
    points = torch.tensor([0.3, -0.7, 1.0])
    there = transforms @ points
    back = alignment.inverted(transforms) @ torch.cat([there, torch.ones(2, 1)], dim=1)[:, :, None]
    assert torch.allclose(back[:, :, 0], points[:2].expand(2, -1), atol=1e-6)
    assert not torch.allclose(there[0], points[:2], atol=1e-2)


@pytest.mark.parametrize("degrees", [0.0, 12.0, -12.0])
def test_what_is_found_comes_back_onto_the_film(degrees):
    """A bright spot, seen in the aligned input, is put back where it is on the film; `frames` says the same."""
    picture = turned(torch.from_numpy(film(lesion=True))[None, None], (math.radians(degrees), 0, 0, 0))[0, 0].numpy()
    spot = np.argwhere(picture > 250).mean(axis=0)
    prepared = prepare(picture[None], (1.0, 1.0), replace(LOOSE, average=average()))
    bright = (prepared.pixels[:, 0] > 0.85).float()
    back = restore(bright, prepared, np.array([0]))[0]
    assert np.abs(np.argwhere(back > 0.5).mean(axis=0) - spot).max() < 1.0
    inside = (np.argwhere(bright[0].numpy() > 0.5).mean(axis=0) + 0.5) / 96
    assert np.abs(prepared.frames([0])[0] @ [*inside, 1.0] - 0.5 - spot).max() < 1.0
    loose = prepare(picture[None], (1.0, 1.0), LOOSE)
    unaligned = np.abs(restore(bright, loose, np.array([0]))[0])
    off = np.abs(np.argwhere(unaligned > 0.5).mean(axis=0) - spot).max()
    assert off > 2.0 or degrees == 0.0, "the aligned map without the way back lies elsewhere"


def test_nothing_is_said_of_what_lies_outside():
    picture = film()
    prepared = prepare(picture[None], (1.0, 1.0), replace(LOOSE, average=average()))
    assert prepared.input_masks.min() >= 0 and prepared.input_masks.mean() > 0.9
    shifted = prepare(np.roll(picture, 25, axis=1)[None], (1.0, 1.0), replace(LOOSE, average=average()))
    assert shifted.input_masks.mean() < prepared.input_masks.mean()
    plain = prepare(picture[None], (1.0, 1.0), LOOSE)
    assert plain.transforms is None and plain.input_masks.min() == 1


def test_a_model_that_aligns_is_less_disturbed_by_a_turned_film():
    """The tiny film model on normal films turned by 8 degrees, and the same model without its alignment."""
    detector = tiny.detector("tiny-chest")
    assert detector.preprocessing.average is not None

    def scores() -> np.ndarray:
        found = []
        for patient in range(100, 106):
            pixels = torch.from_numpy(tiny.chest_image(patient).voxels.copy())[None].float()
            image = turned(pixels, (0.14, 0, 0, 0))[0].numpy()
            found.append(detector.detect(Image(image, np.diag([-1.0, -1.0, 1.0, 1.0]), {"format": "PNG"}, kind="image"),
                                         force=True).map.max())
        return np.array(found)

    aligned, own = scores(), detector.preprocessing
    try:
        detector.preprocessing = replace(own, average=None)
        plain = scores()
    finally:
        detector.preprocessing = own
    assert aligned.mean() < plain.mean()


def test_a_bundle_without_its_average_is_damaged(tmp_path):
    card, tensors = bundle.load(tiny.bundle_folder("tiny-chest"))
    tensors.pop("preprocessing.average")
    bundle.save(tmp_path / "broken", {key: value for key, value in card.items() if key not in ("files", "typical")},
                tensors)
    with pytest.raises(ModelDamagedError, match="does not fit its own card"):
        load_model(str(tmp_path / "broken"), "cpu")
