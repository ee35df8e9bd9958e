"""Head volumes in three dimensions: what is not a head is noticed, a lesion is found where it is, nothing else is."""
from pathlib import Path

import numpy as np
import pytest

from SPMambaLib import bundle
from SPMambaLib.io.image import read_image
from SPMambaLib.volume.head_frame import place
from SPMambaLib.volume.normal_brain import FILE, NormalBrain, compare

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"


@pytest.fixture(scope="module")
def normal():
    path = bundle.find_bundle("brain-flair")
    return NormalBrain.of(bundle.read_card(path), (path / FILE).read_bytes())


@pytest.fixture(scope="module")
def head():
    return read_image(SAMPLE / "FLAIR-sample.nii.gz")


def test_the_implanted_lesion_is_above_the_threshold_and_the_head_without_it_is_not(normal, head):
    lesion = read_image(SAMPLE / "FLAIR-sample-lesion.nii.gz").voxels > 0
    added = read_image(SAMPLE / "FLAIR-sample-lesion-added.nii.gz").voxels
    threshold = normal.calibration.threshold(normal.calibration.default_rate)
    found = compare(normal, head.voxels.astype(np.float32), head.ijk_to_ras)
    assert not found.place.problem and not found.other_contrast and not found.stripped
    assert np.median(found.found.map[lesion]) > threshold
    plain = compare(normal, (head.voxels - added).astype(np.float32), head.ijk_to_ras)
    assert plain.found.map.max() < threshold


@pytest.mark.parametrize("wrong", ["noise", "ball", "empty"])
def test_what_is_no_head_has_a_problem_and_no_map(normal, head, wrong):
    shape = head.voxels.shape
    k, j, i = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    voxels = {"noise": np.random.default_rng(0).random(shape) * 500,
              "ball": 300.0 * ((i - 0.4) ** 2 + (j + 0.3) ** 2 + (2 * k) ** 2 < 0.1),
              "empty": np.zeros(shape)}[wrong].astype(np.float32)
    found = compare(normal, voxels, head.ijk_to_ras)
    assert found.place.problem and found.found is None


def test_the_mid_plane_of_the_head_is_that_of_the_frame(head):
    where = place(head.voxels.astype(np.float32), head.ijk_to_ras)
    mirrored = place(head.voxels[:, :, ::-1].astype(np.float32), head.ijk_to_ras)
    assert not where.problem and not mirrored.problem
