"""What identifies a person or a computer is taken out of a report before anybody sees it."""
from __future__ import annotations

import contextlib
import getpass
import platform
import re
from pathlib import Path
from typing import Any, List, Optional, Tuple

FOLDERS = re.compile(r"(?<![\w:/\\.<])(?:[A-Za-z]:|~|\\\\)?[\\/](?:[^\\/\s:\"'<>|]+[\\/])+")
"""The folders of an absolute path, up to its last part; addresses of the web are not meant."""

LEAST = 3
"""Letters of a name below which it may be a part of any word."""


def names() -> List[Tuple[str, str]]:
    """(what identifies, what is written for it), the longest first."""
    found = [(str(Path.home()), "~"), (platform.node(), "this-computer")]
    with contextlib.suppress(KeyError, OSError, ImportError):  # a user without a name
        found.append((getpass.getuser(), "user"))
    return sorted(((name, word) for name, word in found if len(name) >= LEAST), key=lambda each: -len(each[0]))


def without_names(value: Any, known: Optional[List[Tuple[str, str]]] = None) -> Any:
    """A copy of a JSON-ready value in which no text holds the user's or the computer's name, or a folder's."""
    known = names() if known is None else known
    if isinstance(value, str):
        for name, word in known:
            value = re.sub(r"(?<!\w){}(?!\w)".format(re.escape(name)), word, value, flags=re.I)
        return FOLDERS.sub(".../", value)
    if isinstance(value, dict):
        return {without_names(key, known): without_names(each, known) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_names(each, known) for each in value]
    return value
