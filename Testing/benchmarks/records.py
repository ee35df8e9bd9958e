"""Rows of a study as JSON lines: appended one by one, so that an interrupted study goes on where it was."""
from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import torch

RESULTS = Path(__file__).resolve().parent / "results"


class Records:
    """The rows of one file.

    Args:
        path: JSON lines; made when the first row comes.
        facts: what every new row says besides its own: the command.
    """

    def __init__(self, path: Path, **facts: Any) -> None:
        self.path, self.facts = path, facts
        self.rows = read_rows(path)

    def once(self, key: Dict[str, Any], make: Callable[[], Dict[str, Any]]) -> None:
        """Measure unless a row has exactly these values of the key; a row is key, facts and what `make` gives."""
        if any(all(row.get(name) == value for name, value in key.items()) for row in self.rows):
            return
        started = time.monotonic()
        measured = make()
        row = {**key, **measured, **self.facts, "device": "cpu, {} threads".format(torch.get_num_threads()),
               "torch": torch.__version__, "date": datetime.date.today().isoformat(),
               "seconds": round(time.monotonic() - started, 1)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        self.rows.append(row)
        print(json.dumps({**key, "seconds": row["seconds"]}), flush=True)


def read_rows(path: Path) -> List[Dict[str, Any]]:
    """All whole rows; a last line that was cut short by a kill is left out (and measured again)."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows
