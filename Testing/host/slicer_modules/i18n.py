"""Stand-in of ``slicer.i18n``: texts stay English."""

from __future__ import annotations

import os


def getContext(sourceFile):
    """Translation context of a Python file: its name without folder and extension."""
    return os.path.splitext(os.path.basename(sourceFile))[0]


def translate(context, text):
    return text


def tr(text):
    return text
