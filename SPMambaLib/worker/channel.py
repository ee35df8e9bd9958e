"""The worker's own ends of stdin and stdout, out of reach of everything else in the process."""
from __future__ import annotations

import os
import sys
import threading
from typing import IO, Any, Mapping, Tuple

from .protocol import encode


class Channel:
    """Sends events; safe from any thread.  A viewer that is gone is not an error here: the reader sees stdin end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: Mapping[str, Any]) -> None:
        line = encode(event)
        with self._lock:
            try:
                self._stream.write(line)
                self._stream.flush()
            except (OSError, ValueError):
                pass


def claim_standard_streams() -> Tuple[IO[bytes], Channel]:
    """Take stdin and stdout for the protocol alone.

    File descriptor 1 then leads to stderr, so that prints of Python, C libraries and child processes cannot break the
    protocol.  Descriptor 0 leads to the null device: on Windows a library that inspects its standard input while
    another thread waits in a read of that pipe would hang until the next request.  The private copies are not
    inherited by child processes, so a child that outlives the worker does not hold the viewer's pipes open.
    """
    sys.stdout.flush()
    requests = os.fdopen(os.dup(0), "rb")
    events = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, Channel(events)
