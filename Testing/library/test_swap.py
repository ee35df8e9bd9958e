"""Results are whole or not there: whatever is locked, killed, full or running at the same time."""
from __future__ import annotations

import errno
import json
import os
import resource
import signal
import threading
from pathlib import Path

import pytest

from SPMambaLib.errors import OutputError
from SPMambaLib.io import swap, temporary, whole
from SPMambaLib.output.files import RESULT_FILE, result_names

FIRST = ("anomaly_map.nii.gz", "severity.nii.gz", "evidence.npz", "result.json")
SECOND = ("anomaly_map.nrrd", "severity.nrrd", "overview.png", "result.json")


def write(folder, patient, names):
    with swap.whole_folder(folder, result_names, RESULT_FILE) as files:
        for name in names:
            with whole.replacing(files / name) as file:
                file.write(json.dumps({"patient": patient, "files": list(names)}).encode())


def held(folder):
    """The patient and the names of the result in a folder, other files left out; fails on a mixture."""
    found = {path.name: path.read_text() for path in folder.iterdir() if path.name in result_names(folder)}
    (patient,) = {json.loads(text)["patient"] for text in found.values()}
    assert set(found) == set(json.loads(found["result.json"])["files"])
    return patient, set(found)


@pytest.fixture(params=["exchanged", "renamed twice", "with notes", "stood in", "parent protected"])
def folder(request, tmp_path, monkeypatch):
    """A folder with the result of a first patient, of each kind that is replaced in another way."""
    place = tmp_path / "home" / "out"
    write(place, "first", FIRST)
    if request.param == "renamed twice":
        monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    elif request.param == "with notes":
        (place / "notes.txt").write_text("mine")
    elif request.param == "stood in":
        monkeypatch.chdir(place)
    elif request.param == "parent protected":
        monkeypatch.setattr(swap, "WorkingFolder", only_in(place))
    return place


def only_in(folder):
    def make(home):
        if home != folder:
            raise PermissionError(errno.EACCES, "no")
        return temporary.WorkingFolder(home)

    return make


def left(folder):
    return [path for path in folder.parent.rglob("*") if path.name.endswith(".part")]


def test_a_result_replaces_another_and_only_it(folder):
    notes = (folder / "notes.txt").exists()
    write(folder, "second", SECOND)
    assert held(folder) == ("second", set(SECOND)) and not left(folder)
    assert (folder / "notes.txt").exists() == notes


def test_a_failure_leaves_the_former_result(folder):
    with pytest.raises(ZeroDivisionError), swap.whole_folder(folder, result_names, RESULT_FILE) as files:
        (files / "result.json").write_text("half")
        raise ZeroDivisionError
    assert held(folder) == ("first", set(FIRST)) and not left(folder)


@pytest.mark.parametrize("name", FIRST)
def test_a_locked_file(folder, name, monkeypatch):
    """As Windows has it: what another program holds open cannot be moved, nor the folder that it is in."""
    rename = os.rename

    def locked(source, target):
        if Path(source) in (folder, folder / name):
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        rename(source, target)

    monkeypatch.setattr(swap.os, "rename", locked)
    monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    with pytest.raises(OutputError) as caught:
        write(folder, "second", SECOND)
    assert caught.value.code == "result-in-use" and caught.value.exit_code == 7
    assert held(folder) == ("first", set(FIRST)) and not left(folder)
    kept = Path(caught.value.message.split("the new result is in ")[1][:-1])
    assert held(kept) == ("second", set(SECOND))


def test_new_files_that_cannot_come_in_bring_the_former_back(folder, monkeypatch):
    rename = os.rename

    def full(source, target):
        if Path(source).parent.name == "files" and Path(source).name == "severity.nrrd" or Path(target) == folder:
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    (folder / "notes.txt").write_text("mine")  # so that it stays
    monkeypatch.setattr(swap.os, "rename", full)
    with pytest.raises(OutputError):
        write(folder, "second", SECOND)
    assert held(folder) == ("first", set(FIRST)) and (folder / "notes.txt").read_text() == "mine"


def killed(moment, folder, monkeypatch):
    """Write the second result in a process that kills itself at a moment; its status, 0 if it got through."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    count = [0]

    def counted(function):
        def call(*arguments, **options):
            count[0] += 1
            if count[0] == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for name in ("rename", "replace", "fsync", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    for name in ("exchange", "_plan", "_complete"):
        setattr(swap, name, counted(getattr(swap, name)))
    temporary.remove_tree = counted(temporary.remove_tree)
    write(folder, "second", SECOND)
    os._exit(0)


@pytest.mark.parametrize("kind", ["exchanged", "twice", "notes"])
def test_killed_at_every_moment(kind, tmp_path, monkeypatch):
    """Never a mixture, whole wherever ``result.json`` is, and whole again at the next start, nothing left behind."""
    if kind == "twice":
        monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    patients, moment, status = [], 0, -1
    while status != 0:
        moment += 1
        folder = tmp_path / str(moment) / "out"
        write(folder, "first", FIRST)
        if kind == "notes":
            (folder / "notes.txt").write_text("mine")
        status = killed(moment, folder, monkeypatch)
        assert status in (0, signal.SIGKILL)
        found = [path for path in folder.iterdir() if path.name in {*FIRST, *SECOND}] if folder.is_dir() else []
        assert len({json.loads(path.read_text())["patient"] for path in found}) <= 1, "a mixture"
        if "result.json" in [path.name for path in found] or kind == "exchanged":
            held(folder)
        for place in (folder.parent, folder):
            temporary.sweep(place)
        patients.append(held(folder)[0])
        assert not left(folder) and (folder / "notes.txt").exists() == (kind == "notes")
    assert moment > 10 and patients == sorted(patients) and set(patients) == {"first", "second"}


def test_runs_that_end_at_the_same_moment(folder):
    """Ten at once in one folder; the 300 that the page tells of are those of Testing/benchmarks/whole_results.py."""
    barrier, errors = threading.Barrier(10), []

    def run(number):
        try:
            with swap.whole_folder(folder, result_names, RESULT_FILE) as files:
                names = SECOND if number % 2 else FIRST
                for name in names:
                    (files / name).write_text(json.dumps({"patient": number, "files": names}))
                barrier.wait(30)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and held(folder)[0] in range(10) and not left(folder)


@pytest.mark.parametrize("limit", [10, 100])
def test_a_full_disk(folder, limit):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OutputError) as caught:
            write(folder, "second" * 30, SECOND)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "cannot-write" and held(folder) == ("first", set(FIRST)) and not left(folder)


def test_a_network_drive_that_says_late_that_it_is_full(folder, monkeypatch):
    def full(descriptor):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(swap.os, "fsync", full)
    with pytest.raises(OutputError, match="no space"):
        write(folder, "second", SECOND)
    assert held(folder) == ("first", set(FIRST)) and not left(folder)


@pytest.mark.parametrize("name", ["x" * 300, "a/" + "x" * 300, "file", "file/below"])
def test_places_that_cannot_be_are_known_before_the_work(name, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError) as caught, swap.whole_folder(tmp_path / name, result_names):
        raise AssertionError("the work has begun")
    assert caught.value.code == "cannot-write"
    with pytest.raises(OutputError):
        swap.check_folder(tmp_path / name, result_names)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_stays_a_link(tmp_path):
    write(tmp_path / "real", "first", FIRST)
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", "second", SECOND)
    assert (tmp_path / "link").is_symlink() and held(tmp_path / "real") == ("second", set(SECOND))


# -- what killed runs have left ------------------------------------------------------------------------------------


def test_only_what_is_ours_and_dead_is_swept(tmp_path):
    living = temporary.WorkingFolder(tmp_path)
    for name, lock in (("dead", True), ("new", False), ("old", False)):
        place = tmp_path / ".spmamba-{}.part".format(name)
        place.mkdir()
        (place / "voxels.npy").write_text("a patient's")
        if lock:
            (place / temporary.LOCK).touch()
    os.utime(tmp_path / ".spmamba-old.part", (0, 0))
    (tmp_path / ".spmamba-file.part").write_text("half")
    (tmp_path / "mine.part").write_text("mine")
    with temporary.working_file(tmp_path) as file:
        temporary.sweep(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {
            living.path.name, ".spmamba-new.part", "mine.part", Path(file.name).name}
    living.close()
    assert {path.name for path in tmp_path.iterdir()} == {".spmamba-new.part", "mine.part"}


def test_a_plan_that_leads_elsewhere_is_not_followed(tmp_path):
    home, precious = tmp_path / "home", tmp_path / "precious"
    for place in (home / ".spmamba-x.part" / swap.NEW, precious):
        place.mkdir(parents=True)
    (precious / "thesis.txt").write_text("mine")
    (home / ".spmamba-x.part" / temporary.LOCK).touch()
    (home / ".spmamba-x.part" / swap.PLAN).write_text(json.dumps(
        {"folder": "../precious", "old": ["thesis.txt"], "new": ["x"]}))
    temporary.sweep(home)
    assert (precious / "thesis.txt").read_text() == "mine"


def test_two_that_write_one_file(tmp_path):
    with whole.replacing(tmp_path / "a.json") as one, whole.replacing(tmp_path / "a.json") as two:
        one.write(b"one" * 1000)
        two.write(b"two")
    assert (tmp_path / "a.json").read_bytes() == b"one" * 1000 and len(list(tmp_path.iterdir())) == 1
