"""The evidence of a place: its prototype's tile, its terms, its view; at every operating point and orientation."""
from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from SPMambaLib.errors import UnreadableFileError
from SPMambaLib.evidence.record import Evidence, VoxelEvidence
from SPMambaLib.geometry import plane_of
from SPMambaLib.io.image import Image
from SPMambaLib.model.prototypes import Prototypes, at_height, pick
from SPMambaLib.output.files import EVIDENCE_FILE, write_detection
from SPMambaLib.scoring import findings
from SPMambaLib.scoring.calibration import Calibration


@pytest.fixture(scope="module")
def image() -> Image:
    return tiny.brain_image(lesion=True)


@pytest.fixture(scope="module")
def detection(image):
    return tiny.detector().detect(image)


def voxel(image: Image, ras) -> np.ndarray:
    return np.linalg.solve(image.ijk_to_ras, [*ras, 1.0])[:3].round().astype(int)


def patch_of(image: Image, place) -> np.ndarray:
    """What a place's pictures show of an image (16, 16)."""
    return place.patch(image.plane("axial").to_slices(image.voxels)[place.number], 16).astype(float)


def test_the_lesion_differs_from_its_tile(image, detection):
    place = detection.evidence.at(image.plane("axial"), voxel(image, detection.findings[0].peak_ras))
    assert place.patients >= 5 and place.tile.shape == (16, 16)
    marked, plain, tile = patch_of(image, place), patch_of(tiny.brain_image(), place), place.tile.astype(float)
    inside = marked - plain > 60
    assert 3 < inside.sum() < 20
    assert (marked - tile)[inside].mean() > 70 and np.abs(marked - tile)[~inside].mean() < 25
    assert np.abs(plain - tile)[inside].mean() < 25, "the same place without the lesion"
    assert inside[int(16 * place.spot[0]), int(16 * place.spot[1])]
    assert list(place.terms) == ["residual", "prototype", "mirror", "intensity"]
    assert place.terms["intensity"] > detection.evidence.reach("intensity")[0]


def test_every_marked_voxel_of_every_operating_point_has_evidence(image, detection):
    plane, evidence = image.plane("axial"), detection.evidence
    lowest = Calibration.from_dict(detection.calibration).thresholds[0]
    marked = np.argwhere(detection.map >= lowest)
    assert len(marked) > 50
    assert all(evidence.at(plane, kji[::-1]) is not None for kji in marked)
    below = np.argwhere(detection.map < 0)
    assert sum(evidence.at(plane, kji[::-1]) is None for kji in below) > 0.5 * len(below)


def test_terms_of_findings_follow_the_threshold(image, detection):
    """What the panel reads off the evidence is what the maps of the terms say, at any threshold."""
    calibration = Calibration.from_dict(detection.calibration)
    for rate in (0.3, 0.05):
        labels, found = findings.find(detection.map, image.ijk_to_ras, calibration.threshold(rate),
                                      calibration=calibration, slice_axis=0, terms=detection.terms)
        peaks = detection.evidence.peaks(image.plane("axial"), labels, len(found))
        assert found and peaks.shape == (len(found), 4)
        exact = np.array([[each.components[name] for name in detection.terms] for each in found])
        assert (peaks > exact - 0.1).all() and np.abs(peaks - exact).mean() < 0.4
        assert np.abs(peaks[::-1] - exact).mean() > 0.4 or len(found) == 1
    assert np.isnan(detection.evidence.peaks(image.plane("axial"), np.zeros_like(labels), 2)).all()


@pytest.mark.parametrize("flip", [0, 1, 2])
def test_voxel_order_does_not_matter(image, detection, flip):
    matrix = image.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, 2 - flip] * (image.voxels.shape[flip] - 1)
    matrix[:3, 2 - flip] *= -1
    other = Image(np.flip(image.voxels, flip).copy(), matrix, dict(image.facts))
    found = tiny.detector().detect(other)
    ras = detection.findings[0].peak_ras
    first = detection.evidence.at(image.plane("axial"), voxel(image, ras))
    second = found.evidence.at(other.plane("axial"), voxel(other, ras))
    assert np.array_equal(first.tile, second.tile) and first.view == second.view
    assert first.terms == pytest.approx(second.terms, abs=0.02)
    wrong = detection.evidence.at(other.plane("axial"), voxel(image, ras))
    assert wrong is None or (wrong.spot, wrong.number) != (first.spot, first.number)


def test_shuffled_tiles_are_noticed(image, detection):
    """The order of the tiles matters: with another one, the normal place does not look like its tile."""
    detector = tiny.detector()
    place = detection.evidence.at(image.plane("axial"), voxel(image, detection.findings[0].peak_ras))
    normal_tiles = detector._tiles()
    try:
        detector._normal_tiles = replace(normal_tiles, tiles=normal_tiles.tiles[:, ::-1])
        shuffled = detector.detect(image).evidence.at(image.plane("axial"),
                                                      voxel(image, detection.findings[0].peak_ras))
    finally:
        detector._normal_tiles = normal_tiles
    assert not np.array_equal(place.tile, shuffled.tile)
    plain = patch_of(tiny.brain_image(), place)
    alike, unlike = (np.corrcoef(plain.ravel(), tile.ravel())[0, 1] for tile in (place.tile, shuffled.tile))
    assert alike > 0.8 and unlike < 0.5


def test_a_film_has_evidence_too():
    image = tiny.chest_image(lesion=True)
    found = tiny.detector("tiny-chest").detect(image, force=True)
    place = found.evidence.at(image.plane("native"), voxel(image, found.findings[0].peak_ras))
    assert place.tile is not None and place.number == 0 and place.terms["prototype"] > 1


def test_a_patch_is_cut_where_the_region_says():
    image = np.arange(24, dtype=float).reshape(4, 6)
    place = VoxelEvidence(0, {}, 0.0, None, 0, ((2.0, 0.0, 1.0), (0.0, 2.0, 2.0)), (0.5, 0.5), (0.0, 255.0))
    assert place.patch(image, 2).tolist() == [[8, 9], [14, 15]]
    assert replace(place, view=((4.0, 0.0, 0.0), (0.0, 6.0, 0.0))).patch(image, 2).tolist() == [[4, 7], [16, 19]]
    beyond = replace(place, view=((4.0, 0.0, -2.0), (0.0, 4.0, 4.0))).patch(image + 100, 4)
    assert beyond.tolist() == [[0] * 4, [0] * 4, [104, 105, 0, 0], [110, 111, 0, 0]]
    assert replace(place, window=(8.0, 18.0)).patch(image, 2).tolist() == [[0, 26], [153, 178]]


# -- which prototype ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("match", ["features", "prototypes"])
def test_the_nearest_prototype_has_the_distance(match):
    torch.manual_seed(3)
    grid, channels, per_cell, height_bins = 5, 6, 3, 2
    prototypes = Prototypes(grid, channels, per_cell, 3, height_bins, match)
    features = torch.randn(2, channels, grid, grid)
    distances, numbers = prototypes.nearest(features)
    vectors = torch.nn.functional.normalize(prototypes.vectors.detach(), dim=-1)
    features = torch.nn.functional.normalize(features, dim=1)
    for b, slice_height, row, column in np.ndindex(2, height_bins, grid, grid):
        number = int(numbers[b, slice_height, row, column])
        height_of_its_own, cell, k = number // (grid ** 2 * per_cell), number // per_cell % grid ** 2, number % per_cell
        y, x = divmod(cell, grid)
        assert height_of_its_own == slice_height and max(abs(y - row), abs(x - column)) <= 1
        if match == "prototypes":
            cosine = vectors[slice_height, cell, k] @ features[b, :, row, column]
        else:  # the prototype is of this very cell, its match may be around
            assert (y, x) == (row, column)
            around = features[b, :, max(row - 1, 0):row + 2, max(column - 1, 0):column + 2].flatten(1)
            cosine = (vectors[slice_height, cell, k] @ around).max()
        assert float(distances[b, slice_height, row, column].detach()) == pytest.approx(
            1 - float(cosine.detach()), abs=1e-5
        )


def test_pick_takes_what_at_level_takes():
    torch.manual_seed(4)
    distances, index = torch.rand(3, 4, 2, 2), torch.tensor([2, -1, 0])
    numbers = torch.arange(4)[None, :, None, None].expand(3, -1, 2, 2)
    chosen = pick(numbers, distances, index)
    assert torch.equal(distances.gather(1, chosen[:, None])[:, 0], at_height(distances, index))
    assert (chosen[0] == 2).all() and (chosen[2] == 0).all()
    assert torch.equal(pick(numbers, distances), distances.argmin(dim=1))


# -- the file ----------------------------------------------------------------------------------------------------------

def test_the_file_says_the_same(image, detection, tmp_path):
    write_detection(detection, tmp_path)
    data = (tmp_path / EVIDENCE_FILE).read_bytes()
    found = Evidence.from_bytes(data)
    plane, peak = plane_of(image.ijk_to_ras, image.voxels.shape), voxel(image, detection.findings[0].peak_ras)
    first, second = (each.at(plane, peak) for each in (detection.evidence, found))
    assert np.array_equal(first.tile, second.tile) and first.terms == second.terms and first.view == second.view
    assert found.reach("mirror") == detection.evidence.reach("mirror")
    assert len(data) < 20000


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "text", "other fields", "wrong shapes"])
def test_a_damaged_file_is_one_sentence(detection, damage):
    data = detection.evidence.to_bytes()
    stream = io.BytesIO()
    if damage == "other fields":
        np.savez(stream, something=np.zeros(3))
    elif damage == "wrong shapes":
        stream.write(replace(detection.evidence, frames=np.zeros((1, 4))).to_bytes())
    else:
        middle = len(data) // 2
        stream.write({"cut": data[:middle], "changed": data[:middle] + bytes(64) + data[middle + 64:], "empty": b"",
                      "text": b"no evidence"}[damage])
    with pytest.raises(UnreadableFileError) as caught:
        Evidence.from_bytes(stream.getvalue())
    assert caught.value.message == "The evidence of this result is damaged; detect again to see it."


def test_a_card_of_before_knows_no_reach(image):
    detector = tiny.detector()
    known = detector.card["calibration"].pop("term_peaks")
    try:
        found = detector.detect(image).evidence
    finally:
        detector.card["calibration"]["term_peaks"] = known
    assert found.reach("mirror") is None and Evidence.from_bytes(found.to_bytes()).reach("mirror") is None
    low, high = detector.detect(image).evidence.reach("mirror")
    assert 0 < low <= high
