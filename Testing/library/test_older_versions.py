"""What earlier versions wrote is read in the present words: bundles, jobs, results, evidence."""
from __future__ import annotations

import io
import json

import numpy as np
import pytest
import tiny
from safetensors.numpy import load_file, save_file

from SPMambaLib import bundle
from SPMambaLib.detector import load_model
from SPMambaLib.errors import ModelDamagedError, UnreadableFileError
from SPMambaLib.evidence.record import Evidence
from SPMambaLib.older_versions import CARD_KEYS, FILES, TENSORS, forced, present_result
from SPMambaLib.worker.protocol import JOB_FILE, Job


def as_version_2(source, folder):
    """A copy of a bundle in the words of format 2, as that version wrote it."""
    folder.mkdir()
    card = json.loads((source / "card.json").read_text(encoding="utf-8"))
    for path, present in reversed(CARD_KEYS):
        inner = card
        for key in path[:-1]:
            inner = inner.get(key, {})
        if present in inner:
            inner[path[-1]] = inner.pop(present)
    former = {present: old for old, present in TENSORS.items()}
    tensors = {former.get(name, name).replace("input_check.", "fitness."): value
               for name, value in load_file(source / bundle.WEIGHTS).items()}
    save_file(tensors, folder / bundle.WEIGHTS)
    for old, present in FILES.items():
        if (source / present).is_file():
            (folder / old).write_bytes((source / present).read_bytes())
    card["files"] = {path.name: bundle._sha256(path.read_bytes()) for path in sorted(folder.iterdir())}
    card["format"] = 2
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def test_a_bundle_of_format_2_gives_the_same_maps(tmp_path):
    older = as_version_2(tiny.bundle_folder("tiny-brain"), tmp_path / "tiny-brain")
    text = (older / "card.json").read_text(encoding="utf-8")
    assert '"fitness"' in text and '"prototype_levels"' in text and '"typical"' in text, "it speaks the former words"
    image = tiny.brain_image(lesion=True)
    now, then = (load_model(str(path), "cpu").detect(image) for path in (tiny.bundle_folder("tiny-brain"), older))
    assert np.array_equal(now.map, then.map) and np.array_equal(now.labels, then.labels)
    assert now.input_check == then.input_check and then.input_check is not None
    assert len(then.evidence.tiles) == len(now.evidence.tiles) > 0


def test_another_format_is_refused(tmp_path):
    """Negative control."""
    older = as_version_2(tiny.bundle_folder("tiny-brain"), tmp_path / "tiny-brain")
    card = json.loads((older / "card.json").read_text(encoding="utf-8"))
    (older / "card.json").write_text(json.dumps(dict(card, format=1)), encoding="utf-8")
    with pytest.raises(ModelDamagedError):
        bundle.read_card(older)


@pytest.mark.parametrize(
    "words, expected",
    [
        ({"on_misfit": "mark"}, True),
        ({"on_misfit": "refuse"}, False),
        ({}, False),
        ({"force": True}, True),
        ({"force": False, "on_misfit": "mark"}, False),
    ],
)
def test_jobs_of_both_versions(tmp_path, words, expected):
    assert forced(words) is expected
    Job(np.zeros((4, 4, 4), np.float32), np.eye(4), "m").write(tmp_path)
    job = json.loads((tmp_path / JOB_FILE).read_text(encoding="utf-8"))
    del job["force"]
    (tmp_path / JOB_FILE).write_text(json.dumps({**job, **words}), encoding="utf-8")
    assert Job.read(tmp_path).force is expected


def test_a_result_of_before():
    result = present_result({"fitness": {"state": "marked"}, "slices": [{"index": 0, "level": 0.25}], "score": 1.0})
    assert result == {"input_check": {"state": "flagged"}, "slices": [{"index": 0, "slice_height": 0.25}], "score": 1.0}


def test_evidence_of_before():
    evidence = tiny.detector("tiny-brain").detect(tiny.brain_image(lesion=True)).evidence
    with np.load(io.BytesIO(evidence.to_bytes())) as arrays:
        kept = {"places" if name == "blocks" else name: arrays[name] for name in arrays.files}
    stream = io.BytesIO()
    np.savez(stream, **kept)
    assert np.array_equal(Evidence.from_bytes(stream.getvalue()).blocks, evidence.blocks)
    del kept["places"]
    stream = io.BytesIO()
    np.savez(stream, **kept)
    with pytest.raises(UnreadableFileError):
        Evidence.from_bytes(stream.getvalue())
