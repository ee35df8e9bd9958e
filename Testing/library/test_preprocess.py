"""Slices to network input and back: in place, without units, untouched."""
from __future__ import annotations

import numpy as np
import pytest
import tiny
import torch

from SPMambaLib.errors import Cancelled
from SPMambaLib.preprocessing.prepare import Preprocessing, prepare, restore

NONE = Preprocessing(size=64, crop="none", normalise="percentile")
HEAD = Preprocessing(size=64, crop="foreground", normalise="foreground-median")


def disc(height=80, width=60, centre=(40, 30), radius=20.0, spacing=(1.0, 1.0), value=100.0) -> np.ndarray:
    """A disc of `radius` mm on a dark ground."""
    row, column = np.mgrid[:height, :width]
    away = np.hypot((row - centre[0]) * spacing[0], (column - centre[1]) * spacing[1])
    return np.where(away < radius, value, 2.0).astype(np.float32)


def centre_of(image: np.ndarray) -> np.ndarray:
    weights = np.where(image > 0.5 * image.max(), image, 0.0).astype(np.float64)
    return np.array([(weights * axis).sum() / weights.sum() for axis in np.indices(image.shape)])


@pytest.mark.parametrize("preprocessing", [NONE, HEAD], ids=["whole image", "foreground"])
@pytest.mark.parametrize("shape, centre, radius, spacing", [
    ((80, 60), (40, 30), 20, (1.0, 1.0)),
    ((80, 60), (30, 24), 20, (1.0, 1.0)),
    ((60, 120), (30, 60), 25, (1.0, 0.5)),  # pixels twice as tall as wide
    ((120, 40), (60, 20), 25, (0.5, 2.0)),
    ((80, 60), (6, 50), 20, (1.0, 1.0)),  # anatomy cut by the border: the box leaves the slice
    ((300, 280), (150, 140), 100, (1.0, 1.0)),  # shrunk by the network's input
    ((24, 20), (12, 10), 8, (1.0, 1.0)),  # enlarged by it
])
def test_a_bright_patch_is_put_back_where_it_was(preprocessing, shape, centre, radius, spacing):
    image = disc(*shape, centre, radius, spacing)
    size = max(2, shape[0] // 14)
    row, column = centre[0] + size, centre[1] - size
    image[row - size:row + size, column - size:column + size] = 150.0
    prepared = prepare(image[None], spacing, preprocessing)
    assert prepared.pixels.shape == (1, 1, 64, 64) and prepared.analysed.all() and prepared.slice_heights is None
    bright = (prepared.pixels[:, 0] > float(prepared.pixels.max()) * 0.85).float()
    back = restore(bright, prepared, np.array([0]))
    assert back.shape == (1, *shape) and back.dtype == np.float32
    assert np.abs(centre_of(back[0]) - (row - 0.5, column - 0.5)).max() < max(1.0, max(shape) / 100)
    shifted = restore(bright.roll(10, -1), prepared, np.array([0]))
    assert np.abs(centre_of(shifted[0]) - (row - 0.5, column - 0.5)).max() > 1.0


def test_the_input_is_square_in_mm():
    """A round head stays round whatever the pixels are like, and fills the input whatever the field of view."""
    boxes = []
    for spacing in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.4)):
        shape = (int(100 / spacing[0]), int(90 / spacing[1]))
        image = disc(*shape, (shape[0] // 2, shape[1] // 2), 30.0, spacing)
        prepared = prepare(image[None], spacing, HEAD)
        mask = prepared.input_masks[0].numpy() > 0
        height, width = np.flatnonzero(mask.any(axis=1)).size, np.flatnonzero(mask.any(axis=0)).size
        assert abs(height - width) <= 2 and 55 <= height <= 62
        boxes.append(prepared.boxes[0])
    top, left, rows, columns = boxes[0]
    assert rows == columns
    assert boxes[1][2] == pytest.approx(2 * boxes[1][3], abs=2)


def test_slices_outside_the_anatomy_are_not_analysed():
    volume = np.stack([disc(radius=r) for r in (0.0, 2.0, 12.0, 20.0, 22.0, 15.0, 0.0)])
    prepared = prepare(volume, (1.0, 1.0), HEAD)
    assert prepared.analysed.tolist() == [False, False, True, True, True, True, False]
    assert np.allclose(prepared.slice_heights, [0, 0, 0, 1 / 3, 2 / 3, 1, 1])
    assert prepared.pixels[[0, 1, 6]].abs().max() == 0 and prepared.input_masks[[0, 1, 6]].max() == 0
    assert prepared.pixels[2:6].flatten(1).amax(dim=1).min() > 0.3
    whole = prepare(volume, (1.0, 1.0), NONE)
    assert whole.analysed.all() and whole.masks.all() and (whole.input_masks == 1).all()


def test_the_mask_is_one_piece_without_holes():
    image = disc(radius=24)
    image[36:44, 26:34] = 0.0  # a dark cavity
    image[2:6, 2:6] = 100.0  # something beside the head
    image += np.random.default_rng(0).normal(0, 2, image.shape).astype(np.float32)
    mask = prepare(image[None], (1.0, 1.0), HEAD).masks[0]
    assert mask[40, 30] and not mask[3, 3] and not mask[77, 57]
    assert mask.sum() == pytest.approx(np.pi * 24 ** 2, rel=0.12)


def test_nothing_outside_the_anatomy_is_marked():
    prepared = prepare(disc(radius=18)[None], (1.0, 1.0), HEAD)
    back = restore(torch.ones(1, 64, 64), prepared, np.array([0]))[0]
    assert (back[~prepared.masks[0]] == 0).all() and np.allclose(back[prepared.masks[0]], 1.0, atol=1e-5)


@pytest.mark.parametrize("preprocessing", [NONE, HEAD], ids=["percentile", "foreground-median"])
@pytest.mark.parametrize("scale, offset", [(1.0, 0.0), (37.0, 0.0), (0.01, 0.0), (1e-11, 0.0), (1e9, 0.0),
                                           (1.0, 500.0), (5.0, -1000.0)])
def test_intensities_have_no_unit(preprocessing, scale, offset):
    slices = np.stack([tiny.head(slice_height, 3) for slice_height in (0.3, 0.5, 0.7)])
    first = prepare(slices, (1.0, 1.0), preprocessing)
    second = prepare((slices * scale + offset).astype(np.float32), (1.0, 1.0), preprocessing)
    assert (first.masks == second.masks).mean() > 0.999
    assert torch.allclose(first.pixels, second.pixels, atol=2e-3)
    assert first.pixels.min() >= 0 and first.pixels.max() <= 1
    curved = prepare(slices ** 1.5, (1.0, 1.0), preprocessing)
    assert not torch.allclose(first.pixels, curved.pixels, atol=0.02)


def test_the_tissue_median_is_the_ruler():
    """A bright lesion must stay bright: it does not rescale what is around it."""
    slices = np.stack([tiny.head(0.5, 3)] * 2)
    slices[1, 20:30, 20:30] = 600.0
    prepared = prepare(slices, (1.0, 1.0), HEAD)
    for n in range(2):
        inside = prepared.pixels[n, 0][prepared.input_masks[n] > 0]
        assert float(inside.median()) == pytest.approx(HEAD.median_grey, abs=0.03)


@pytest.mark.parametrize("preprocessing", [NONE, HEAD])
def test_constant_and_empty_slices_stay_finite(preprocessing):
    slices = np.stack([disc(), np.full((80, 60), 7.0, np.float32), np.zeros((80, 60), np.float32)])
    prepared = prepare(slices, (1.0, 1.0), preprocessing)
    assert torch.isfinite(prepared.pixels).all() and prepared.pixels.min() >= 0 and prepared.pixels.max() <= 1
    rounding = 1000 + 6e-5 * np.random.default_rng(0).integers(-1, 2, (1, 80, 60)).astype(np.float32)
    assert rounding.std() > 0 and prepare(rounding, (1.0, 1.0), preprocessing).pixels.max() < 0.3
    nothing = prepare(np.zeros((2, 40, 40), np.float32), (1.0, 1.0), HEAD)
    assert not nothing.analysed.any() and nothing.pixels.abs().max() == 0


def test_nothing_is_modified_and_views_are_welcome():
    slices = np.stack([disc(), disc(radius=15)])
    reversed_view = slices[::-1, ::-1, ::-1]
    kept = slices.copy()
    slices.setflags(write=False)
    prepared = prepare(reversed_view, (1.0, 1.0), HEAD)
    assert np.array_equal(slices, kept)
    assert torch.equal(prepared.pixels, prepare(reversed_view.copy(), (1.0, 1.0), HEAD).pixels)
    maps = torch.rand(2, 64, 64)
    before = maps.clone()
    restore(maps, prepared, np.array([0, 1]))
    assert torch.equal(maps, before)


def test_preparation_can_be_cancelled():
    calls = []

    def checkpoint():
        calls.append(0)
        if len(calls) == 3:
            raise Cancelled()

    with pytest.raises(Cancelled):
        prepare(np.stack([disc()] * 10), (1.0, 1.0), HEAD, checkpoint)
    assert len(calls) == 3


def test_the_recipe_survives_the_card():
    assert Preprocessing.from_dict(HEAD.to_dict(), {}) == HEAD
    with pytest.raises(TypeError):
        Preprocessing.from_dict({"colour": 1}, {})
