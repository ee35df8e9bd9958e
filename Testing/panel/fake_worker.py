"""A worker without a detector, for tests of the panel: ``fake_worker.py BEHAVIOUR FOLDER``.

Speaks the protocol by its own words.  FOLDER holds the result that it hands out.  Behaviours:
    good        progress, then the result
    status      as good, and reports its devices first
    stuck       progress, then nothing; ignores cancel
    patient     progress until it is cancelled, then says so
    tired       good in its first run, patient from then on
    crash       progress, a message on stderr, then the process dies
    once        crashes in its first process, good in the next (remembered in FOLDER)
    garbage     as good, between lines that are not of the protocol, in pieces
    error       a typed error
    misfit      refuses the scan as foreign to the model, unless it is to be analysed anyway
    deaf        never says that it is ready
    other       a result that belongs to another volume
"""
from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

behaviour, folder = sys.argv[1], Path(sys.argv[2])


def send(**event: object) -> None:
    print(json.dumps({"v": 1, **event}), flush=True)


def progress(run: str, fraction: float) -> None:
    send(event="progress", id=run, fraction=fraction, text="Reading slices")


def answer(run: str, job: Path) -> None:
    request = json.loads((job / "job.json").read_text())
    assert (job / request["input"]).is_file()
    for name in [*folder.glob("*.npy"), *folder.glob("*.npz")]:
        shutil.copy(name, job)
    result = json.loads((folder / "result.json").read_text())
    if behaviour == "other":
        result["shape"][0] += 1
    (job / "result.json").write_text(json.dumps(result))
    send(event="result", id=run, folder=str(job), result="result.json")


def detect(run: str, job: Path, runs: int) -> None:
    """`runs`: how many there were, this one included."""
    progress(run, 0.1)
    if behaviour in ("stuck", "patient") or (behaviour == "tired" and runs > 1):
        return
    if behaviour == "misfit" and not json.loads((job / "job.json").read_text())["force"]:
        send(event="error", id=run, code="not-what-the-model-knows", message="This scan is foreign.", detail="[]")
        return
    crashed = folder / "crashed"
    if behaviour == "crash" or (behaviour == "once" and not crashed.exists()):
        crashed.touch()
        print("CUDA driver: device fell off the bus", file=sys.stderr, flush=True)
        time.sleep(0.1)
        raise SystemExit(139)
    if behaviour == "error":
        send(event="error", id=run, code="out-of-memory", message="There is not enough memory.", detail="tried 8, 4, 1")
        return
    if behaviour == "garbage":
        print("a library printed this \u00e9", flush=True)
        print("{not json}", flush=True)
        line = json.dumps({"v": 1, "event": "progress", "id": run, "fraction": 0.5, "text": "halves"})
        sys.stdout.write(line[:20])
        sys.stdout.flush()
        time.sleep(0.05)
        print(line[20:], flush=True)
        send(event="progress", id="another run", fraction=0.9, text="not yours")
        print(json.dumps({"v": 99, "event": "result", "id": run}), flush=True)
        send(event="novelty", id=run)
    progress(run, 0.8)
    time.sleep(0.05)
    answer(run, job)


if behaviour != "deaf":
    send(event="ready", version="test", pid=0)
if behaviour == "status":
    send(event="status", id=None, devices=["cuda:0", "cuda:1", "cpu"])
def check(run: str) -> None:
    """The report that a test has put into FOLDER."""
    progress(run, 0.1)
    if behaviour in ("good", "status"):
        send(event="checked", id=run, report=json.loads((folder / "report.json").read_text()))
    elif behaviour == "error":
        send(event="error", id=run, code="out-of-memory", message="There is not enough memory.", detail="tried 8, 4, 1")
    elif behaviour == "crash":
        raise SystemExit(139)


runs = 0
for line in sys.stdin:
    message = json.loads(line)
    if message["command"] == "detect" and behaviour != "deaf":
        runs += 1
        detect(message["id"], Path(message["job"]), runs)
    elif message["command"] == "check":
        check(message["id"])
    elif message["command"] == "cancel" and behaviour in ("patient", "tired"):
        send(event="cancelled", id=message["id"])
