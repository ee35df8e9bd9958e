"""Start the worker, by path as Slicer does it: ``python <path>/SPMambaLib/worker/__main__.py``."""
from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run by path: make the package importable, and nothing in this folder by its bare name
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    sys.path.insert(0, str(here.parents[1]))

from SPMambaLib.worker.server import main

if __name__ == "__main__":
    sys.exit(main())
