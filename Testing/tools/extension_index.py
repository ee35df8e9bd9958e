"""What the Extensions Index asks of a first submission, checked in this repository.

    python Testing/tools/extension_index.py                                        what is wrong, what is left open
    python Testing/tools/extension_index.py --address https://github.com/ORG/SlicerSPMamba [--branch main] [--write DIR]

With an address it also makes what depends on it: the catalog entry SPMamba.json for the index, and the CMake lines of
home page, icon and screenshots.  Exit status 1 if anything is wrong.  The index asks besides for what no file shows:
the GitHub topic "3d-slicer-extension", and that unused pages (wiki, projects) are hidden.
"""
from __future__ import annotations

import argparse
import ast
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import cmake_lists  # noqa: E402

NAME = "SPMamba"
SCHEMA = ("https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/"
          "slicer-extension-catalog-entry-schema-v1.0.1.json#")
KEYS = {"$schema", "build_dependencies", "build_subdirectory", "category", "scm_url", "scm_revision", "tier",
        "scm_type", "enabled"}
CATEGORIES = {"Active Learning", "Analysis", "Neuroimaging", "Quantification", "Segmentation", "Utilities"}
PREFIXES = ("Slicer", "Slicer-", "Slicer_", "SlicerExtension-", "SlicerExtension_")
LICENSES = ("LICENSE", "LICENCE", "License.txt", "license.txt", "LICENSE.txt", "COPYING", "COPYING.txt")
FIELDS = ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS")
ORDER = ("cmake_minimum_required(", "project(", "set(EXTENSION_HOMEPAGE", "find_package(Slicer REQUIRED)",
         "include(${Slicer_USE_FILE})", "add_subdirectory(", "include(${Slicer_EXTENSION_GENERATE_CONFIG})",
         "include(${Slicer_EXTENSION_CPACK})")
CLONE_BYTES, FILE_BYTES, PICTURE_BYTES = 100 * 2**20, 20 * 2**20, 2 * 2**20
AT_FILE_SCOPE = {"slicer", "qt", "ctk", "vtk", "SimpleITK", "numpy", "scipy", "SPMambaLib", "SPMambaPanel"}
NETWORK = {"urllib", "http", "requests", "socket", "ftplib", "smtplib", "aiohttp", "httpx", "websockets"}
PICTURES = ("1-load.png", "4-findings.png", "7-decide.png")  # shown in the extensions manager

README_ASKS: Tuple[Tuple[str, str], ...] = (
    ("a title", r"^# SP-Mamba"),
    ("a picture", r"!\[[^\]]*\]\(Resources/Screenshots/"),
    ("a summary in the first lines", r"\A# [^\n]*\n\n[^\n]{80,}"),
    ("that it is for research only", r"(?i)research use only"),
    ("how to install it", r"(?m)^## Install"),
    ("which modules it has", r"(?i)the module is under"),
    ("a tutorial in steps", r"1\. Load"),
    ("where data for the tutorial come from", r"(?i)load sample"),
    ("what leaves the computer", r"(?i)nothing is sent"),
    ("that it asks before it downloads", r"(?i)only if you agree"),
    ("the licence", r"(?m)^Code and weights: Apache-2\.0"),
    ("the publication to cite", r"arXiv"),
    ("its limits", r"(?m)^## Limits"))


def cmakeField(text: str, name: str) -> Optional[str]:
    """Value of ``set(EXTENSION_name "...")`` as the index reads it: on one line, in quotes; None if it is not there."""
    found = re.search(r'^set\(EXTENSION_{}[ \t]+"([^"\n]*)"\)'.format(name), text, re.MULTILINE)
    return found.group(1) if found else None


def topLevel(root: Path) -> Iterator[str]:
    """CMakeLists.txt at the top: order of its parts, fields, names."""
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    places = [text.find(part) for part in ORDER]
    if -1 in places or places != sorted(places):
        yield "CMakeLists.txt: parts are missing or in another order than {}".format(", ".join(ORDER))
    project = re.search(r"^project\((\w+)\)", text, re.MULTILINE)
    if project is None or project.group(1) != NAME:
        yield "CMakeLists.txt: the project is not called {}, as the catalog entry is".format(NAME)
    for name in FIELDS:
        if cmakeField(text, name) is None:
            yield "CMakeLists.txt: EXTENSION_{} is not a quoted text on one line".format(name)
    if not 20 <= len(cmakeField(text, "DESCRIPTION") or "") <= 300:
        yield "CMakeLists.txt: the description is not one or two sentences"
    if (cmakeField(text, "CATEGORY") or "Segmentation") not in CATEGORIES:
        yield "CMakeLists.txt: the category is not one of the index"
    for name in ("LICENSE", "README"):
        found = re.search(r'set\(EXTENSION_{}_FILE "\$\{{CMAKE_CURRENT_SOURCE_DIR\}}/([^"]+)"\)'.format(name), text)
        if found is None or not (root / found.group(1)).is_file():
            yield "CMakeLists.txt: EXTENSION_{}_FILE does not name a file".format(name)
    for name in ("ICONURL", "SCREENSHOTURLS"):
        for address in (cmakeField(text, name) or "").split():
            if not re.match(r"https://.*\.(png|jpe?g|gif)$", address):
                yield "CMakeLists.txt: {} is not the address of a PNG, JPEG or GIF".format(address)


def module(root: Path) -> Iterator[str]:
    """CMakeLists.txt of the module: every file listed, generic tests and self-test."""
    text = (root / "SPMambaExtension" / "CMakeLists.txt").read_text(encoding="utf-8")
    for part in ("WITH_GENERIC_TESTS", "slicer_add_python_unittest(SCRIPT ${MODULE_NAME}.py)"):
        if part not in text:
            yield "SPMambaExtension/CMakeLists.txt: {} is missing".format(part)
    for name, entries in cmake_lists.differences(root, "SPMambaExtension").items():
        yield "{}: {}".format(name, " ".join(entries))
    source = (root / "SPMambaExtension" / "SPMamba.py").read_text(encoding="utf-8")
    for part in ("parent.title", "parent.categories", "parent.contributors", "parent.helpText",
                 "parent.acknowledgementText"):
        if part + " =" not in source:
            yield "SPMamba.py: {} is not set".format(part)
    if not (root / "Resources" / "Docs" / "user").is_dir():
        yield "Resources/Docs/user: the module has no documentation"


def licence(root: Path) -> Iterator[str]:
    files = [root / name for name in LICENSES if (root / name).is_file()]
    if not files:
        yield "no license file at the top; its name is one of {}".format(", ".join(LICENSES))
    elif "Apache License" not in files[0].read_text(encoding="utf-8")[:500]:
        yield "{}: not the license that the README names".format(files[0].name)


def pngSize(path: Path) -> Optional[Tuple[int, int]]:
    """Width and height; None if it is not a PNG."""
    head = path.read_bytes()[:24] if path.is_file() else b""
    return struct.unpack(">II", head[16:24]) if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) == 24 else None


def pictures(root: Path) -> Iterator[str]:
    if pngSize(root / "SPMambaExtension" / "Resources" / "Icons" / "SPMamba.png") != (128, 128):
        yield "SPMamba.png: the icon is not a PNG of 128 x 128 pixels"
    folder = root / "Resources" / "Screenshots"
    for name in PICTURES:
        if pngSize(folder / name) is None:
            yield "{}: the screenshot is not a PNG".format(name)
    for path in sorted(folder.glob("*")):
        if path.stat().st_size > PICTURE_BYTES:
            yield "{}: larger than 2 MB".format(path.name)


def readme(root: Path) -> Iterator[str]:
    text = (root / "README.md").read_text(encoding="utf-8")
    for what, pattern in README_ASKS:
        if not re.search(pattern, text):
            yield "README.md does not tell {}".format(what)
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        if not (root / target).exists():
            yield "README.md: {} does not exist".format(target)


def endings(root: Path) -> Iterator[str]:
    for name in ("CMakeLists.txt", "README.md", "SPMambaExtension/CMakeLists.txt", "SPMambaExtension/SPMamba.py"):
        if b"\r" in (root / name).read_bytes():
            yield "{}: line ends are not those of Unix".format(name)


def fileScope(root: Path) -> Iterator[str]:
    """Nothing is done when a module is imported, and nothing foreign is imported."""
    for path in sorted((root / "SPMambaExtension").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        where = path.relative_to(root).as_posix()
        for node in tree.body:
            names = ([alias.name for alias in node.names] if isinstance(node, ast.Import) else
                     [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else [])
            for name in names:
                first = name.split(".")[0]
                if first not in AT_FILE_SCOPE and first not in sys.stdlib_module_names and first != "__future__":
                    yield "{}: {} is imported at file scope".format(where, first)
            called = node.value if isinstance(node, ast.Expr) else None
            if isinstance(called, ast.Call):
                yield "{}:{}: code is run when the module is imported".format(where, node.lineno)


def network(root: Path) -> Iterator[str]:
    """Nothing is sent or fetched by ourselves; packages come through Slicer, torch through its extension."""
    for folder in ("SPMambaExtension", "SPMambaLib"):
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            where = path.relative_to(root).as_posix()
            for node in ast.walk(ast.parse(text)):
                names = ([alias.name for alias in node.names] if isinstance(node, ast.Import) else
                         [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else [])
                for name in names:
                    if name.split(".")[0] in NETWORK:
                        yield "{}: imports {}".format(where, name)
            if re.search(r"pip_install\([^)]*torch|pip install[^\n]*torch", text) and folder == "SPMambaExtension":
                yield "{}: installs torch itself; the PyTorch extension does".format(where)
    depends = (cmakeField((root / "CMakeLists.txt").read_text(encoding="utf-8"), "DEPENDS") or "").split()
    uses = any("PyTorchUtils" in path.read_text(encoding="utf-8")
               for path in (root / "SPMambaExtension").rglob("*.py"))
    if uses != ("PyTorch" in depends):
        yield "CMakeLists.txt: EXTENSION_DEPENDS does not name the extensions that are used"


def size(root: Path) -> Iterator[str]:
    """Of a clone with its history."""
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in ("demo", "__pycache__")]
        files += [Path(folder) / name for name in names if (Path(folder) / name).is_file()]
    for path in files:
        if path.stat().st_size > FILE_BYTES:
            yield "{}: larger than 20 MB".format(path.relative_to(root).as_posix())
    total = sum(path.stat().st_size for path in files) + historyBytes(root)
    if total > CLONE_BYTES:
        yield "a clone takes {:.0f} MB; the index allows 100".format(total / 2**20)


def historyBytes(root: Path) -> int:
    """Of the objects that a clone gets; 0 outside a repository."""
    git = subprocess.run(["git", "-C", str(root), "rev-list", "--objects", "--disk-usage", "HEAD"],
                         capture_output=True, text=True, check=False)
    return int(git.stdout) if git.returncode == 0 and git.stdout.strip().isdigit() else 0


CHECKS: Tuple[Callable[[Path], Iterator[str]], ...] = (
    topLevel, module, licence, pictures, readme, endings, fileScope, network, size)


def problems(root: Path = ROOT, checks: Sequence[Callable[[Path], Iterator[str]]] = CHECKS) -> List[str]:
    """One line for each thing that the index would send back."""
    return [problem for check in checks for problem in check(root)]


def openPoints(root: Path = ROOT) -> List[str]:
    """What cannot be settled before it is known where the repository is published."""
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    return ["EXTENSION_{} waits for the address of the repository".format(name)
            for name in ("ICONURL", "SCREENSHOTURLS") if not cmakeField(text, name)]


def catalogEntry(address: str, branch: str, root: Path = ROOT) -> Dict[str, object]:
    """Content of SPMamba.json in the Extensions Index."""
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    depends = (cmakeField(text, "DEPENDS") or "NA").split()
    return {"$schema": SCHEMA, "build_dependencies": [name for name in depends if name != "NA"],
            "build_subdirectory": ".", "category": cmakeField(text, "CATEGORY") or "Segmentation",
            "scm_url": address, "scm_revision": branch, "tier": 1}


def entryProblems(entry: Dict[str, object]) -> List[str]:
    """What the index's own check says of a catalog entry."""
    found = []
    if set(entry) - KEYS or not {"$schema", "category", "scm_url"} <= set(entry):
        found.append("the keys are not those of the schema")
    match = re.match(r"https://github\.com/[\w.-]+/([\w.-]+?)(\.git)?$", str(entry.get("scm_url", "")))
    if match is None:
        found.append("scm_url is not the address of a GitHub repository")
    elif not match.group(1).startswith(PREFIXES):
        found.append("the name of the repository does not begin with Slicer")
    if entry.get("category") not in CATEGORIES:
        found.append("the category is not one of the index")
    if entry.get("tier") not in (1, 3, 5):
        found.append("the tier is not 1, 3 or 5")
    return found


def cmakeLines(address: str, branch: str) -> List[str]:
    raw = "{}/{}".format(address.replace("https://github.com/", "https://raw.githubusercontent.com/"), branch)
    shots = " ".join("{}/Resources/Screenshots/{}".format(raw, name) for name in PICTURES)
    return ['set(EXTENSION_HOMEPAGE "{}")'.format(address),
            'set(EXTENSION_ICONURL "{}/SPMambaExtension/Resources/Icons/SPMamba.png")'.format(raw),
            'set(EXTENSION_SCREENSHOTURLS "{}")'.format(shots)]


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="https://github.com/ORG/SlicerSPMamba")
    parser.add_argument("--branch", default="main")
    parser.add_argument("--write", type=Path, help="folder for SPMamba.json")
    options = parser.parse_args(arguments)
    found = problems()
    if options.address:
        entry = catalogEntry(options.address.rstrip("/"), options.branch)
        found += ["SPMamba.json: " + problem for problem in entryProblems(entry)]
        text = json.dumps(entry, indent=2) + "\n"
        if options.write:
            (options.write / "SPMamba.json").write_text(text, encoding="utf-8", newline="\n")
        print(text, *cmakeLines(options.address.rstrip("/"), options.branch), sep="\n")
    for problem in found:
        print("wrong: " + problem)
    for point in openPoints():
        print("open:  " + point)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
