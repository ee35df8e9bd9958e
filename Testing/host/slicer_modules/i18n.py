"""Stand-in of ``slicer.i18n``: texts are looked up in the application's translators, as in Slicer."""

from __future__ import annotations

import os
import sys

from PySide6 import QtCore


def getContext(sourceFile):
    """Translation context of a Python file: its name without extension, after that of its package if it is in one."""
    folder, name = os.path.split(sourceFile)
    module = os.path.splitext(name)[0]
    if os.path.isfile(os.path.join(folder, "__init__.py")):
        return "{}.{}".format(os.path.basename(folder), module)
    return module


def translate(context, text):
    return QtCore.QCoreApplication.translate(context, text)


def tr(text):
    return translate(getContext(sys._getframe(1).f_code.co_filename), text)
