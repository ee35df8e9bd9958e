"""The file lists of the CMakeLists: compare them with the tree, or write them.

Slicer packages only files that are listed; a forgotten one is silently absent.

    python Testing/tools/cmake_lists.py           says what differs, exit status 1 if anything does
    python Testing/tools/cmake_lists.py --write   brings the lists up to date
"""
from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
IGNORED_FOLDERS = {"__pycache__", "Testing"}


class FileList(NamedTuple):
    """One list: variable of a CMake file, folder that its paths are relative to, folder searched, what belongs in."""

    cmake: str
    variable: str
    relativeTo: str
    searched: str
    belongs: Callable[[Path], bool]


LISTS = (
    FileList("SPMambaExtension/CMakeLists.txt", "MODULE_PYTHON_SCRIPTS", "SPMambaExtension", "SPMambaExtension",
             lambda path: path.suffix == ".py"),
    FileList("SPMambaExtension/CMakeLists.txt", "MODULE_PYTHON_RESOURCES", "SPMambaExtension",
             "SPMambaExtension/Resources", lambda path: path.suffix != ".py"),
    FileList("SPMambaLib/CMakeLists.txt", "LIBRARY_SCRIPTS", "SPMambaLib", "SPMambaLib",
             lambda path: path.suffix == ".py"),
    FileList("SPMambaLib/CMakeLists.txt", "LIBRARY_RESOURCES", "SPMambaLib", "SPMambaLib",
             lambda path: path.suffix == ".npz" or path.name == "head_frame.txt"),
    FileList("SPMambaLib/CMakeLists.txt", "MODEL_FILES", "", "Resources/models", lambda path: True),
    FileList("SPMambaLib/CMakeLists.txt", "RECIPE_FILES", "", "Resources/recipes", lambda path: True),
    FileList("SPMambaLib/CMakeLists.txt", "SAMPLE_FILES", "", "Resources/SampleData",
             lambda path: path.name == "FLAIR-sample.nii.gz"),  # its lesion is for the demo alone
)


def listed(text: str, variable: str) -> List[str]:
    """Entries of ``set(variable ...)`` in a CMake text.

    Raises:
        KeyError: there is no such list.
    """
    found = re.search(r"^set\({}\s(.*?)\)".format(variable), text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise KeyError(variable)
    return found.group(1).replace("${MODULE_NAME}", "SPMamba").split()


def present(root: Path, spec: FileList) -> List[str]:
    """Files of the tree that belong into a list, sorted, with forward slashes."""
    folder = root / spec.relativeTo
    files = [path for path in (root / spec.searched).rglob("*") if path.is_file() and spec.belongs(path)]
    relative = [path.relative_to(folder) for path in files]
    return sorted(path.as_posix() for path in relative
                  if not IGNORED_FOLDERS.intersection(path.parts) and not path.name.startswith("."))


def differences(root: Path = ROOT, folder: str = "") -> Dict[str, List[str]]:
    """By "file: variable", the entries that are missing in the list (+) or in the tree (-), in files of `folder`."""
    result = {}
    for spec in (each for each in LISTS if each.cmake.startswith(folder)):
        have = set(listed((root / spec.cmake).read_text(encoding="utf-8"), spec.variable))
        want = set(present(root, spec))
        if have != want:
            result["{}: {}".format(spec.cmake, spec.variable)] = (
                ["+" + name for name in sorted(want - have)] + ["-" + name for name in sorted(have - want)])
    return result


def write(root: Path = ROOT) -> None:
    for spec in LISTS:
        path = root / spec.cmake
        lines = "".join("  {}\n".format(name) for name in present(root, spec))
        block = "set({}\n{}  )".format(spec.variable, lines)
        pattern = r"^set\({}\s.*?\)".format(spec.variable)
        text = re.sub(pattern, lambda match, block=block: block, path.read_text(encoding="utf-8"), count=1,
                      flags=re.MULTILINE | re.DOTALL)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write()
    changed = differences()
    for name, entries in changed.items():
        print(name, *entries, sep="\n  ")
    sys.exit(1 if changed else 0)
