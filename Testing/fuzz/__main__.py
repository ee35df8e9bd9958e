"""Read damaged and hostile files, and see that nothing worse happens than a sentence.

    python -m fuzz --dicom 200 --headers 1000 --seed 0 --output fuzz.json     (in Testing; `make fuzz`)

Each file is read twice, each time in a process of its own with 2 GB of memory and 10 s of processor time, with two
patterns in fresh memory.  Wanted: a typed error or a right image each, nothing on the streams, and the same voxels
both times.
"""
from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]

from fuzz.mutations import dicom_cases, header_cases  # noqa: E402
from fuzz.running import run  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dicom", type=int, default=200, help="mutated DICOM files")
    parser.add_argument("--headers", type=int, default=1000, help="fuzzed headers of other formats")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0, help="of processor time, for each file")
    parser.add_argument("--keep", type=Path, help="folder for the files that went wrong")
    parser.add_argument("--output", type=Path, help="result as JSON")
    chosen = parser.parse_args()
    result = {"command": "python -m fuzz --dicom {} --headers {} --seed {}".format(
        chosen.dicom, chosen.headers, chosen.seed), "device": "CPU", "date": datetime.date.today().isoformat()}
    wrong = []
    for name, cases in (("dicom", dicom_cases(chosen.dicom, chosen.seed)),
                        ("headers", header_cases(chosen.headers, chosen.seed))):
        rows = run(cases, seconds=chosen.seconds, keep=chosen.keep)
        bad = [row for row in rows if row["wrong"]]
        wrong += bad
        result[name] = {
            "files": len(rows), "wrong": len(bad),
            "outcomes": dict(Counter(row["code"] or "read, " + row["verdict"] for row in rows).most_common()),
            "slowest_s": max((row["seconds"] for row in rows), default=0.0),
            "largest_memory_mb": max((row["memory"] for row in rows), default=0)}
        print(json.dumps({name: result[name]}, indent=1), flush=True)
    for row in wrong:
        print(row["name"], "->", row["wrong"])
    if chosen.output:
        chosen.output.write_text(json.dumps({**result, "wrong": [[row["name"], row["wrong"]] for row in wrong]},
                                            indent=1) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
