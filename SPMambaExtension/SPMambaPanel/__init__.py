"""The parts of the SP-Mamba module, one file each.  Never imports torch.

Puts SPMambaLib on the path: it lies beside the installed module, or one folder up in a source checkout.
"""
from __future__ import annotations

import sys
from pathlib import Path


def libraryRoot() -> Path:
    """Folder that holds SPMambaLib.

    Raises:
        ImportError: the installation is incomplete.
    """
    moduleFolder = Path(__file__).resolve().parent.parent
    for folder in (moduleFolder, moduleFolder.parent):
        if (folder / "SPMambaLib" / "__init__.py").is_file():
            return folder
    raise ImportError("SPMambaLib was not found beside {}; install the SPMamba extension again.".format(moduleFolder))


if str(libraryRoot()) not in sys.path:
    sys.path.append(str(libraryRoot()))
