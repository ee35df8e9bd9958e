"""Long work in short steps, so that views and buttons stay alive in between."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Generator, Iterator, Tuple

import numpy as np
import qt

SLAB_BYTES = 8 * 1024 * 1024  # copied in one step: about 10 ms on a slow disk

Work = Generator[None, None, Any]


class Steps:
    """Runs a generator, one `next` per turn of the event loop.

    Args:
        work: yields between steps of at most a few ten milliseconds; its return value is the result.
        onDone: called with that value.
        onError: called with the exception that ended the work.
    """

    def __init__(self, work: Work, onDone: Callable[[Any], None], onError: Callable[[Exception], None]) -> None:
        self._work = work
        self._onDone = onDone
        self._onError = onError
        self._active = True
        qt.QTimer.singleShot(0, self._step)

    def stop(self) -> None:
        """End the work where it stands; its `finally` blocks run, nobody is called."""
        self._active = False
        self._work.close()

    def _step(self) -> None:
        if not self._active:
            return
        try:
            next(self._work)
        except StopIteration as end:
            self._active = False
            self._onDone(end.value)
        except Exception as error:  # whatever it was, it belongs to the one who started the work
            self._active = False
            self._onError(error)
        else:
            qt.QTimer.singleShot(0, self._step)


def slabs(array: np.ndarray) -> Iterator[Tuple[int, int]]:
    """Index ranges along the first axis, each of about `SLAB_BYTES`."""
    rows = max(1, int(SLAB_BYTES // max(1, array[:1].nbytes)))
    for start in range(0, array.shape[0], rows):
        yield start, min(start + rows, array.shape[0])


def copyArray(source: np.ndarray, target: np.ndarray) -> Work:
    """Copy slab by slab; shapes are equal."""
    for start, stop in slabs(source):
        target[start:stop] = source[start:stop]
        yield


def saveArray(path: Path, array: np.ndarray) -> Work:
    """Write a ``.npy`` file slab by slab, under a temporary name until it is whole.

    Raises:
        OSError: full disk, no permission.
    """
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start, stop in slabs(array):
            file.write(np.ascontiguousarray(array[start:stop]).data)
            yield
    os.replace(part, path)
