"""Intermediate results on disk, so that an interrupted fit goes on from what it has.

Each result is a safetensors file named by the hash of everything it follows from; it appears whole or not at all.  The
folder lies next to the model being made and is removed when that is finished.
"""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Callable, Dict

from torch import Tensor

from ..errors import OutputError
from ..io.temporary import sweep
from ..io.whole import partial

SUFFIX = ".safetensors"


class Workbench:
    """A folder of results by key.

    Raises (all methods):
        OutputError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError("The folder {} could not be made.".format(folder), str(error)) from error

    def once(self, key: str, make: Callable[[], Dict[str, Tensor]]) -> Dict[str, Tensor]:
        """The result of that key: from disk if it is there, otherwise made and kept."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file, save_file

        path = self.folder / (key + SUFFIX)
        if path.is_file():
            try:
                return load_file(str(path))
            except (SafetensorError, OSError):
                pass  # cut short by a crash of the machine: made anew
        result = {name: tensor.contiguous() for name, tensor in make().items()}
        try:
            with partial(path) as file:
                save_file(result, file.name)
        except (SafetensorError, OSError) as error:
            raise OutputError("Intermediate results could not be written to {}; is the disk full?".format(self.folder),
                              str(error)) from error
        return result

    def load(self, key: str, wanted: Callable[[str], bool] = lambda name: True) -> Dict[str, Tensor]:
        """A result that was made before, or what is `wanted` of it by name.

        Raises:
            OutputError: it is gone or damaged; somebody touched the folder.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(self.folder / (key + SUFFIX)), "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys() if wanted(name)}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise OutputError("Intermediate results in {} were changed; start again.".format(self.folder),
                              str(error)) from error

    def remove(self) -> None:
        """Delete our files, and the folder unless somebody else's are in it."""
        sweep(self.folder)
        for path in self.folder.glob("*" + SUFFIX):
            path.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def key_of(*parts: Any) -> str:
    """A file name that tells these parts (JSON values) from all others."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8")).hexdigest()[:32]
