"""The running application in another language."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PySide6 import QtCore
from tools import translations


def speak(language: str, folder: Path) -> Any:
    """Use the translations of a language, compiled into `folder`, from now on; returns their QTranslator.

    Raises:
        FileNotFoundError: Qt's compiler of translations is not here.
    """
    release = shutil.which("pyside6-lrelease", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
    if release is None:
        raise FileNotFoundError("pyside6-lrelease")
    compiled = folder / "panel.qm"
    subprocess.run([release, str(translations.pathOf(language)), "-qm", str(compiled)], check=True,
                   stdout=subprocess.DEVNULL)
    translator = QtCore.QTranslator(QtCore.QCoreApplication.instance())
    if not translator.load(str(compiled)):
        raise FileNotFoundError(str(compiled))
    QtCore.QCoreApplication.installTranslator(translator)
    return translator
