"""Bundles: what is stored is what was calibrated, damage is noticed, nothing outside the bundle is read."""
from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from SPMambaLib import bundle
from SPMambaLib.detector import load_model
from SPMambaLib.errors import ModelDamagedError, ModelMissingError, OutputError
from SPMambaLib.evidence.normal_tiles import FILE


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of a bundle that a test may spoil."""
    copy = tmp_path / "models" / "tiny-chest"
    shutil.copytree(tiny.bundle_folder("tiny-chest"), copy)
    return copy


def change_card(folder: Path, change) -> None:
    card = json.loads((folder / bundle.CARD).read_text(encoding="utf-8"))
    change(card)
    (folder / bundle.CARD).write_text(json.dumps(card), encoding="utf-8")


def zipped(folder: Path, inside: str = "", compression: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder.parent / "packed.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in (bundle.CARD, bundle.WEIGHTS, FILE):
            archive.write(folder / name, inside + name)
    return path


def test_storage_precision_is_a_fixed_point():
    torch.manual_seed(1)
    tensors = {"teacher.layer1.0.conv1.weight": torch.randn(64, 64, 3, 3),
               "prototypes.vectors": torch.randn(2, 64, 5, 32),
               "neck.weight": torch.randn(40, 40), "neck.bias": torch.randn(3), "steps": torch.tensor(7)}
    once = bundle.unpack(bundle.pack(tensors))
    again = bundle.unpack(bundle.pack(once))
    for name, tensor in tensors.items():
        assert torch.equal(once[name], again[name])
        assert once[name].dtype == tensor.dtype and once[name].shape == tensor.shape
    assert not torch.equal(once["neck.weight"], tensors["neck.weight"]), "nothing was rounded: the test shows nothing"
    assert torch.equal(once["neck.bias"], tensors["neck.bias"])


def test_int8_error_is_at_most_half_a_step_of_its_row():
    torch.manual_seed(2)
    for weight in (torch.randn(32, 16, 3, 3) * torch.logspace(-4, 2, 32)[:, None, None, None],
                   torch.randn(2, 16, 4, 64) * torch.logspace(-4, 2, 16)[:, None, None]):
        values, scale = bundle.round_to_int8(weight)
        rows = weight.reshape(len(scale), -1)
        error = (values.reshape(len(scale), -1) * scale[:, None] - rows).abs()
        assert (error <= 0.5001 * rows.abs().amax(dim=1, keepdim=True) / 127).all()
    assert len(scale) == 2 * 16 * 4, "each prototype vector has its own scale"
    assert bundle.round_to_int8(torch.zeros(8, 8, 3, 3))[0].abs().max() == 0


def test_maps_are_the_same_bit_for_bit_after_saving(tmp_path):
    """The bundle is loaded, saved elsewhere and loaded again: a loaded model is exactly the stored one."""
    source = tiny.bundle_folder("tiny-brain")
    card, tensors = bundle.load(source)
    bundle.save(tmp_path / "again", card, tensors)
    assert (tmp_path / "again" / bundle.WEIGHTS).read_bytes() == (source / bundle.WEIGHTS).read_bytes()
    image = tiny.brain_image(lesion=True)
    first, second = tiny.detector().detect(image), load_model(str(tmp_path / "again"), "cpu").detect(image)
    assert np.array_equal(first.map, second.map) and np.array_equal(first.labels, second.labels)

    tensors["decoder.stages.0.0.fuse.bias"] += 0.3
    bundle.save(tmp_path / "other", card, tensors)
    changed = load_model(str(tmp_path / "other"), "cpu").detect(image)
    assert not np.array_equal(first.map, changed.map), "the map does not depend on the weights"


def test_verify_and_card(folder):
    card = bundle.verify(folder)
    assert card == bundle.read_card(folder)
    assert (card["name"], card["format"]) == ("tiny-chest", bundle.FORMAT)
    assert list(card["files"]) == [bundle.WEIGHTS, FILE]
    assert card["preprocessing"]["size"] == tiny.SIZE


@pytest.mark.parametrize("position", [0, 8, 5000, -1])
def test_a_changed_byte_is_noticed(folder, position):
    weights = folder / bundle.WEIGHTS
    content = bytearray(weights.read_bytes())
    content[position] ^= 1
    weights.write_bytes(bytes(content))
    bundle.read_card(folder)
    for use in (bundle.verify, bundle.load, lambda path: load_model(str(path), "cpu")):
        with pytest.raises(ModelDamagedError, match="damaged"):
            use(folder)


def test_truncated_and_missing_files_are_noticed(folder):
    weights = folder / bundle.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelDamagedError):
        bundle.verify(folder)
    weights.unlink()
    with pytest.raises(ModelDamagedError, match="lacks its file"):
        bundle.verify(folder)
    (folder / bundle.CARD).unlink()
    with pytest.raises(ModelDamagedError, match="card.json"):
        bundle.read_card(folder)
    with pytest.raises(ModelMissingError):
        bundle.find_bundle(str(folder))


@pytest.mark.parametrize("text", ["", "not json", "[1, 2]", "3", "null", "{}", '{"format": 1}', "\xff"])
def test_a_card_that_is_none_is_refused(folder, text):
    (folder / bundle.CARD).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelDamagedError):
        bundle.read_card(folder)


@pytest.mark.parametrize("field", bundle.REQUIRED)
def test_a_card_without_a_required_field_is_refused(folder, field):
    change_card(folder, lambda card: card.pop(field))
    with pytest.raises(ModelDamagedError) as caught:
        bundle.read_card(folder)
    assert field in caught.value.detail


def test_a_newer_format_is_refused_in_words(folder):
    change_card(folder, lambda card: card.update(format=bundle.FORMAT + 1))
    with pytest.raises(ModelDamagedError, match="another version"):
        bundle.verify(folder)


@pytest.mark.parametrize("change", [
    lambda card: card["network"].update(input_size=128),
    lambda card: card["network"].update(later_invention=1),
    lambda card: card["scoring"].update(terms=["residual"], weights=[1.0]),
    lambda card: card["scoring"].update(terms=["residual", "colour"]),
    lambda card: card["preprocessing"].update(later_invention=1),
    lambda card: card["calibration"].pop("map"),
], ids=["shapes", "unknown network field", "terms", "unknown term", "unknown preparation", "no calibration"])
def test_a_card_that_does_not_fit_its_weights_is_refused(folder, change):
    change_card(folder, change)
    bundle.verify(folder)  # the files are whole
    with pytest.raises(ModelDamagedError, match="does not fit"):
        load_model(str(folder), "cpu")


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "sub/weights"])
def test_a_file_outside_the_bundle_is_never_read(folder, name):
    (folder.parent / "secret.txt").write_text("secret", encoding="utf-8")
    change_card(folder, lambda card: card["files"].update({name: "0" * 64}))
    with pytest.raises(ModelDamagedError, match="outside its folder"):
        bundle.verify(folder)


@pytest.mark.parametrize("files", [[], ["model.safetensors"], {}, None, "model.safetensors", {"other": "0"}])
def test_a_card_that_names_no_weights_is_refused(folder, files):
    change_card(folder, lambda card: card.update(files=files))
    with pytest.raises(ModelDamagedError, match="names no weights"):
        bundle.verify(folder)


@pytest.mark.parametrize("inside", ["", "tiny-chest/"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_as_good_as_a_folder(folder, inside, compression):
    path = zipped(folder, inside, compression)
    assert bundle.find_bundle(str(path)) == path
    card, tensors = bundle.load(path)
    expected_card, expected = bundle.load(folder)
    assert card == expected_card and all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_a_damaged_zip_is_noticed(folder):
    whole = zipped(folder).read_bytes()
    path = folder.parent / "packed.zip"
    for position in range(200, len(whole) - 200, len(whole) // 12):
        content = bytearray(whole)
        content[position:position + 40] = bytes(byte ^ 0xA5 for byte in content[position:position + 40])
        path.write_bytes(bytes(content))
        with pytest.raises(ModelDamagedError):
            bundle.verify(path)
    path.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ModelDamagedError):
        bundle.verify(bundle.find_bundle(str(path)))


def test_names_come_from_the_search_folders(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    with pytest.raises(ModelMissingError) as caught:
        bundle.find_bundle("tiny-chest")
    assert "tiny-chest" in caught.value.message and str(tmp_path / "home") in caught.value.detail

    monkeypatch.setenv("SPMAMBA_MODELS", str(tmp_path / "nowhere") + os.pathsep + str(folder.parent))
    (folder.parent / "no bundle").mkdir()
    zipped(folder)
    names = bundle.available_models()
    assert {"tiny-chest", "packed"} <= set(names) and "no bundle" not in names
    assert bundle.find_bundle("tiny-chest") == folder == bundle.find_bundle(str(folder))

    users = tmp_path / "home" / "spmamba" / "models" / "tiny-chest"
    shutil.copytree(folder, users)
    assert bundle.find_bundle("tiny-chest") == folder, "the environment variable goes before the user's folder"
    monkeypatch.delenv("SPMAMBA_MODELS")
    assert bundle.find_bundle("tiny-chest") == users


def test_a_bundle_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(OutputError):
        bundle.save(tmp_path / "taken", {}, {"a": torch.zeros(3)})
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "a file"


def test_every_file_is_hashed_once(monkeypatch):
    """By who loads a model to detect with it, pictures of the normals included."""
    hashed = []
    checked = bundle._hashed
    monkeypatch.setattr(bundle, "_hashed", lambda path, card, name: hashed.append(name) or checked(path, card, name))
    load_model(str(tiny.bundle_folder("tiny-brain")), "cpu")
    assert sorted(hashed) == [bundle.WEIGHTS, FILE]


def test_a_failure_leaves_the_previous_bundle_whole(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    card, tensors = bundle.load(folder)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OutputError) as caught:
            bundle.save(folder, card, {name: tensor + 1 for name, tensor in tensors.items()})
    assert "No space left" in caught.value.detail
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, "changed, or a part was left behind"
    bundle.verify(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_others_on_the_machine_may_read_a_model(tmp_path):
    previous = os.umask(0o022)
    try:
        bundle.save(tmp_path / "model", {}, {"a": torch.zeros(3)})
    finally:
        os.umask(previous)
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert names == [bundle.CARD, bundle.WEIGHTS]
    assert all((tmp_path / "model" / name).stat().st_mode & 0o777 == 0o644 for name in names)
