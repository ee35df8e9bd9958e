"""A training may be stopped or killed at any moment: what it becomes in the end is what it would have become."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tiny
import torch

from SPMambaLib import bundle
from SPMambaLib.cli import main
from SPMambaLib.errors import Cancelled, TrainingError, UnreadableFileError, UsageError
from SPMambaLib.training import work_folder
from SPMambaLib.training.assemble import assemble
from SPMambaLib.training.checkpoint import Checkpoints, TrainingState, load_tensors
from SPMambaLib.training.recipes import RECIPES
from SPMambaLib.training.train import TrainingConfig, train_decoder, validation_rows

STEPS = 15
LIVELY = replace(tiny.TINY_RECIPES["tiny-chest"], network=dict(tiny.NETWORK, prototype_height_bins=1, drop_path=0.4),
                 training=TrainingConfig(steps=STEPS, batch=4, validate_every=4, validation_images=5))

# Runs the training, and kills itself as a loss of power would: after a step was recorded, or between the writing of a
# checkpoint and its renaming.
VICTIM = """
import os, signal, sys
from unittest import mock
import torch
import test_train_resume as test
from SPMambaLib.io import whole
from SPMambaLib.training import work_folder
torch.set_num_threads(1)
folder, output, moment, step, resume = sys.argv[1:]
def die():
    os.kill(os.getpid(), signal.SIGKILL)
record, rename, done = work_folder.RunManifest.step, os.replace, [0]
def step_hook(self, values):
    record(self, values)
    done[0] = values["step"]
    if moment == "step" and done[0] == int(step):
        die()
def rename_hook(source, target):
    if moment == "rename" and str(target).endswith("checkpoint.safetensors") and done[0] >= int(step):
        die()
    rename(source, target)
work_folder.RunManifest.step, whole.os.replace = step_hook, rename_hook
test.run(test.Path(folder), test.Path(output), resume=resume == "resume")
"""


def run(folder: Path, output: Path, **how):
    machine = work_machine()
    with mock.patch.dict(RECIPES, {"lively": LIVELY}):
        return assemble("lively", folder / "manifest.csv", output, teacher=folder / "teacher.safetensors",
                        machine=machine, **how)


def work_machine():
    from SPMambaLib.training.plan import Machine

    return Machine(device="cpu", every_steps=3)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The model of a run that nobody interrupted."""
    output = tmp_path_factory.mktemp("whole") / "model"
    run(tiny.workshop(), output)
    return output


def steps_of(output: Path):
    lines = [json.loads(line) for line in (output / work_folder.LOG).read_text().splitlines()]
    return [entry for entry in lines if entry["record"] == "step"], [e for e in lines if e["record"] == "run"]


def same(first: Path, second: Path) -> None:
    assert (first / bundle.WEIGHTS).read_bytes() == (second / bundle.WEIGHTS).read_bytes()
    told = [[(e["step"], e["loss"], e.get("validation_loss")) for e in steps_of(output)[0]]
            for output in (first, second)]
    assert told[0] == told[1]
    cards = [bundle.read_card(output)["training"] for output in (first, second)]
    for key in ("final_loss", "validation_loss", "prototype_spread", "prototype_distance"):
        assert cards[0][key] == cards[1][key]


def test_killed_three_times_it_becomes_the_same(tmp_path, whole):
    output = tmp_path / "model"
    first, second, third = sorted(np.random.default_rng(5).choice(np.arange(1, STEPS), 3, replace=False))
    for moment, step, resume in (("step", first, "start"), ("rename", second, "resume"), ("step", third, "resume")):
        ended = subprocess.run([sys.executable, "-c", VICTIM, str(tiny.workshop()), str(output), moment, str(step),
                                resume], env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
                               capture_output=True, text=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert not (output / bundle.CARD).exists()
    with mock.patch("SPMambaLib.training.assemble.fit_prototypes", side_effect=AssertionError("fitted again")), \
            mock.patch("SPMambaLib.training.assemble.settle_teacher", side_effect=AssertionError("settled again")):
        run(tiny.workshop(), output, resume=True)
    same(whole, output)
    assert not (tmp_path / "model.work").exists()


def test_the_run_manifest_tells_what_was_done(whole):
    steps, runs = steps_of(whole)
    assert [entry["step"] for entry in steps] == list(range(1, STEPS + 1))
    assert [entry["step"] for entry in steps if "validation_loss" in entry] == [4, 8, 12, 15]
    assert all(entry["seconds"] > 0 and entry["images_per_second"] > 0 for entry in steps)
    assert max(entry["learning_rate"] for entry in steps) == pytest.approx(LIVELY.training.learning_rate, rel=0.02)
    (facts,) = runs
    assert facts["training"] == LIVELY.training.to_dict() and len(facts["manifest_sha256"]) == 64
    assert facts["device"] == "cpu" and facts["threads"] == 1 and facts["precision"] == "float32"
    assert facts["scan"] in ("numba", "torch") and set(facts["versions"]) == {"spmamba", "torch", "numpy", "python"}
    card = bundle.read_card(whole)["training"]
    assert card["validation_loss"] == steps[-1]["validation_loss"] and card["prototype_spread"] > 0.2


@pytest.fixture
def heeded_ctrl_c():
    """A shell lets its background jobs ignore Ctrl-C, and so their tests."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def test_ctrl_c_loses_nothing_and_says_how_to_go_on(tmp_path, whole, capsys, monkeypatch, heeded_ctrl_c):
    output, record = tmp_path / "model", work_folder.RunManifest.step
    monkeypatch.setitem(RECIPES, "lively", LIVELY)
    monkeypatch.setattr("SPMambaLib.cli.share_processors", lambda: None)

    def interrupted(self, values):
        record(self, values)
        if values["step"] == 7:
            os.kill(os.getpid(), signal.SIGINT)

    def train(*more):
        status = main(["train", "lively", "--manifest", str(tiny.workshop() / "manifest.csv"), "--teacher",
                       str(tiny.workshop() / "teacher.safetensors"), "--output", str(output), "--device", "cpu", *more])
        return status, capsys.readouterr().err

    with mock.patch.object(work_folder.RunManifest, "step", interrupted):
        status, said = train()
    assert status == Cancelled.exit_code == 130 and "step 8 of 15" in said and "--resume" in said
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    files = {path.name: path.read_bytes() for path in (tmp_path / "model.work").iterdir()}

    status, said = train()
    assert status == UsageError.exit_code and "--resume" in said and "[unfinished-training]" in said
    for others in (["--steps", "20"], ["--loss", "mse"]):
        status, said = train("--resume", *others)
        assert status == UsageError.exit_code and "another training" in said and "[another-training]" in said
    fewer = replace(LIVELY, select=["chest/*", "!chest/p03*"])
    with mock.patch.dict(RECIPES, {"lively": fewer}):
        status, said = train("--resume")
    assert status == UsageError.exit_code and "another set of images" in said
    assert {path.name: path.read_bytes() for path in (tmp_path / "model.work").iterdir()} == files, "something is lost"

    assert train("--resume")[0] == 0
    same(whole, output)
    status, said = train("--resume")
    assert status == UsageError.exit_code and "[nothing-to-resume]" in said


# -- the loop alone --------------------------------------------------------------------------------------------------

def features(count: int = 24):
    random = torch.Generator().manual_seed(3)
    return [torch.rand(count, channels, side, side, generator=random).half()
            for channels, side in zip(tiny.TEACHER.channels, (16, 8, 4))]


def trained(checkpoints=None, *, steps=8, stop_at=None, **changes):
    """(losses, weights) of a short training with drop path; `stop_at` kills it after that step."""
    network = tiny.network(drop_path=0.4)

    def record(values):
        if values["step"] == stop_at:
            raise MemoryError

    config = TrainingConfig(steps=steps, batch=4, **changes)
    losses = train_decoder(network, features(), config, checkpoints=checkpoints, record=record)
    return losses, network.state_dict()


def differs(first, second) -> bool:
    return first[0] != second[0] or any(not torch.equal(first[1][name], second[1][name]) for name in first[1])


def test_every_part_of_a_checkpoint_is_needed(tmp_path):
    """The negative control: a checkpoint that lacks one part does not lead to the same weights."""
    path = tmp_path / "checkpoint.safetensors"
    expected = trained()
    with pytest.raises(MemoryError):
        trained(Checkpoints(path, "f", every_steps=2), stop_at=5)
    kept = path.read_bytes()
    assert load_tensors(path, fingerprint="f")[1]["step"] == 4
    assert not differs(expected, trained(Checkpoints(path, "f")))

    restore = TrainingState.restore
    for part in ("random.sampler", "random.torch", "optimiser."):
        def forgetful(self, tensors, facts, part=part):
            fresh = self.capture()[0]
            restore(self, {name: fresh[name] if name == part else tensor for name, tensor in tensors.items()
                           if part != "optimiser." or not name.startswith(part)}, facts)

        path.write_bytes(kept)
        with mock.patch.object(TrainingState, "restore", forgetful):
            assert differs(expected, trained(Checkpoints(path, "f"))), part


def test_foreign_and_damaged_checkpoints_are_refused(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    trained(Checkpoints(path, "mine"), steps=1)
    with pytest.raises(UsageError, match="another training"):
        trained(Checkpoints(path, "yours"), steps=1)
    whole = path.read_bytes()
    for damaged in (b"", whole[:5], whole[:-7], b"x" * 100):
        path.write_bytes(damaged)
        with pytest.raises(UnreadableFileError, match="damaged"):
            trained(Checkpoints(path, "mine"), steps=1)


def test_checkpoints_come_after_steps_or_seconds():
    now = [0.0]
    checkpoints = Checkpoints(Path("none"), "", every_steps=10, every_seconds=60, clock=lambda: now[0])
    assert not checkpoints.due(9) and checkpoints.due(10)
    now[0] = 60.0
    assert checkpoints.due(1)
    with pytest.raises(UsageError):
        Checkpoints(Path("none"), "", every_steps=0)


@pytest.mark.parametrize("loss", ["cosine", "mse"])
def test_both_losses_fall(loss):
    losses, _ = trained(steps=15, loss=loss)
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:2])


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UsageError, match="cosine, mse"):
        TrainingConfig(loss="l1")
    with pytest.raises(TrainingError, match="not a number"):
        trained(learning_rate=float("inf"))


def test_validation_changes_nothing():
    config = TrainingConfig(steps=4, batch=4, validate_every=1)
    runs = []
    for validation in (None, features(7)):
        network, told = tiny.network(drop_path=0.4), []
        losses = train_decoder(network, features(), config, validation=validation, record=told.append)
        runs.append((losses, network.state_dict()))
        assert all(("validation_loss" in entry) == (validation is not None) for entry in told)
    assert not differs(*runs)
    rows = validation_rows(100, config)
    assert len(set(rows.tolist())) == 32 and torch.equal(rows, validation_rows(100, config))
