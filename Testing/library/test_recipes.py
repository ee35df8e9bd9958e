"""A stranger's images, labels and recipe end in a working model; no data set stands in the library."""
from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import tiny

from SPMambaLib import bundle
from SPMambaLib.cli import main
from SPMambaLib.detector import load_model
from SPMambaLib.errors import UnreadableFileError, UsageError
from SPMambaLib.training.data import read_normals
from SPMambaLib.training.recipes import Recipe, available_recipes, find_recipe

ROOT = Path(__file__).resolve().parents[2]


def recipe_file(folder: Path, **changes) -> Path:
    """A recipe as a user writes it: only what differs from what is usual."""
    path = folder / "our-films.json"
    data = {
        "card": {
            "title": "Our films",
            "purpose": "Tests.",
            "not_for": "Patients.",
            "modality": ["CR"],
            "plane": "native",
            "region": "chest",
        },
        "preprocessing": {"size": tiny.SIZE, "crop": "none"},
        "network": dict(tiny.NETWORK, prototype_height_bins=1),
        "scoring": {"grid": 16, "summary": "mean"},
        "training": {"steps": 6, "batch": 4},
        "held_out": 0.55,
    }
    path.write_text(json.dumps({**data, **changes}), encoding="utf-8")
    return path


@pytest.fixture
def films(tmp_path):
    """Films under other names and labels than any that the library has seen, sick and test ones among them."""
    folder = tmp_path / "Röntgen 2026"
    rows = []
    for n, path in enumerate(sorted((tiny.workshop() / "chest").glob("*.png"))):
        target = folder / "ward {}".format(n % 3) / "IMG_{:04d}.PNG".format(n)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        rows.append({"path": str(target.relative_to(tmp_path)), "patient": path.name[:3],
                     "label": "Healthy" if n % 11 else "effusion", "split": "" if n % 9 else "test"})
    manifest = tmp_path / "mine.csv"
    with open(manifest, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return manifest, rows


def test_too_few_held_out_are_noticed_before_the_training(tmp_path, films, capsys):
    manifest, _ = films
    recipe = recipe_file(tmp_path, held_out=0.3)
    assert main(["train", str(recipe), "--manifest", str(manifest), "--output", str(tmp_path / "out"), "--teacher",
                 str(tiny.workshop() / "teacher.safetensors")]) == 2
    assert "are held out for the thresholds, and 20 are needed" in capsys.readouterr().err


def test_a_strangers_manifest_and_recipe_make_a_model(tmp_path, films, capsys):
    manifest, rows = films
    output = tmp_path / "our-model"
    assert main(["train", str(recipe_file(tmp_path)), "--manifest", str(manifest), "--output", str(output), "--teacher",
                 str(tiny.workshop() / "teacher.safetensors"), "--name", "ward", "--data", "Films of our ward."]) == 0
    card = bundle.read_card(output)
    assert (card["name"], card["title"], card["data"]) == ("ward", "Our films", "Films of our ward.")
    used = [row for row in rows if row["label"] == "Healthy" and row["split"] == ""]
    assert card["training"]["images"] + card["training"]["held_out_images"] == len(used) < len(rows)
    detection = load_model(str(output), "cpu").detect(tiny.chest_image(lesion=True), force=True)
    assert detection.map.shape == tiny.chest_image().voxels.shape
    assert "normals" in capsys.readouterr().out


def test_a_folder_will_do(tmp_path, films):
    """Nothing is said of the images: all are normal, a sub-folder is a patient; the card tells how many there were."""
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    samples = read_normals(folder, ())
    assert len(samples) == len(films[1]) and {sample.patient for sample in samples} == {"ward 0", "ward 1", "ward 2"}
    assert (
        main(
            [
                "train",
                str(recipe_file(tmp_path)),
                "--folder",
                str(folder),
                "--output",
                str(tmp_path / "m"),
                "--teacher",
                str(tiny.workshop() / "teacher.safetensors"),
            ]
        )
        == 0
    )
    assert "{:,} normal images of 3 patients".format(len(samples)) in bundle.read_card(tmp_path / "m")["data"]


def test_the_teacher_of_an_installed_model_is_taken(tmp_path, films, monkeypatch):
    monkeypatch.setenv("SPMAMBA_MODELS", str(tiny.bundle_folder("tiny-chest").parent))
    recipe = recipe_file(tmp_path, base="tiny-chest")
    assert main(["train", str(recipe), "--manifest", str(films[0]), "--output", str(tmp_path / "m")]) == 0
    made, base = (bundle.load(path)[1] for path in (tmp_path / "m", tiny.bundle_folder("tiny-chest")))
    assert all((made[name] == base[name]).all() for name in base if name.startswith("teacher."))


def test_labels_and_splits_choose(films):
    manifest, rows = films
    names = {sample.name for sample in read_normals(manifest, ())}
    assert names == {row["path"] for row in rows if row["label"] == "Healthy" and not row["split"]}
    with pytest.raises(UsageError, match="only normal ones"):
        read_normals(manifest, ["*IMG_0000*"])


def test_shipped_recipes_are_found_by_name_and_ones_own_by_folder(tmp_path, monkeypatch):
    assert {"brain-flair", "chest-xray"} <= set(available_recipes())
    for name in ("brain-flair", "chest-xray"):
        recipe, card = find_recipe(name), bundle.read_card(bundle.find_bundle(name))
        assert card["network"].items() <= recipe.network_config().to_dict().items() and recipe.scoring.to_dict() == {
            key: tuple(value) if isinstance(value, list) else value for key, value in card["scoring"].items()}
    recipe_file(tmp_path)
    monkeypatch.setenv("SPMAMBA_RECIPES", str(tmp_path))
    assert "our-films" in available_recipes() and find_recipe("our-films").card["title"] == "Our films"


@pytest.mark.parametrize("changes", [{"card": {"title": "x"}}, {"surprise": 1}, {"held_out": 1.5}, {"format": 9},
                                     {"network": {"prototype_match": "nothing"}}, {"scoring": {"terms": ["x"]}}])
def test_a_recipe_that_makes_no_sense_is_refused(tmp_path, changes):
    with pytest.raises(UnreadableFileError) as caught:
        find_recipe(str(recipe_file(tmp_path, **changes)))
    assert caught.value.code == "recipe-damaged" and "our-films.json" in caught.value.message
    (tmp_path / "our-films.json").write_text("not JSON")
    with pytest.raises(UnreadableFileError):
        find_recipe(str(tmp_path / "our-films.json"))
    with pytest.raises(UsageError, match="chest-xray"):
        find_recipe("no-such-recipe")


def test_no_data_set_stands_in_the_library():
    """Paths, patients' hospitals and card texts are data."""
    pattern = re.compile(r"kermany|tcga|cxr_|lgg_", re.IGNORECASE)
    files = [path for path in (ROOT / "SPMambaLib").rglob("*.py") if path.name != "layouts.py"]  # which reads them
    found = [path.name for path in files if pattern.search(path.read_text(encoding="utf-8"))]
    assert not found
    assert isinstance(find_recipe("chest-xray"), Recipe)
