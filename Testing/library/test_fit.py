"""A model from one's own normals: it finds what they do not show, goes on when interrupted, says what it is worth."""
from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import SimpleITK as sitk
import tiny
import torch
from pictures import picture, table
from scipy.stats import beta, binom

from SPMambaLib import bundle
from SPMambaLib.cli import main
from SPMambaLib.data.reading import DataSet, read_data
from SPMambaLib.data.samples import Sample
from SPMambaLib.detector import load_model
from SPMambaLib.errors import Cancelled, OutputError, UsageError
from SPMambaLib.evidence.fit import thumbnails
from SPMambaLib.evidence.normal_tiles import FILE, NormalTiles
from SPMambaLib.scoring.reliability import binomial_tail, design_effect, exact_interval, reliability
from SPMambaLib.training import site_model
from SPMambaLib.training.augment import Augmentation
from SPMambaLib.training.recipes import find_recipe
from SPMambaLib.training.site_dataset import plan_of
from SPMambaLib.training.site_model import Limits, augmentation_of, fit_site_model, workbench_of
from SPMambaLib.training.stream import FILMS, Source, drawn, groups, within

FILMS_OF_SITE = 20


def film(number: int, lesion: bool = False) -> np.ndarray:
    """A film of another hospital than the base's: brighter, and with a horizontal gradient."""
    image = 0.7 * tiny.chest_image(200 + number, lesion=lesion).voxels[0] + np.linspace(20, 70, tiny.COLUMNS)
    return image


@cache
def site() -> Path:
    """A folder with 20 normal films of 20 patients."""
    folder = tiny.workshop() / "site"
    for number in range(FILMS_OF_SITE):
        picture(folder / "q{:02d}.png".format(number), film(number))
    return folder


def films() -> DataSet:
    return read_data(folder=site())


def fit(output: Path, data=None, base: str = "tiny-chest", **options):
    return fit_site_model(tiny.bundle_folder(base), films() if data is None else data, output, **options)


@cache
def fitted() -> Path:
    """The model of the site; do not change its files."""
    output = tiny.workshop() / "fitted" / "site-chest"
    output.parent.mkdir()
    fit(output)
    return output


def contents(folder: Path):
    return {name: (folder / name).read_bytes() for name in (bundle.WEIGHTS, bundle.CARD)}


# -- the bundle ------------------------------------------------------------------------------------------------------

def test_a_fitted_model_finds_what_its_normals_do_not_show(tmp_path):
    card = bundle.check_card(bundle.verify(fitted()))
    detector = load_model(str(fitted()), "cpu")
    base = tiny.detector("tiny-chest")
    scores = {}
    for name, lesion in (("normal", False), ("lesion", True)):
        image = tiny.chest_image(0)
        image.voxels[0] = film(70, lesion)
        scores[name] = detector.detect(image, force=True)  # random features find the lesion itself foreign
        if name == "normal":
            foreign = base.detect(image, force=True)
            assert scores[name].input_check.state == "usual" != foreign.input_check.state
            assert foreign.score > 3 * max(scores[name].score, 1.0), "the base knows this hospital already"
    found = scores["lesion"]
    assert found.score > scores["normal"].score + 2 and found.findings
    row, column = np.unravel_index(found.map[0].argmax(), found.map[0].shape)
    assert 23 <= row < 47 and 9 <= column < 29, "on the lesion, or a cell of the grid beside it"
    assert not scores["normal"].findings
    assert card["name"] == "site-chest" and card["title"] == "Tiny chest (fitted on own normals)"


def test_its_tiles_show_its_own_normals():
    """What is normal at this hospital, not at the base's: here films grow brighter from left to right."""
    def tiles(folder: Path) -> np.ndarray:
        card, _, files = bundle.load_whole(folder)
        made = NormalTiles.of(card, files[FILE])
        assert made.patients == (12,) or folder != fitted()
        return made.tiles[0].astype(float).mean(axis=1)  # of all prototypes of a cell

    own, base = tiles(fitted()), tiles(tiny.bundle_folder("tiny-chest"))
    films = np.stack([film(number) for number in range(FILMS_OF_SITE)])
    films = (films - films.min()) / (films.max() - films.min())
    pixels = torch.from_numpy(films).float()[:, None]
    pixels = torch.nn.functional.interpolate(pixels, (tiny.SIZE, tiny.SIZE), mode="bilinear", antialias=True)
    expected = np.pad(thumbnails(pixels, 4).numpy().mean(axis=0), 6)
    for cell in (5, 6, 9, 10):  # those in the middle
        row, column = cell // 4 * 4, cell % 4 * 4
        seen = expected[row:row + 16, column:column + 16]
        assert np.abs(own[cell] - seen).mean() < 0.6 * np.abs(base[cell] - seen).mean()


def test_the_card_says_where_it_comes_from():
    card, base = bundle.read_card(fitted()), bundle.read_card(tiny.bundle_folder("tiny-chest"))
    assert card["base"] == {"name": "tiny-chest", "version": base["version"], "sha256": base["files"][bundle.WEIGHTS]}
    assert card["fitting"]["patients"] == card["fitting"]["prototype_images"] == FILMS_OF_SITE
    assert not card["fitting"]["subsampled"] and "metrics" not in card and "minutes" not in str(card)
    assert card["calibration"]["normals"] == FILMS_OF_SITE and card["calibration"]["patients"] == FILMS_OF_SITE
    sentence = card["fitting"]["false_positive_rate"]["sentence"]
    assert sentence == "1 in 20: measured on 20 held-out images of 20 patients, true rate between 0.1 and 25 % (95 %)"
    assert sentence in card["limits"] and "20 patients" in card["data"]
    for part in ("preprocessing", "network", "scoring", "plane", "modality"):
        assert card[part] == base[part]


def test_what_the_base_has_learned_stays():
    old, new = (bundle.load(folder)[1] for folder in (tiny.bundle_folder("tiny-chest"), fitted()))
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert {name for name in changed if not name.startswith("input_check.")} == {
        "prototypes.vectors", "scale.mean", "scale.spread", "scale.centre", "scale.unit"}


def test_the_same_images_make_the_same_bytes(tmp_path):
    fit(tmp_path / "site-chest")
    assert contents(tmp_path / "site-chest") == contents(fitted())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site-chest"], "nothing is left over"


def test_the_variation_is_that_of_the_base():
    card = bundle.read_card(fitted())
    assert augmentation_of(card) == Augmentation(**card["fitting"]["augmentation"])
    assert augmentation_of({"name": "chest-xray"}) == find_recipe("chest-xray").augmentation
    assert augmentation_of({"name": "brain-flair"}).flip and augmentation_of({"name": "x", "region": "head"}).flip


def test_a_fitted_model_can_be_a_base(tmp_path):
    card = fit_site_model(fitted(), films(), tmp_path / "again", title="Ours")
    assert (card["base"]["name"], card["title"]) == ("site-chest", "Ours")


# -- which images ----------------------------------------------------------------------------------------------------

def manifest(folder: Path, label: str) -> DataSet:
    """The site's films with two lesions under `label`, and a film that is there twice."""
    rows = [{"path": str(path), "label": "normal", "patient": path.stem} for path in sorted(site().iterdir())]
    for number in (80, 81):
        picture(folder / "x{}.png".format(number), film(number, lesion=True))
        rows.append({"path": "x{}.png".format(number), "label": label, "patient": "x{}".format(number)})
    return read_data(manifest=table(folder / "m.csv", [*rows, dict(rows[0], patient="twin")]))


def test_abnormal_images_are_left_out_and_counted(tmp_path):
    card = fit(tmp_path / "site-chest", manifest(tmp_path, "pneumonia"))
    assert card["fitting"]["left_out"] == {"not_normal": 2, "duplicates": 1}
    assert contents(tmp_path / "site-chest")[bundle.WEIGHTS] == contents(fitted())[bundle.WEIGHTS]
    assert card["calibration"] == bundle.read_card(fitted())["calibration"]


def test_an_abnormal_image_called_normal_does_change_the_model(tmp_path):
    card = fit(tmp_path / "site-chest", manifest(tmp_path, "normal"))
    assert card["fitting"]["left_out"]["not_normal"] == 0
    assert card["files"] != bundle.read_card(fitted())["files"]


@pytest.mark.parametrize("choice, message", [
    (lambda s: s[:19], "At least 20 normal images are needed to fit a model; there are 19."),
    (lambda s: [Sample(x.path, "normal", "anna") for x in s], "Normal images of at least 2 patients are needed"),
    (lambda s: [Sample(x.path, "flu", x.patient) for x in s], "None of the 20 chosen images is labelled normal")])
def test_too_few_normals_are_refused_in_one_sentence(tmp_path, choice, message):
    with pytest.raises(UsageError, match=message):
        fit(tmp_path / "out", DataSet("manifest", choice(films().samples)))
    assert not (tmp_path / "out").exists()


def test_two_patients_are_enough(tmp_path):
    data = DataSet("manifest", [Sample(s.path, "normal", "ab"[n % 2]) for n, s in enumerate(films().samples)])
    card = fit(tmp_path / "out", data)
    worth = card["fitting"]["false_positive_rate"]
    assert (worth["patients"], worth["effective_images"]) == (2, 2) and worth["high"] > 0.9
    assert bundle.check_card(card)


def test_volumes_keep_their_levels(tmp_path):
    for patient in range(3):
        image = tiny.brain_image(300 + patient)
        written = sitk.GetImageFromArray(image.voxels)
        written.SetSpacing(tiny.SPACING)
        (tmp_path / "v").mkdir(exist_ok=True)
        sitk.WriteImage(written, str(tmp_path / "v" / "w{}.nii.gz".format(patient)))
    card = fit(tmp_path / "out", read_data(folder=tmp_path / "v"), "tiny-brain")
    assert card["calibration"]["map"]["unit"] == "slice" and card["fitting"]["prototype_images"] >= 20
    vectors = bundle.load(tmp_path / "out")[1]["prototypes.vectors"]
    assert (vectors[0] - vectors[1]).abs().mean() > 1e-3, "both heights have the same prototypes"
    detector = load_model(str(tmp_path / "out"), "cpu")
    score = {lesion: detector.detect(tiny.brain_image(310, lesion=lesion)).score for lesion in (False, True)}
    assert score[True] > score[False] + 1


def test_patients_are_held_out_when_many_and_judged_in_turn_when_few():
    for patients, crossed in ((1100, False), (400, True), (30, True), (3, True)):
        sources = [Source(Sample(Path("x"), "normal", str(n % patients)), str(n)) for n in range(2 * patients)]
        plan = plan_of(sources)
        assert plan.crossed == crossed
        for fold in plan.folds:
            sides = [{source.sample.patient for source in side} for side in (fold.fitted, fold.assessed)]
            assert not sides[0] & sides[1] and all(sides)
        assessed = [source.sha256 for fold in plan.folds for source in fold.assessed]
        assert len(assessed) == len(set(assessed)) and (len(assessed) == len(sources)) == crossed
        assert crossed or plan.fitted == plan.folds[0].fitted


# -- memory ----------------------------------------------------------------------------------------------------------

def test_memory_is_bounded_and_the_card_says_so(tmp_path, monkeypatch):
    for number in range(24):
        picture(tmp_path / "films" / "r{:02d}.png".format(number), film(number))
    monkeypatch.setattr(site_model, "images_within", lambda network, limits: 21)
    card = fit(tmp_path / "out", read_data(folder=tmp_path / "films"))
    fitting = card["fitting"]
    assert fitting["subsampled"] and fitting["prototype_images"] == 21
    assert "prototypes of 21 of at least 24 images" in card["data"]


def test_no_more_images_than_allowed_come_out():
    assert drawn(5, 9, 0).tolist() == [0, 1, 2, 3, 4]
    few = drawn(100, 7, 3)
    assert len(few) == 7 and (np.diff(few) > 0).all() and few.tolist() == drawn(100, 7, 3).tolist()
    assert few.tolist() != drawn(100, 7, 4).tolist() and (few // (100 / 7)).astype(int).tolist() == list(range(7))
    sources = [Source(Sample(Path("{}.nii.gz".format(n)), "normal", str(n)), "{:03d}".format(n * 37 % 100))
               for n in range(100)]
    for images in (10, 100, 250):
        kept = within(sources, images)
        assert len(kept) == min(images, 100) and sum(source.quota for source in kept) <= images
    shuffled = within(sources[::-1], 10)
    assert {source.sha256 for source in shuffled} == {source.sha256 for source in within(sources, 10)}


def test_films_go_together_and_volumes_alone():
    def sizes(names, plane):
        return [len(g) for g in groups([Source(Sample(Path(name), "normal", name), name) for name in names], plane)]

    assert sizes(["x.dcm"] * 35, "native") == [FILMS, FILMS, 3]
    assert sizes(["a.png", "b.nii.gz", "c.png", "d.png", "e.nrrd"], "axial") == [1, 1, 2, 1]


def test_memory_for_features_is_kept():
    network = tiny.network()
    grid, channels = network.config.prototype_grid, network.config.prototype_channels
    limit = site_model.images_within(network, Limits(feature_bytes=1 << 24))
    assert limit * 2 * 2 * channels * grid ** 2 <= 1 << 24 < (limit + 1) * 2 * 2 * channels * grid ** 2


# -- interruption ----------------------------------------------------------------------------------------------------

KILLED = """
import os, sys
from pathlib import Path
from SPMambaLib.data.reading import read_data
from SPMambaLib.training import site_model
def progress(fraction, text):
    if text.startswith(sys.argv[4]):
        os._exit(9)
site_model.fit_site_model(Path(sys.argv[1]), read_data(folder=Path(sys.argv[2])), Path(sys.argv[3]), progress=progress)
"""


def test_killed_and_started_again_it_makes_the_same_bundle(tmp_path, monkeypatch):
    output = tmp_path / "site-chest"
    for moment in ("features of", "scoring"):
        arguments = [str(tiny.bundle_folder("tiny-chest")), str(site()), str(output), moment]
        root = str(Path(__file__).resolve().parents[2])
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=root, timeout=120,
                              env=dict(os.environ, PYTHONPATH=root))
        assert done.returncode == 9 and not output.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in workbench_of(output).iterdir()}
    assert len(kept) >= 4

    made = []
    real = site_model.Passes._features
    monkeypatch.setattr(site_model.Passes, "_features", lambda self, group: made.append(group) or real(self, group))
    fit(output)
    assert not made, "features were made again"
    assert contents(output) == contents(fitted())
    assert not workbench_of(output).exists()


def test_cancelling_leaves_no_bundle(tmp_path, capsys, monkeypatch):
    output = tmp_path / "out"
    real = site_model.Passes.terms

    def interrupted(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(site_model.Passes, "terms", interrupted)
    arguments = ["fit", "--folder", str(site()), "--base", str(tiny.bundle_folder("tiny-chest"))]
    assert main([*arguments, "--output", str(output)]) == Cancelled.exit_code
    assert "goes on from here" in capsys.readouterr().err
    assert not output.exists() and workbench_of(output).is_dir()


def test_a_damaged_intermediate_result_is_made_anew(tmp_path):
    bench = site_model.Workbench(tmp_path / "w")
    first = bench.once("k", lambda: {"x": torch.ones(3)})
    (tmp_path / "w" / "k.safetensors").write_bytes(b"cut")
    again = bench.once("k", lambda: {"x": torch.ones(3)})
    assert torch.equal(first["x"], again["x"]) and torch.equal(bench.load("k")["x"], again["x"])
    (tmp_path / "w" / "note.txt").write_text("somebody else's")
    with pytest.raises(OutputError, match="start again"):
        bench.load("other")
    bench.remove()
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["note.txt"]


def test_a_former_bundle_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    output = tmp_path / "out"
    card = bundle.read_card(fitted())
    bundle.save(output, card, {"x": torch.ones(1)})
    (output / bundle.RUN_LOG).write_text("of the first")
    bundle.save(output, dict(card, name="second"), {"x": torch.ones(1)})
    assert not (output / bundle.RUN_LOG).exists()
    assert bundle.verify(output)["name"] == "second" and [path.name for path in tmp_path.iterdir()] == ["out"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="not a model"):
        fit(tmp_path / "mine")


# -- the command line ------------------------------------------------------------------------------------------------

def test_installed_it_is_found_by_name(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    base = str(tiny.bundle_folder("tiny-chest"))
    assert main(["fit", "--folder", str(site()), "--base", base, "--install", "--title", "Ours"]) == 0
    out = capsys.readouterr().out
    assert "Base       tiny-chest" in out and "1 in 20: measured on 20 held-out images" in out
    assert bundle.find_bundle("tiny-chest-own") == tmp_path / "spmamba" / "models" / "tiny-chest-own"
    assert main(["models", "show", "tiny-chest-own"]) == 0
    assert "Ours" in capsys.readouterr().out


def test_without_an_obvious_base_it_asks(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bundle, "search_folders", lambda: [tmp_path])
    arguments = ["fit", "--folder", str(site()), "--output", str(tmp_path / "out")]
    assert main(arguments) == UsageError.exit_code
    assert "--base" in capsys.readouterr().err
    monkeypatch.setattr(bundle, "search_folders", lambda: [tiny.bundle_folder("tiny-chest").parent])
    from SPMambaLib.commands.fit import obvious_base

    tiny.bundle_folder("tiny-brain")
    assert Path(obvious_base(films().samples[0].path)) == tiny.bundle_folder("tiny-chest")


@pytest.mark.parametrize("more", [["--name", "a/b"], ["--name", ".."], ["--feature-memory", "0"]])
def test_options_without_sense(tmp_path, more):
    arguments = ["fit", "--folder", str(site()), "--base", str(tiny.bundle_folder("tiny-chest"))]
    assert main([*arguments, "--output", str(tmp_path / "out"), *more]) == UsageError.exit_code


# -- what a rate is worth --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("n", [1, 8, 20, 137, 1000])
def test_the_exact_interval_is_that_of_clopper_and_pearson(n):
    for events in sorted({0, 1, n // 20, n // 2, n - 1, n}):
        low, high = exact_interval(events, n)
        assert low == pytest.approx(0.0 if events == 0 else beta.ppf(0.025, events, n - events + 1), abs=1e-9)
        assert high == pytest.approx(1.0 if events == n else beta.ppf(0.975, events + 1, n - events), abs=1e-9)
        assert binomial_tail(events, n, 0.3) == pytest.approx(binom.sf(events - 1, n, 0.3), abs=1e-12)


def test_the_interval_covers_the_true_rate():
    """Thresholds read off few normals of patients who resemble themselves: the truth lies inside almost always."""
    random = np.random.default_rng(0)
    patients = [str(n // 4) for n in range(80)]
    inside = []
    for _ in range(300):
        peaks = (random.normal(size=20).repeat(4) + 0.5 * random.normal(size=80)) / 1.25 ** 0.5
        threshold = np.quantile(peaks, 0.95, method="higher")
        from math import erfc

        truth = 0.5 * erfc(threshold / 2 ** 0.5)
        worth = reliability(0.05, peaks, patients)
        inside.append(worth.low <= truth <= worth.high)
    assert np.mean(inside) >= 0.93


def test_images_of_one_patient_are_worth_less():
    random = np.random.default_rng(0)
    patients = [str(n // 10) for n in range(100)]
    alike, unlike = random.normal(size=10).repeat(10), random.normal(size=100)
    assert design_effect(alike, patients) == pytest.approx(10.0)
    assert design_effect(unlike, patients) < 2.5
    assert design_effect(unlike, [str(n) for n in range(100)]) == 1.0
    assert design_effect(unlike[:40], patients[:40]) == pytest.approx(10.0), "four patients cannot tell"
    assert design_effect(unlike[:10], patients[:10]) == 10.0
    assert reliability(0.05, alike, patients).effective == 10
    worth = reliability(0.05, unlike[:8], list("abcdefgh"))
    assert worth.sentence() == ("1 in 20: measured on 8 held-out images of 8 patients, true rate between 0 and 53 % "
                                "(95 %)")
    assert asdict(worth)["effective"] == 8


@pytest.mark.parametrize("centred", [False, True])
def test_a_whitened_model_is_whitened_from_training_to_detection_and_stays_so(tmp_path, centred):
    """Its space is fitted before the prototypes, shipped, used in detection, and kept by a fit of one's own, but for
    the centres of cells, which tell what is usual there."""
    recipe = tiny.TINY_RECIPES["tiny-chest"]
    whitened = replace(recipe, network=dict(recipe.network, prototype_space="whitened", prototype_scales=2,
                                            prototype_centred=centred))
    with mock.patch.dict(tiny.TINY_RECIPES, {"tiny-chest": whitened}):
        base = tiny.make_bundle("tiny-chest", tmp_path / "base")
    tensors = bundle.load(base)[1]
    matrix, centre = tensors["prototypes.space.matrix"], tensors["prototypes.space.centre"]
    assert (matrix - torch.eye(len(matrix))).abs().max() > 0.1 and centre.abs().max() > 0

    detector, normal = load_model(str(base), "cpu"), tiny.chest_image(100)
    score = detector.detect(normal).score
    detector.network.prototypes.space.matrix.copy_(torch.eye(len(matrix)))
    assert detector.detect(normal).score > score + 1.5, "prototypes of another space explain nothing"

    fit_site_model(base, films(), tmp_path / "own")
    own = bundle.load(tmp_path / "own")[1]
    assert torch.equal(own["prototypes.space.matrix"], matrix)
    assert torch.equal(own["prototypes.space.centre"], centre) != centred
    assert not torch.equal(own["prototypes.vectors"], tensors["prototypes.vectors"])
