"""Slicer packages only what the CMakeLists name: the lists are those of the tree."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tools import cmake_lists


def test_lists_match_the_tree() -> None:
    assert cmake_lists.differences() == {}, "run: python Testing/tools/cmake_lists.py --write"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The CMake files and the extension, where a test may spoil them."""
    for name in ("SPMambaExtension", "SPMambaLib"):
        shutil.copytree(cmake_lists.ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(cmake_lists.ROOT / "Resources" / "models", tmp_path / "Resources" / "models")
    (tmp_path / "Resources" / "SampleData").mkdir()
    cmake_lists.write(tmp_path)
    return tmp_path


def test_unlisted_file_is_found(copy: Path) -> None:
    (copy / "SPMambaLib" / "forgotten.py").write_text("")
    assert cmake_lists.differences(copy) == {"SPMambaLib/CMakeLists.txt: LIBRARY_SCRIPTS": ["+forgotten.py"]}


def test_unlisted_model_is_found(copy: Path) -> None:
    folder = copy / "Resources" / "models" / "new"
    folder.mkdir()
    (folder / "card.json").write_text("{}")
    assert cmake_lists.differences(copy) == {
        "SPMambaLib/CMakeLists.txt: MODEL_FILES": ["+Resources/models/new/card.json"]}


def test_missing_file_is_found(copy: Path) -> None:
    (copy / "SPMambaExtension" / "Resources" / "UI" / "SPMamba.ui").unlink()
    assert cmake_lists.differences(copy) == {
        "SPMambaExtension/CMakeLists.txt: MODULE_PYTHON_RESOURCES": ["-Resources/UI/SPMamba.ui"]}


def test_write_repairs(copy: Path) -> None:
    (copy / "SPMambaExtension" / "SPMambaPanel" / "later.py").write_text("")
    assert cmake_lists.differences(copy)
    cmake_lists.write(copy)
    assert cmake_lists.differences(copy) == {}
