"""What libraries written in C print about a file on their own does not reach the user's terminal.

libpng, libtiff and MetaIO write to the process's standard error, past Python.  What matters is raised or noticed.
"""
from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Iterator, Optional

STDERR = 2  # the file descriptor
_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Standard error goes nowhere until the block ends; a process without one stays as it is."""
    with _one_at_a_time:
        kept = _diverted()
        try:
            yield
        finally:
            if kept is not None:
                os.dup2(kept, STDERR)
                os.close(kept)


def _diverted() -> Optional[int]:
    """A copy of the true standard error, which is replaced; None if there is none."""
    kept = None
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        kept = os.dup(STDERR)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STDERR)
        os.close(nowhere)
    except (OSError, ValueError):
        if kept is not None:
            os.close(kept)
        return None
    return kept
