"""Reads files one after the other, each in a process of its own with little memory, and says what became of it.

Started once per fill pattern (``MALLOC_PERTURB_``: the C library fills new memory with it), so that everything is
imported once; every file is then read in a fork.  What is asked and answered are lines of JSON.
"""
from __future__ import annotations

import hashlib
import json
import os
import resource
import select
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

PATIENCE = 6  # times as long by the clock as in processor time, on a machine that does other things
MEMORY = 2 << 30  # bytes beside what the process has before it reads


def main(reader: str = "SPMambaLib.io.image:read_image") -> None:
    """Answer on stdout until stdin ends; `reader` is what is tested ("module:function")."""
    import importlib

    import nibabel  # noqa: F401 - before the forks, like all that follow
    import pydicom  # noqa: F401
    import SimpleITK
    from PIL import Image  # noqa: F401

    module, name = reader.split(":")
    read = getattr(importlib.import_module(module), name)
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(attempt(read, Path(asked["path"]), asked["seconds"], asked["compare"])), flush=True)


def attempt(read: Callable[[Path], Any], path: Path, seconds: float, compare: bool) -> Dict[str, Any]:
    """What became of one file.

    Returns:
        outcome ("read", "refused", "untyped", "crash", "hang"), code, message, digest and shape of what was read,
        `compared` (see `compared_with_others`), stderr, seconds of processor time, memory (largest, in MB, with
        all that is imported).
    """
    noise, (ours, theirs) = path.with_suffix(".stderr"), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ours)
            os.setsid()
            _limit(noise)
            _read(read, path, theirs, compare)
        finally:
            os._exit(0)
    os.close(theirs)
    answers, late = _answers(ours, PATIENCE * seconds)
    os.close(ours)
    if late:
        os.killpg(child, 9)
    _, status, usage = os.wait4(child, 0)
    result = answers or {"outcome": "hang" if late else "crash", "code": "status {}".format(status)}
    result.setdefault("seconds", round(usage.ru_utime + usage.ru_stime, 2))
    if result["seconds"] > seconds:
        result["outcome"] = "hang"
    result["memory"] = round(usage.ru_maxrss / 1024)
    result["stderr"] = noise.read_text(errors="replace")[-2000:]
    noise.unlink()
    return result


def _answers(pipe: int, seconds: float) -> Tuple[Dict[str, Any], bool]:
    """(what the child said, whether it or the other reader went on for longer than `seconds`)."""
    content, result, end = b"", {}, time.monotonic() + seconds
    while select.select([pipe], [], [], max(end - time.monotonic(), 0.0))[0]:
        piece = os.read(pipe, 1 << 16)
        if not piece:
            break
        content += piece
    for line in content.splitlines():
        result.update(json.loads(line))
    return result, time.monotonic() >= end


def _limit(noise: Path) -> None:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    error = os.open(noise, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(error, stream)


def _read(read: Callable[[Path], Any], path: Path, pipe: int, compare: bool) -> None:
    from SPMambaLib.errors import SPMambaError

    image: Optional[Any] = None
    try:
        image = read(path)
        digest = hashlib.sha256(image.voxels.tobytes() + image.ijk_to_ras.tobytes()).hexdigest()[:16]
        answer = {"outcome": "read", "code": "", "digest": digest, "shape": list(image.voxels.shape),
                  "notices": [notice.code for notice in image.notices]}
    except SPMambaError as error:
        answer = {"outcome": "refused", "code": error.code, "message": error.message, "detail": error.detail[-300:]}
    except BaseException as error:
        answer = {"outcome": "untyped", "code": type(error).__name__, "message": traceback.format_exc()[-1500:]}
    answer["seconds"] = round(sum(os.times()[:4]), 2)  # with those of the processes that it has waited for
    os.write(pipe, json.dumps(answer).encode() + b"\n")
    if image is not None and compare:
        from fuzz.references import compared_with_others

        os.write(pipe, json.dumps({"compared": compared_with_others(image, path)}).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
