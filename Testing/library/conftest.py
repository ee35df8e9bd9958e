"""Fixtures of the library tests."""
from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder with the real test data; it is not part of the project."""
    folder = os.environ.get("SPMAMBA_DATA", "")
    if not folder:
        pytest.skip("SPMAMBA_DATA does not name the folder with the real test data")
    if not Path(folder).is_dir():
        pytest.skip("SPMAMBA_DATA names {}, which is not a folder".format(folder))
    return Path(folder)
