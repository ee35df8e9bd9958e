"""Standard streams that cannot change what is computed: closed, absent, full, or of an encoding that lacks a letter.

A service has no stderr, a reader goes away, a log file fills its disk: the analysis goes on, and what could not be
said is remembered.
"""
from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Iterator, Optional, TextIO, Tuple


class LenientStream:
    """A text stream that never fails.

    Attributes:
        error: why something could not be written; None as long as all was.
        reader_left: whether that was because nobody reads any more, as in ``spmamba models list | head -1``.
    """

    def __init__(self, stream: Optional[TextIO]) -> None:
        self._stream = stream
        self.error: Optional[Exception] = None
        self.reader_left = False

    def write(self, text: str) -> int:
        if self._stream is not None and self.error is None:
            try:
                try:
                    self._stream.write(text)
                except UnicodeError:
                    self._stream.write(self._encodable(text))
            except (OSError, ValueError) as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        if self._stream is not None and self.error is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._lose(error)

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def __getattr__(self, name: str) -> Any:
        if self._stream is None:
            raise AttributeError(name)
        return getattr(self._stream, name)

    def _encodable(self, text: str) -> str:
        encoding = getattr(self._stream, "encoding", None) or "ascii"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def _lose(self, error: Exception) -> None:
        """What is still in the buffer goes nowhere, so that the end of the process does not fail on it."""
        self.error, self.reader_left = error, isinstance(error, BrokenPipeError)
        with contextlib.suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())  # type: ignore[union-attr]
            os.close(null)
            self._stream.flush()  # type: ignore[union-attr]


@contextlib.contextmanager
def lenient_streams() -> Iterator[Tuple[LenientStream, LenientStream]]:
    """Within this context stdout and stderr are `LenientStream`; gives both.

    Closed descriptors lead to the null device: a file that is opened later would else become the place where a library
    writes its messages.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    former = sys.stdout, sys.stderr
    out, err = LenientStream(sys.stdout), LenientStream(sys.stderr)
    sys.stdout, sys.stderr = out, err  # type: ignore[assignment]
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = former
