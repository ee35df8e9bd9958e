"""The sample volume: whole, readable, and what its description says; the shipped model finds its lesion, and only with
the lesion there."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from SPMambaLib.geometry import is_orthogonal
from SPMambaLib.io.image import Image, read_image

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "Resources" / "SampleData"
MODEL = ROOT / "Resources" / "models" / "brain-flair"
MODEL_MISSING = "the model brain-flair is not in Resources/models"
NEAR_MM = 5.0
TOP = 3


@pytest.fixture(scope="module")
def facts():
    return json.loads((SAMPLE / "sample.json").read_text(encoding="ascii"))


@pytest.fixture(scope="module")
def volume(facts):
    return read_image(SAMPLE / facts["volume"])


@pytest.fixture(scope="module")
def lesion(facts):
    return read_image(SAMPLE / facts["lesion"]["mask"])


@pytest.fixture(scope="module")
def healthy(facts, volume):
    """The volume as it was before the lesion was implanted."""
    added = read_image(SAMPLE / facts["lesion"]["added"])
    return Image(volume.voxels - added.voxels, volume.ijk_to_ras, dict(volume.facts))


def points_of(mask: Image) -> np.ndarray:
    """(N, 3) RAS mm of the voxels of a mask."""
    return np.argwhere(mask.voxels)[:, ::-1] @ mask.ijk_to_ras[:3, :3].T + mask.ijk_to_ras[:3, 3]


def near_lesion(detection, lesion: Image):
    """Findings, best first, whose peak lies within `NEAR_MM` of the lesion."""
    points = points_of(lesion)
    return [f for f in detection.findings
            if np.linalg.norm(points - np.array(f.peak_ras), axis=1).min() <= NEAR_MM]


def test_files_are_those_described(facts):
    for name, expected in facts["sha256"].items():
        assert hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() == expected, name
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 1_600_000


def test_geometry_is_a_tilted_head(facts, volume, lesion):
    assert volume.voxels.dtype == np.int16 and list(volume.voxels.shape) == facts["shape"]
    np.testing.assert_allclose(volume.ijk_to_ras, facts["ijk_to_ras"], atol=1e-4)
    np.testing.assert_allclose(volume.spacing, (1.3, 1.3, 3.5), atol=1e-4)
    assert is_orthogonal(volume.ijk_to_ras)
    directions = np.abs(volume.ijk_to_ras[:3, :3] / volume.spacing)
    tilt = np.degrees(np.arccos(directions.max(axis=0)))
    assert np.all(tilt > 1) and np.all(tilt < 10)
    np.testing.assert_array_equal(lesion.ijk_to_ras, volume.ijk_to_ras)
    assert lesion.voxels.shape == volume.voxels.shape


def test_lesion_is_bright_tissue_inside_the_left_hemisphere(facts, volume, lesion, healthy):
    described = facts["lesion"]
    points, inside = points_of(lesion), lesion.voxels > 0
    np.testing.assert_allclose(points.mean(axis=0), described["centre_ras"], atol=0.1)
    assert np.all(points[:, 0] < -5)  # left of the midline, all of it
    assert 18 <= max(described["size_mm"]) <= 24
    head = healthy.voxels > 100
    assert head[inside].all()
    gain = volume.voxels[inside].mean() / healthy.voxels[inside].mean()
    assert 1.5 < gain < 1.9
    assert gain == pytest.approx(described["intensity"] / described["intensity_without_lesion"], abs=0.01)


def test_background_is_noise_and_head_is_not(healthy):
    corner = healthy.voxels[:, :12, :12]
    assert 0 < corner.mean() < 12 and corner.max() < 40
    middle = healthy.voxels[healthy.voxels.shape[0] // 2]
    assert np.median(middle[60:130, 50:110]) > 150


def test_lesion_alone_is_what_was_added(volume, healthy, lesion):
    changed = volume.voxels != healthy.voxels
    assert changed[lesion.voxels > 0].all()
    points = points_of(Image(changed, volume.ijk_to_ras))
    centre = points_of(lesion).mean(axis=0)
    assert np.linalg.norm(points - centre, axis=1).max() < 20


@pytest.fixture(scope="module")
def detector():
    if not (MODEL / "card.json").is_file():
        pytest.skip(MODEL_MISSING)
    from SPMambaLib import load_model

    return load_model(str(MODEL), device="cpu")


def test_model_finds_the_lesion_and_nothing_there_without_it(detector, volume, healthy, lesion):
    found = detector.detect(volume)
    hits = near_lesion(found, lesion)
    assert hits, "findings at {}".format([f.peak_ras for f in found.findings])
    assert hits[0].label <= TOP
    # Negative control: the same head before the lesion was implanted.
    control = detector.detect(healthy)
    assert not near_lesion(control, lesion)
    inside = lesion.voxels > 0
    assert control.map[inside].max() < 0.7 * found.map[inside].max()
