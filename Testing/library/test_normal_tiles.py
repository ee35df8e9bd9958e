"""Tiles of what is normal: of the right cell and prototype, of several patients, in a file that is checked."""
from __future__ import annotations

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
import tiny
import torch

from SPMambaLib import bundle
from SPMambaLib.detector import load_model
from SPMambaLib.errors import ModelDamagedError
from SPMambaLib.evidence.fit import first_of_each, normal_tiles_of, thumbnails
from SPMambaLib.evidence.normal_tiles import FEWEST, FILE, MOST, NormalTiles, TileLayout
from SPMambaLib.model.prototypes import Prototypes

GRID, SIZE, CHANNELS = 4, 64, 8
FORM = TileLayout(side=8, cells=4)


def world(patients: int, images: int = 3):
    """Images whose grey is their patient's number, two kinds of feature, two prototypes a cell, one for each kind."""
    torch.manual_seed(0)
    owner = np.repeat(np.arange(patients), images)
    kind = torch.from_numpy(np.tile(np.arange(images) % 2, patients))
    directions = torch.eye(CHANNELS)[:2]
    features = directions[kind][:, :, None, None] + 0.05 * torch.randn(len(owner), CHANNELS, GRID, GRID)
    pixels = (torch.from_numpy(owner) / 100.0 + 0.5 * kind)[:, None, None, None].expand(-1, 1, SIZE, SIZE).float()
    prototypes = Prototypes(GRID, CHANNELS, per_cell=2)
    prototypes.initialise(directions.expand(1, GRID ** 2, 2, CHANNELS))
    return prototypes, features, pixels, ["p{}".format(n) for n in owner]


def test_a_tile_is_the_mean_of_one_image_of_each_patient():
    prototypes, features, pixels, patients = world(6)
    found = normal_tiles_of(prototypes, features, thumbnails(pixels, GRID, FORM), None, patients, FORM)
    assert found.patients == (6,) and found.tiles.shape == (1, GRID ** 2, 2, 8, 8)
    middle = found.tiles[0, 5]  # a cell whose tile lies inside the image
    mean_of_all = 255 * np.arange(6).mean() / 100
    assert np.abs(middle[0].astype(float) - mean_of_all)[3:5, 3:5].max() < 1.5
    assert np.abs(middle[1].astype(float) - mean_of_all - 127.5)[3:5, 3:5].max() < 1.5, "not that kind of image"
    assert found.tiles[0, 0, 1, 0].max() == 0, "outside of the image"


def test_a_tile_shows_the_place_of_its_cell():
    prototypes, features, pixels, patients = world(6)
    pixels = pixels * 0
    pixels[:, 0, 16:32, 32:48] = 1.0  # row 1, column 2
    tiles = normal_tiles_of(prototypes, features, thumbnails(pixels, GRID, FORM), None, patients, FORM).tiles[0, :, 0]
    lit = tiles[:, 3:5, 3:5].min(axis=(1, 2)) == 255
    assert lit.tolist() == [cell == GRID + 2 for cell in range(GRID ** 2)]
    assert tiles[GRID + 1, 3:5, 5:7].min() == 255 and tiles[GRID + 1, 3:5, 1:3].max() == 0, "right and left"
    assert tiles[2, 5:7, 3:5].min() == 255, "below"


def test_no_tile_from_few_patients():
    """Many images of four people are four people."""
    prototypes, features, pixels, patients = world(FEWEST - 1, images=10)
    found = normal_tiles_of(prototypes, features, thumbnails(pixels, GRID), None, patients)
    assert found.patients == (0,) and not found.tiles.any()
    prototypes, features, pixels, patients = world(FEWEST, images=1)
    assert normal_tiles_of(prototypes, features, thumbnails(pixels, GRID), None, patients).patients == (FEWEST,)
    prototypes, features, pixels, patients = world(MOST + 5)
    assert normal_tiles_of(prototypes, features, thumbnails(pixels, GRID), None, patients).patients == (MOST,)


def test_levels_have_their_own_patients():
    prototypes, features, pixels, patients = world(8, images=2)
    both = Prototypes(GRID, CHANNELS, per_cell=2, height_bins=2)
    both.initialise(prototypes.vectors.expand(2, -1, -1, -1))
    slice_height = torch.tensor([0.1] * 10 + [0.9] * 6)  # five patients below, three above
    found = normal_tiles_of(both, features, thumbnails(pixels, GRID), slice_height, patients)
    assert found.patients == (5, 0) and found.tiles[0].any() and not found.tiles[1].any()


def test_first_of_each():
    assert first_of_each(np.array([3, 1, 3, 2, 1])).tolist() == [1, 3, 0]


def test_a_form_that_cannot_be_centred_is_refused():
    for side, cells in ((10, 4), (12, 4)):
        with pytest.raises(ValueError):
            TileLayout(side, cells)


# -- the file ----------------------------------------------------------------------------------------------------------

@pytest.fixture
def folder(tmp_path):
    """A copy of a bundle that a test may spoil."""
    shutil.copytree(tiny.bundle_folder("tiny-brain"), tmp_path / "tiny-brain")
    return tmp_path / "tiny-brain"


def read(folder) -> NormalTiles:
    card, _, files = bundle.load_whole(folder)
    return NormalTiles.of(card, files[FILE])


def test_the_file_keeps_order_and_greys():
    random = np.random.default_rng(0)
    tiles = random.integers(0, 256, (2, 9, 3, 8, 8)).astype(np.uint8)
    tiles[0, 0, 0, 0, :2] = 0, 255
    made = NormalTiles(tiles, FORM, (7, 12))
    found = NormalTiles.of({"normal_tiles": made.card()}, made.png())
    assert np.abs(found.tiles.astype(int) - tiles).max() <= 6 and found.layout == FORM and found.patients == (7, 12)
    assert found.tiles[0, 0, 0, 0, 0] == 0
    shuffled = NormalTiles(tiles[:, random.permutation(9)], FORM, (7, 12))
    other = NormalTiles.of({"normal_tiles": made.card()}, shuffled.png())
    assert np.abs(other.tiles.astype(int) - tiles).max() > 50


def test_a_trained_bundle_has_tiles_that_look_like_its_normals(folder):
    card = bundle.check_card(bundle.verify(folder))
    found = read(folder)
    assert found.tiles.shape == (2, 16, 4, 16, 16) and min(found.patients) >= FEWEST
    assert set(card["files"]) == {bundle.WEIGHTS, FILE}
    # The middle shows brain, and the prototypes of one height and cell differ less than those of distant cells.
    tiles = found.tiles.astype(float)
    assert tiles[0, 5, :, 8:, 8:].mean() > 60 > 10 > tiles[0, 0, :, :8, :8].mean()
    assert np.abs(tiles[0, 5, 0] - tiles[0, 5, 1]).mean() < np.abs(tiles[0, 5, 0] - tiles[0, 10, 0]).mean()


def test_recalibration_keeps_weights_and_makes_the_same_tiles(folder, tmp_path):
    from unittest import mock

    from SPMambaLib.training.assemble import recalibrate
    from SPMambaLib.training.recipes import RECIPES

    (folder / FILE).unlink()
    card = bundle.read_card(folder)
    tensors = bundle.load(tiny.bundle_folder("tiny-brain"))[1]
    bundle.save(folder, card, tensors)  # as it was before there were tiles
    assert FILE not in bundle.verify(folder)["files"]
    with mock.patch.dict(RECIPES, tiny.TINY_RECIPES):
        recalibrate(folder, tiny.workshop() / "manifest.csv", tmp_path / "again")
    for name in (bundle.WEIGHTS, FILE):
        assert (tmp_path / "again" / name).read_bytes() == (tiny.bundle_folder("tiny-brain") / name).read_bytes()


@pytest.mark.parametrize("damage", ["changed", "missing", "no picture", "other size", "other model"])
def test_a_damaged_file_is_one_sentence(folder, damage):
    card, tensors = bundle.load(folder)
    if damage == "changed":
        data = bytearray((folder / FILE).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / FILE).write_bytes(bytes(data))
    elif damage == "missing":
        (folder / FILE).unlink()
    elif damage == "no picture":
        bundle.save(folder, card, tensors, {FILE: b"text"})
    elif damage == "other model":
        other = tiny.bundle_folder("tiny-chest")
        card["normal_tiles"] = bundle.read_card(other)["normal_tiles"]
        bundle.save(folder, card, tensors, {FILE: (other / FILE).read_bytes()})
    else:
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((10, 10), np.uint8)), str(folder / FILE))
        bundle.save(folder, card, tensors, {FILE: (folder / FILE).read_bytes()})
    with pytest.raises(ModelDamagedError) as caught:
        load_model(str(folder), "cpu").detect(tiny.brain_image(lesion=True))
    assert "nstall it again" in caught.value.message or "lacks its file" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_bundle_without_tiles_works_and_an_old_file_goes(folder):
    card, tensors = bundle.load(folder)
    bundle.save(folder, card, tensors)
    assert not (folder / FILE).exists()
    found = load_model(str(folder), "cpu").detect(tiny.brain_image(lesion=True)).evidence
    assert len(found.blocks) and not len(found.tiles) and (found.blocks[:, 2] == -1).all()
