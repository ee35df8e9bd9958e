"""Every command and every line of Python that the README and the pages show is run as it stands there.

Each page has a folder of its own with small stand-ins for the files that it names; models, recipe and presets of the
shipped names are tiny ones there, so that nothing takes minutes.  What cannot be run is listed with the reason, and a
command in neither list fails.
"""
from __future__ import annotations

import contextlib
import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tiny
from dicom_files import write_series
from tools import commands_page

from SPMambaLib import cli
from SPMambaLib.io.image import write_image
from SPMambaLib.model.config import PRESETS
from SPMambaLib.model.teacher import Teacher
from SPMambaLib.training.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "Resources" / "Docs").rglob("*.md")), ROOT / "Testing" / "README.md"]
BLOCK = re.compile(r"^```(bash|sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:spmamba|make|python|torchrun|pip|pytest|apt-get) [^`]+)`")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")

NOT_RUN = {  # a part of the command: why
    "pip install": "would change the environment that the tests run in; `make environment` installs the same way",
    "torchrun": "two processes by torch's launcher, abridged on the page; test_train_distributed trains with two",
    "spmamba train my-recipe.json ...": "abridged on the page; test_recipes trains by a file",
    "pytest -m": "runs the tests themselves",
    "python Testing/review_pictures.py": "opens the panel; test_end_to_end drives the same steps",
    "chrt": "changes the priority of a process",
}
DRY = ("make",)  # only their steps are asked for: they install, or run this suite
OTHERS = {  # options that pages name of other programs
    "--testing", "--nproc-per-node", "--write", "--editable", "--output", "--screenshots", "--module", "--volume",
    "--screenshot", "--version", "--index-url", "--dicom", "--headers", "--seed"}


def blocks(kind):
    """(page, command or snippet) of all fenced blocks; of shell blocks each command by itself."""
    found = []
    for page in PAGES:
        for language, content in BLOCK.findall(page.read_text(encoding="utf-8")):
            if (language == "python") != (kind == "python"):
                continue
            lines = [content] if kind == "python" else content.replace("\\\n", " ").splitlines()
            found += [(page, line.strip()) for line in lines if line.strip()]
    return found


def inline():
    """(page, command) of those in the text, left out what stands for a command as such ("`spmamba evaluate`")."""
    found = [(page, " ".join(command.split())) for page in PAGES
             for command in INLINE.findall(page.read_text(encoding="utf-8"))]
    return [(page, command) for page, command in found if len(command.split()) > 2 or command.split()[0] != "spmamba"]


def words(command):
    """Parts of a command; a placeholder stands for the folder of DICOM files that every page has."""
    return ["export" if word == "FOLDER" else word for word in shlex.split(command, comments=True)]


def reason(command):
    return next((why for part, why in NOT_RUN.items() if part in command), "")


# -- stand-ins ---------------------------------------------------------------------------------------------------------

def films(folder, names, first=0):
    folder.mkdir(parents=True)
    pictures = sorted((tiny.workshop() / "chest").glob("*.png"))[first:]
    for name, picture in zip(names, pictures):
        shutil.copy(picture, folder / name)


def patients(count):
    return ["p{:02d}.png".format(n) for n in range(count)]


def manifest(path, folder, rows):
    """A manifest with the columns of `rows`; the pictures of the tiny brain and chest lie beside it."""
    shutil.copytree(tiny.workshop() / folder, path.parent / rows[0]["path"].split("/p")[0], dirs_exist_ok=True)
    with open(path, "a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        if stream.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)


def listed(folder, prefix):
    """The rows of the tiny manifest below `folder`, under another name."""
    with open(tiny.workshop() / "manifest.csv", newline="", encoding="utf-8") as stream:
        return [{**row, "path": row["path"].replace(folder + "/", prefix + "/")} for row in csv.DictReader(stream)
                if row["path"].startswith(folder + "/")]


def stand_ins(place):
    """What the pages name, in a new folder."""
    place.mkdir()
    image = tiny.brain_image(lesion=True)
    write_image(place / "flair.nii.gz", image.voxels, image.ijk_to_ras)
    write_series(place / "export", np.ones((4, 20, 24)), np.outer(np.arange(4) * 3.0, [0, 0, 1.0]))
    for name in ("our-normals", "normals", "other-normals"):
        films(place / name, patients(24 if name == "our-normals" else 6))
    for n, (inner, name) in enumerate([("train/NORMAL", "IM-0{}{}-0001.png"), ("test/NORMAL", "IM-1{}{}-0001.png"),
                                       ("test/PNEUMONIA", "person{}{}_virus_1.png")]):
        films(place / "ZhangLab" / inner, [name.format(n, k) for k in range(4)], first=4 * n)
    shutil.copy(tiny.workshop() / "chest" / "p00_0.png", place / "film.png")
    manifest(place / "mine.csv", "chest", listed("chest", "films"))
    manifest(place / "ours.csv", "brain", listed("brain", "2024"))
    rows = listed("chest", "site/test")
    (place / "site").mkdir()
    normal, other = rows[:10], [{**row, "label": "pneumonia"} for row in rows[10:20]]
    manifest(place / "MANIFEST.csv", "chest", normal + other)
    manifest(place / "MANIFEST.csv", "chest", [{**row, "path": row["path"].replace("site/test", "site/train")}
                                               for row in rows[20:]])
    np.savez(place / "resnet18.npz", **{name: value.numpy() for name, value in Teacher(tiny.TEACHER).state_dict(
        ).items()})


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    """Gives each page its folder: made at its first command, so that one command finds what another has made."""
    home, made = tmp_path_factory.mktemp("docs"), {}
    for name, known in (("tiny-brain", "brain-flair"), ("tiny-chest", "chest-xray")):
        shutil.copytree(tiny.bundle_folder(name), home / "models" / known)

    def desk(page):
        if page not in made:
            made[page] = home / page.stem
            stand_ins(made[page])
            if page.stem == "evaluation":
                shutil.copytree(tiny.bundle_folder("tiny-chest"), made[page] / "my-bundle")
        return made[page]

    recipe = tiny.TINY_RECIPES["tiny-chest"]
    recipe = type(recipe)(**{**recipe.__dict__, "select": (), "base": "chest-xray"})
    environment = {"SPMAMBA_MODELS": str(home / "models"), "XDG_DATA_HOME": str(home / "data"),
                   "LOCALAPPDATA": str(home / "data")}
    with mock.patch.dict(os.environ, environment), mock.patch.dict(RECIPES, {"chest-xray": recipe}), \
            mock.patch.dict(PRESETS, {"compact": tiny.config()}):
        yield desk


@contextlib.contextmanager
def working_in(place):
    before = os.getcwd()
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(before)


# -- the tests ---------------------------------------------------------------------------------------------------------

SHELL = [pytest.param(page, command, id="{}: {}".format(page.stem, " ".join(words(command)[:4])))
         for page, command in [*blocks("shell"), *inline()] if not reason(command)]


def test_the_pages_show_commands():
    assert len(blocks("shell")) >= 20 and len(blocks("python")) >= 1 and len(inline()) >= 5
    assert all(any(part in command for _, command in [*blocks("shell"), *inline()]) or part == "chrt"
               for part in NOT_RUN), "a reason for a command that no page shows any more"


@pytest.mark.parametrize("page, command", SHELL)
def test_a_command_runs(page, command, desks, monkeypatch, capsys):
    program, *arguments = words(command)
    if program in DRY:
        done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.strip(), done.stderr
        return
    if program == "python":
        assert (ROOT / arguments[0]).is_file()
        done = subprocess.run([sys.executable, *[part for part in arguments if part != "--write"]], cwd=ROOT,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return
    assert program == "spmamba", "a program that this test does not know: list it with the reason, or run it"
    from SPMambaLib.commands import bench

    monkeypatch.setattr(bench, "TOKENS", (64,))
    with working_in(desks(page)):
        before = set(Path().iterdir())
        status = cli.main(arguments)
        text = capsys.readouterr()
        assert status == 0, text.err
        named = [Path(value) for option, value in zip(arguments, arguments[1:]) if option in ("--output", "--report")]
        assert all(path.exists() for path in named)
        assert text.out or set(Path().iterdir()) != before, "it neither says nor makes anything"


@pytest.mark.parametrize("page, snippet", [pytest.param(*row, id=row[0].stem) for row in blocks("python")])
def test_python_runs(page, snippet, desks, capsys):
    with working_in(desks(page)):
        exec(compile(snippet, str(page), "exec"), {})
    assert capsys.readouterr().out.strip(), "the snippet prints the findings of a volume with a lesion"


def options(parser):
    """(command, option, help) of all commands."""
    return [(command, option, action.help) for command, inner in commands_page.commands(parser)
            for action in inner._actions for option in action.option_strings if option != "--version"]


def test_options_that_pages_name_exist():
    known = {option for _, option, _ in options(cli.build_parser())} | OTHERS
    text = {page: page.read_text(encoding="utf-8") for page in PAGES}
    unknown = {(page.stem, option) for page in PAGES for option in OPTION.findall(text[page]) if option not in known}
    assert not unknown


def test_the_page_of_commands_names_every_option():
    page = commands_page.PAGE.read_text(encoding="utf-8")
    assert page == commands_page.page(), "run: python Testing/tools/commands_page.py"
    assert [row for row in options(cli.build_parser()) if "`" + row[1] not in page] == []


def test_every_option_says_what_it_is():
    assert [row for row in options(cli.build_parser()) if not row[2]] == []
