"""What the Extensions Index asks of a first submission is there, and each of its checks can fail."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Iterator

import pytest
from tools import extension_index

ROOT = extension_index.ROOT


def test_nothing_would_be_sent_back() -> None:
    assert extension_index.problems() == []


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the checks read, where a test may spoil it."""
    target = tmp_path_factory.mktemp("index")
    for name in ("CMakeLists.txt", "README.md", "LICENSE.txt"):
        shutil.copy(ROOT / name, target / name)
    for name in ("SPMambaExtension", "SPMambaLib/worker", "Resources/Screenshots", "Resources/Docs"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.fixture
def tree(copied: Path) -> Iterator[Path]:
    """The copy; what a test has changed is put back."""
    yield copied
    for path in [path for path in copied.rglob("*") if path.is_file()]:
        origin = ROOT / path.relative_to(copied)
        if not origin.exists():
            path.unlink()
        elif path.stat().st_mtime_ns != origin.stat().st_mtime_ns:
            shutil.copy2(origin, path)
    if not (copied / "LICENSE.txt").exists():
        shutil.copy2(ROOT / "LICENSE.txt", copied / "LICENSE.txt")


def test_the_copy_is_clean(tree: Path) -> None:
    assert [line for line in extension_index.problems(tree) if "does not exist" not in line] == []


CHECK = {check.__name__: check for check in extension_index.CHECKS}


@pytest.mark.parametrize(
    "check, name, old, new, expected",
    [
        ("topLevel", "CMakeLists.txt", "project(SPMamba)", "project(SlicerSPMamba)", "the project is not called"),
        (
            "topLevel",
            "CMakeLists.txt",
            'set(EXTENSION_ICONURL "")',
            'set(EXTENSION_ICONURL\n  "")',
            "EXTENSION_ICONURL is not a quoted",
        ),
        (
            "topLevel",
            "CMakeLists.txt",
            'set(EXTENSION_ICONURL "")',
            'set(EXTENSION_ICONURL "https://a.b/icon.svg")',
            "icon.svg is not the address",
        ),
        (
            "network",
            "CMakeLists.txt",
            'EXTENSION_DEPENDS "PyTorch"',
            'EXTENSION_DEPENDS "NA"',
            "EXTENSION_DEPENDS does not name",
        ),
        ("topLevel", "CMakeLists.txt", '"Segmentation"', '"Magic"', "category"),
        ("topLevel", "CMakeLists.txt", "LICENSE.txt", "LICENCE.md", "EXTENSION_LICENSE_FILE"),
        ("topLevel", "CMakeLists.txt", "include(${Slicer_EXTENSION_CPACK})", "", "parts are missing"),
        ("readme", "README.md", "Nothing is sent anywhere", "All is well", "what leaves the computer"),
        ("readme", "README.md", "arXiv", "a preprint", "publication to cite"),
        (
            "readme",
            "README.md",
            "Resources/Screenshots/1-load.png",
            "Resources/Screenshots/none.png",
            "none.png does not exist",
        ),
        ("endings", "README.md", "\n", "\r\n", "line ends"),
        ("module", "SPMambaExtension/CMakeLists.txt", "WITH_GENERIC_TESTS", "", "WITH_GENERIC_TESTS is missing"),
        ("module", "SPMambaExtension/CMakeLists.txt", "  SPMamba.py\n", "", "+SPMamba.py"),
        ("module", "SPMambaExtension/SPMamba.py", "parent.helpText =", "text =", "parent.helpText is not set"),
        (
            "fileScope",
            "SPMambaExtension/SPMamba.py",
            "import sys\n",
            "import sys\nimport torch\n",
            "torch is imported at file scope",
        ),
        (
            "fileScope",
            "SPMambaExtension/SPMamba.py",
            "import sys\n",
            "import sys\nprint(sys.path)\n",
            "code is run when",
        ),
        (
            "network",
            "SPMambaExtension/SPMamba.py",
            "import sys\n",
            "import sys\nimport urllib.request\n",
            "imports urllib.request",
        ),
        (
            "network",
            "SPMambaExtension/SPMambaPanel/detection/dependencies.py",
            "    pip_install(requirement)",
            "    pip_install('torch')",
            "installs torch itself",
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_defect_is_found(tree: Path, check: str, name: str, old: str, new: str, expected: str) -> None:
    text = (tree / name).read_text(encoding="utf-8")
    assert old in text
    (tree / name).write_bytes(text.replace(old, new).encode("utf-8"))
    found = extension_index.problems(tree, [CHECK[check]])
    assert [line for line in found if expected in line], found


def test_bad_files_are_found(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    icon = tree / "SPMambaExtension" / "Resources" / "Icons" / "SPMamba.png"
    shutil.copy(tree / "Resources" / "Screenshots" / "1-load.png", icon)
    (tree / "Resources" / "Screenshots" / "4-findings.png").write_bytes(b"GIF89a")
    (tree / "LICENSE.txt").unlink()
    monkeypatch.setattr(extension_index, "CLONE_BYTES", 1000)
    monkeypatch.setattr(extension_index, "FILE_BYTES", 100_000)
    checks = [CHECK[name] for name in ("pictures", "licence", "size")]
    text = "\n".join(extension_index.problems(tree, checks))
    for expected in (
        "128 x 128",
        "4-findings.png: the screenshot",
        "no license file",
        "a clone takes",
        "larger than 20",
    ):
        assert expected in text


def test_the_catalog_entry() -> None:
    entry = extension_index.catalogEntry("https://github.com/someone/SlicerSPMamba", "main")
    assert extension_index.entryProblems(entry) == []
    assert entry["build_dependencies"] == ["PyTorch"] and entry["tier"] == 1
    for wrong in (
        {"scm_url": "https://github.com/someone/spmamba"},
        {"scm_url": "git@github.com:x/SlicerX"},
        {"category": "Magic"},
        {"tier": 2},
        {"homepage": "x"},
    ):
        assert extension_index.entryProblems({**entry, **wrong}), wrong
    lines = extension_index.cmakeLines("https://github.com/someone/SlicerSPMamba", "main")
    assert all(
        extension_index.cmakeField(line, name) for line, name in zip(lines, ("HOMEPAGE", "ICONURL", "SCREENSHOTURLS"))
    )
