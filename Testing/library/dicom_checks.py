"""Short words for the tests of DICOM: places, notices, refusals and changed files."""
from __future__ import annotations

import numpy as np
import pydicom
import pytest

from SPMambaLib.errors import SPMambaError
from SPMambaLib.io.image import read_image


def steps(depths):
    return np.outer(depths, [0.0, 0.0, 1.0]) + [-30.0, -20.0, 10.0]


def codes(image):
    return [notice.code for notice in image.notices]


def refused(path, code, **options):
    with pytest.raises(SPMambaError) as caught:
        read_image(path, **options)
    assert caught.value.code == code, caught.value.message
    assert caught.value.message.endswith(".")
    return caught.value.message


def changed(path, change):
    data = pydicom.dcmread(path)
    change(data)
    data.save_as(path, enforce_file_format=True)
    return path


def files(folder):
    return sorted(folder.iterdir())
