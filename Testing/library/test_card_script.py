"""The script for a graphics card: its stand-in runs to the end and goes on where it was; pages claim nothing more."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import card_training, mamba_source, roofline, speed_page

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "Testing" / "benchmarks" / "card.sh"
RESULTS = ROOT / "Testing" / "benchmarks" / "results"
NEVER = ("README.md", "Resources/Docs/engineer/speed.md", "Testing/benchmarks/SPEED.md")
CARD = r"(?:GPU|graphics card|CUDA|RTX \w+|GTX \w+|Tesla|Quadro|[AHLTV]\d{2,3}\b)"
FIGURE = r"\d[\d.]*\s*(?:ms|s|min|times|x|slices|images|GFLOP/s|TFLOP/s|GB/s)\b"
CLAIM = re.compile(r"\b(?:[Oo]n|[Ww]ith) (?:a|an|one|the)? ?(?:NVIDIA )?{0}[^.|]*?{1}|{1}[^.|]*? on (?:a|an|one|the)? ?"
                   r"(?:NVIDIA )?{0}".format(CARD, FIGURE))


# -- the script ------------------------------------------------------------------------------------------------------

def run(folder, **environment):
    done = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True, timeout=1500, cwd="/", env={
        **os.environ, "CARD_DEVICE": "cpu", "CARD_OUTPUT": str(folder), "CARD_SECONDS": "1200",
        "PYTHON": sys.executable, **environment})
    return done.returncode, [line.split(",")[0].split() for line in done.stdout.splitlines()], done.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_stand_in_runs_to_the_end_and_goes_on_where_it_was(tmp_path):
    status, lines, said = run(tmp_path)
    steps = ["doctor", "parity", "roofline", "scan_1", "detect_compact_single", "train_compact_1", "training"]
    assert status == 0, said
    assert [line[1] for line in lines if line[0] == "done"] == steps
    assert [line[1] for line in lines if line[0] == "failed"] == ["mamba"], "a line, and not the end"
    results = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "results").glob("card_*.json")}
    assert sorted(results) == sorted("card_" + name for name in steps[2:])
    for result in results.values():
        assert result["machine"]["device"] == "cpu" and result["machine"]["date"] and result["command"]
        assert speed_page.SECTIONS[result["benchmark"]](dict(result, file="x.json")), "the page can show it"
    assert not list(RESULTS.glob("card_*.json")) or all(
        json.loads(path.read_text())["machine"]["device"] != "cpu" for path in RESULTS.glob("card_*.json"))
    (tmp_path / "done" / "roofline").unlink()
    status, lines, said = run(tmp_path)
    assert status == 0 and [line[1] for line in lines if line[0] == "done"] == ["roofline"], said
    assert [line[1] for line in lines if line[0] == "before"] == [name for name in steps if name != "roofline"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_without_time_nothing_is_begun(tmp_path):
    status, lines, said = run(tmp_path, CARD_SECONDS="0")
    assert status == 3 and {line[0] for line in lines[:-1]} == {"later"}, said


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_step_that_fails_is_said_and_tried_again(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho the driver is gone >&2\nexit 7\n")
    broken.chmod(0o755)
    for _ in range(2):
        status, lines, said = run(tmp_path / "out", PYTHON=str(broken))
        assert status == 1 and "failed  doctor, status 7: the driver is gone" in said
        assert not [line for line in lines if line[0] in ("done", "before")]


def test_the_training_learns(monkeypatch):
    """The losses are those of the real training loop: they fall."""
    import torch

    result = card_training.train(torch.device("cpu"), "compact", 2, 6, 0.0)
    losses = [row["loss"] for row in result["rows"]]
    assert len(losses) == result["steps"] == 6 and losses[-1] < losses[0]


def test_the_work_of_a_scan_is_counted():
    operations, moved = roofline.work(64, 2, paths=8, states=16)
    assert operations == 2 * 8 * 64 * 1024 * (7 * 16 + 6)
    assert moved == 4 * (2 * 2 * 64 * 1024 + 2 * 8 * 64 * 1024 + 2 * 2 * 8 * 64 * 16) + 8 * 8 * 64


DISPATCH = """
    if (ITYPE == at::ScalarType::Half) { A } else if (ITYPE == at::ScalarType::BFloat16) { B } else if (ITYPE == at::ScalarType::Float) { C }
    if (WTYPE == at::ScalarType::Float) { D } else if (WTYPE == at::ScalarType::ComplexFloat) { E } else { F }
"""  # noqa: E501


def test_only_the_kernels_of_float32_are_asked_for():
    text = mamba_source.float_only(DISPATCH)
    assert [letter for letter in "ABCDEF" if "{{ {} }}".format(letter) in text] == ["C", "D", "F"]
    with pytest.raises(ValueError, match="not known"):
        mamba_source.float_only(text)


# -- what the pages claim --------------------------------------------------------------------------------------------

def of_a_card():
    """Result files that were measured on a card."""
    found = []
    for path in RESULTS.glob("*.json"):
        device = json.loads(path.read_text()).get("machine", {}).get("device", "cpu")
        found += [path.name] if device != "cpu" else []
    return found


def claims(text):
    return [match.group() for match in CLAIM.finditer(re.sub(r"\s*\n(?!\s*[\n|*#-])", " ", text))]


def pages():
    return [*ROOT.glob("*.md"), *(ROOT / "Resources").rglob("*.md"), *(ROOT / "Testing").rglob("*.md")]


def test_pages_say_that_nothing_ran_on_a_card_until_it_did():
    for name in NEVER:
        text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
        assert bool(re.search(r"has never run on (a graphics card|one)", text)) == (not of_a_card()), name


def test_no_page_claims_a_figure_of_a_card_without_a_result():
    if of_a_card():
        pytest.skip("there are results of a card")
    found = {path.name: claims(path.read_text(encoding="utf-8")) for path in pages()}
    assert not {name: texts for name, texts in found.items() if texts}


@pytest.mark.parametrize("text, claim", [
    ("A volume takes 1.8 s on an RTX 4090.", True), ("On a graphics card a slice\ntakes 3 ms.", True),
    ("It is 5 times faster on a GPU.", True), ("On an A100 the scan reaches 900 GB/s", True),
    ("On two CPU cores a slice takes 55 ms.", False), ("A graphics card is not needed.", False),
])
def test_claims_are_recognised(text, claim):
    assert bool(claims(text)) == claim


def test_every_result_says_its_device():
    """In the file, or in the list beside the files."""
    listed = (RESULTS / "README.md").read_text(encoding="utf-8")
    for path in RESULTS.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        patterns = [path.name, re.sub(r"_.*", "_*.json", path.name), re.sub(r"_[^_]*\.json", "_*.json", path.name)]
        assert re.search(r'"(device|machine)"', text) or any(each in listed for each in patterns), path.name
