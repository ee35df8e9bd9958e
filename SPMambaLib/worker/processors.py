"""How the threads of torch and those of the compiled scan share the processors."""
from __future__ import annotations

import os

SHORT_WAITS = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
"""OpenMP's settings for idle threads, of GCC's runtime (turns) and of LLVM's and Intel's (ms)."""


def share_processors() -> None:
    """Let OpenMP's idle threads sleep soon, unless the user has decided otherwise; to be called before torch is loaded.

    By default they keep a processor busy for milliseconds after each operation of torch, in which the threads of the
    scan have to do without it: measured on two cores, short scans take twice as long.
    """
    for name, value in SHORT_WAITS.items():
        if "OMP_WAIT_POLICY" not in os.environ:
            os.environ.setdefault(name, value)
