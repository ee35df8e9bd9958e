"""What the list of volumes says."""
from __future__ import annotations

from typing import Any, Dict


def states(ui: Any, workplace: Any) -> Dict[str, str]:
    """State of each volume by name."""
    workplace.worklist.refresh()
    table = ui.worklistTable
    return {table.item(line, 0).text(): table.item(line, 1).text() for line in range(table.rowCount)}
