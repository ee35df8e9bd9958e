"""Every bad input gives its typed error or a correct result, never another exception, and nothing is lost."""
from __future__ import annotations

import hashlib

import numpy as np
import pytest
from bad_inputs import CASES

from SPMambaLib.errors import SPMambaError
from SPMambaLib.image import Image, finite_voxels, read_image

by_name = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def digests(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@by_name
def test_reading_and_checking(case, tmp_path):
    path = case.make(tmp_path)
    before = digests(tmp_path)
    if case.error is None:
        image = read_image(path)
        stored = image.voxels.copy()
        clean, notices = finite_voxels(image)
        case.verify(image, clean, image.notices + notices)
        assert np.array_equal(image.voxels, stored, equal_nan=image.voxels.dtype.kind == "f"), "changed by the check"
        assert clean.shape == image.voxels.shape and np.isfinite(clean).all()
    else:
        with pytest.raises(SPMambaError) as caught:
            finite_voxels(read_image(path))
        error = caught.value
        assert (type(error), error.code) == (case.error, case.code), error.detail
        assert error.message.endswith(".") and "\n" not in error.message and "Traceback" not in error.message
        assert "itk" not in error.message.lower(), "the reader's words belong into the detail"
    assert digests(tmp_path) == before, "reading changed a file"


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("dtype", [complex, "U3"])
def test_values_that_are_no_numbers(dtype):
    with pytest.raises(SPMambaError) as caught:
        finite_voxels(Image(np.zeros((4, 20, 20), dtype), np.eye(4)))
    assert caught.value.code == "unsupported-numbers"


def test_a_plane_with_too_few_voxels_is_refused_where_another_is_not():
    image = Image(np.random.default_rng(0).normal(size=(6, 40, 40)), np.eye(4))
    assert finite_voxels(image, "axial")[0].shape == (6, 40, 40)
    with pytest.raises(SPMambaError) as caught:
        finite_voxels(image, "sagittal")
    assert caught.value.code == "too-small"


def test_values_beyond_float32_count_as_missing():
    voxels = np.random.default_rng(0).normal(size=(4, 20, 20))
    voxels[0, 0, 0] = 1e300
    with np.errstate(over="ignore"):
        smallest = voxels.astype(np.float32).min()
    clean, notices = finite_voxels(Image(voxels, np.eye(4)))
    assert [n.code for n in notices] == ["nan-replaced"]
    assert clean[0, 0, 0] == smallest == clean.min()
