"""Is this the kind of image the model is for, by what the image says of itself?"""
from __future__ import annotations

import pytest

from SPMambaLib.errors import UnsupportedImageError
from SPMambaLib.input_check.stated import check, stated_contrast

BRAIN = {"title": "Brain FLAIR", "modality": ["MR"], "contrast": "FLAIR", "plane": "axial", "on_mismatch": "warn"}
CHEST = {"title": "Chest X-ray", "modality": ["CR", "DX"], "contrast": "", "plane": "native", "on_mismatch": "warn"}

HEAD, FILM = dict(BRAIN, region="head"), dict(CHEST, region="chest")


def codes(card, facts, is_volume=True):
    return [notice.code for notice in check(card, facts, is_volume=is_volume)]


@pytest.mark.parametrize("description, contrast", [
    ("AX FLAIR", "FLAIR"), ("t2_tirm_tra_dark-fluid", "FLAIR"), ("T2 FLAIR FS", "FLAIR"), ("T2FLAIR", "FLAIR"),
    ("3DFLAIR_sag", "FLAIR"), ("T2w_FLAIR", "FLAIR"), ("BraTS-GLI-00001-000-t2f", "FLAIR"),
    ("T1 FLAIR", "T1"), ("Ax T1_FLAIR", "T1"), ("T1w-FLAIR", "T1"),
    ("t1_mprage_sag", "T1"), ("MPRAGE", "T1"), ("SPGR 3D", "T1"), ("T1w", "T1"), ("post t1c", "T1"),
    ("t1_tse_tra", "T1"), ("t2_tse_tra", "T2"), ("T2w", "T2"), ("BraTS-GLI-00001-000-t2w", "T2"),
    ("ep2d_diffusion ADC", "DWI"), ("SWI_mIP", "SWI"),
    ("", ""), ("localizer", ""), ("patient12", ""), ("start10", ""), ("T10 spine", ""), ("PET2", "")])
def test_contrast_from_words(description, contrast):
    assert stated_contrast({"description": description}) == contrast
    assert stated_contrast({"protocol": description}) == contrast


def test_contrast_from_the_file_name_only():
    assert stated_contrast({"path": "/data/sub-01_FLAIR.nii.gz"}) == "FLAIR"
    assert stated_contrast({"path": "C:\\data\\sub-01_T1w.nii.gz"}) == "T1"
    assert stated_contrast({"path": "/data/FLAIR/scan.nii.gz"}) == ""


def test_contrast_from_the_timing():
    assert stated_contrast({"inversion_time": 2500.0, "echo_time": 120.0}) == "FLAIR"
    assert stated_contrast({"inversion_time": 900.0, "echo_time": 3.0}) == ""  # an MPRAGE
    assert stated_contrast({"inversion_time": None, "echo_time": None}) == ""
    assert stated_contrast({"description": "T1", "inversion_time": 2500.0, "echo_time": 120.0}) == "T1"


@pytest.mark.parametrize("echo, repetition, sequence, contrast", [
    (12.0, 500.0, "SE", "T1"), (95.0, 4000.0, "SE", "T2"), (95.0, 4000.0, "SE\\IR", ""), (95.0, 4000.0, "", ""),
    (12.0, 4000.0, "SE", ""), (3.0, 8.0, "GR", ""), (None, None, "SE", "")])
def test_contrast_of_a_spin_echo_from_its_times(echo, repetition, sequence, contrast):
    facts = {"echo_time": echo, "repetition_time": repetition, "scanning_sequence": sequence}
    assert stated_contrast(facts) == contrast
    assert stated_contrast({**facts, "description": "AX FLAIR"}) == "FLAIR", "words come first"


@pytest.mark.parametrize("card, facts, code", [
    (HEAD, {"body_part": "KNEE"}, "wrong-region"), (HEAD, {"body_part": "CHEST"}, "wrong-region"),
    (HEAD, {"body_part": "HEADNECK"}, ""), (HEAD, {"body_part": "BRAIN"}, ""), (HEAD, {"body_part": "WHOLEBODY"}, ""),
    (FILM, {"body_part": "HAND"}, "wrong-region"), (FILM, {"body_part": "Thorax"}, ""),
    (FILM, {"view": "LL"}, "wrong-view"), (FILM, {"view": "lateral"}, "wrong-view"), (FILM, {"view": "AP"}, ""),
    (dict(FILM, ages=[0, 17]), {"age": 45.0}, "wrong-age"), (dict(FILM, ages=[0, 17]), {"age": 0.5}, ""),
    (dict(FILM, ages=[0, 17]), {}, ""), (FILM, {"age": 45.0}, ""),
    (HEAD, {"modality": "MR", "contrast_agent": "Gadovist"}, "contrast-agent"),
    (HEAD, {"modality": "MR", "contrast_agent": "NONE"}, ""), (HEAD, {"modality": "MR"}, "")])
def test_what_is_often_stated_wrongly_is_said_and_never_refused(card, facts, code):
    strict = dict(card, on_mismatch="refuse")
    assert codes(strict, facts, is_volume=card is HEAD) == ([code] if code else [])


def test_a_matching_or_silent_image_raises_no_notice():
    assert codes(BRAIN, {"modality": "MR", "description": "AX FLAIR"}) == []
    assert codes(BRAIN, {}) == []
    assert codes(BRAIN, {"modality": "mr"}) == []
    assert codes(CHEST, {"modality": "DX", "description": "CHEST PA"}, is_volume=False) == []


def test_another_contrast_is_noticed():
    notices = check(BRAIN, {"modality": "MR", "description": "t1_mprage_sag"}, is_volume=True)
    assert [n.code for n in notices] == ["wrong-contrast"]
    assert "T1" in notices[0].message and "FLAIR" in notices[0].message


def test_another_modality_is_noticed_and_its_words_are_no_mr_contrast():
    assert codes(BRAIN, {"modality": "CT", "description": "T2 spine height"}) == ["wrong-modality"]
    assert codes(CHEST, {"modality": "MR"}, is_volume=False) == ["wrong-modality"]


def test_a_volume_for_a_model_of_single_images():
    assert codes(CHEST, {}) == ["wrong-dimension"]
    assert codes(CHEST, {"modality": "CT"}) == ["wrong-modality", "wrong-dimension"]
    assert codes(BRAIN, {}, is_volume=False) == []


def test_a_card_may_refuse():
    with pytest.raises(UnsupportedImageError) as caught:
        check(dict(BRAIN, on_mismatch="refuse"), {"modality": "CT"}, is_volume=True)
    assert caught.value.code == "wrong-modality"
    assert check(dict(BRAIN, on_mismatch="refuse"), {"modality": "MR"}, is_volume=True) == []
