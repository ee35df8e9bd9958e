"""Every text of the panel can be translated; the German and Japanese files are in step and are shown."""
from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Iterator

import pytest
from tools import speaking, translations

pytest.importorskip("slicer", reason="runs in the test host")
from PySide6 import QtCore


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_files_hold_the_texts_of_the_code(language: str) -> None:
    assert translations.listed(language) == set(translations.texts()), \
        "run: python Testing/tools/translations.py --write"


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_a_translation_has_the_places_of_its_text(language: str) -> None:
    """Slicer ignores one that has not."""
    done = translations.translations(language)
    assert len(done) > 200
    for (context, source), text in done.items():
        assert Counter(re.findall(r"{\w+}", source)) == Counter(re.findall(r"{\w+}", text)), (context, source)


@pytest.fixture(params=translations.LANGUAGES)
def translated(request: Any, host: Any, tmp_path: Path) -> Iterator[str]:
    """The application with the translations of one language."""
    try:
        translator = speaking.speak(request.param, tmp_path)
    except FileNotFoundError:
        pytest.skip("needs pyside6-lrelease")
    try:
        yield request.param
    finally:
        QtCore.QCoreApplication.removeTranslator(translator)


WORDS = {
    "de": ("Auffälligkeiten suchen", "Volumen der Szene", "Vorige ungesehene", "Annehmen", "1 von 20",
           "Nr."),
    "ja": ("異常を検出", "シーンのボリューム", "前の未読マーク", "採用", "20 枚に 1 枚", "#"),
}


def test_the_panel_speaks_it(host: Any, translated: str) -> None:
    """Forms, texts of the code and the findings table; the English panel, made before, is left as it is."""
    from SPMambaPanel.selftests import selftest

    volume = selftest.syntheticVolume()
    selftest.addResult(volume)
    assert host.widget.ui.acceptButton.text == "Accept"
    representation = host.module.createNewWidgetRepresentation()
    widget = representation.self()
    try:
        representation.enter()
        widget.workplace.parameters.inputVolume = volume
        widget.workplace.worklist.refresh()
        ui = widget.ui
        shown = (ui.detectButton.text, ui.worklistCollapsibleButton.text, ui.previousUnseenButton.text,
                 ui.acceptButton.text, ui.operatingPointLabel.text, ui.findingsTable.horizontalHeaderItem(0).text())
        assert all(word in text for word, text in zip(WORDS[translated], shown)), shown
        assert ui.findingsTable.rowCount == 1
    finally:
        representation.exit()
        widget.cleanup()
        widget.ui.inputSelector.setMRMLScene(None)  # the stand-in would go on listening after its panel is gone
        host.widget.enter()
