"""Draw what imports what: folders as boxes, arrows from who uses to who is used.

    python Testing/tools/architecture.py          # writes Resources/Docs/engineer/architecture.svg

The order of the rows is the rule: every arrow points down.  What is imported for types alone does not count.
`Testing/library/test_architecture.py` holds it against the imports.
"""
from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Dict, List, Set, Tuple

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "Resources" / "Docs" / "engineer" / "architecture.svg"
LIBRARY = "SPMambaLib"
PANEL = "SPMambaPanel"
EXTENSION = "SPMambaExtension"

# From the top to the bottom; modules of the library's root stand in the row of their work.
ROWS: Tuple[Tuple[str, ...], ...] = (
    ("SPMamba",),
    ("panel.selftests", "panel.casecontroller"),
    ("panel.sections",),
    ("panel.export",),
    ("panel.reading", "panel.detection"),
    ("panel.scene",),
    ("panel.model", "cli"),
    ("commands",),
    ("worker", "bench"),
    ("doctor",),
    ("training", "evaluation"),
    ("detector",),
    ("output", "data"),
    ("bundle",),
    ("evidence", "input_check", "volume"),
    ("scoring",),
    ("model", "preprocessing", "io"),
    ("scan", "detection"),
    ("geometry", "progress", "older_versions"),
    ("errors",),
)
WIDTH, HEIGHT, GAP_X, GAP_Y = 150, 34, 26, 34


def room_of(path: Path) -> str:
    """The folder, or the module of the root, that a file belongs to; those of the panel are called panel.*."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == EXTENSION:
        return "panel." + parts[2] if parts[1] == PANEL else parts[1]
    return parts[1]


def imports(path: Path) -> Set[str]:
    """Rooms that a file imports from, whether at its top or later."""
    package = [part for part in path.relative_to(ROOT).parts[:-1] if part != EXTENSION]
    found: Set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {id(each) for node in ast.walk(tree) if isinstance(node, ast.If)
                and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" for each in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        names: List[str] = []
        if isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names = [stem] if stem not in (LIBRARY, PANEL) else [f"{stem}.{each.name}" for each in node.names]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        for top, prefix in ((LIBRARY, ""), (PANEL, "panel.")):
            found.update(prefix + name.split(".")[1] for name in names
                         if name.startswith(top + ".") and "__" not in name and name != PANEL + ".libraryRoot")
    return found


def arrows() -> Dict[Tuple[str, str], int]:
    """(who uses, who is used) -> in how many files."""
    counted: Dict[Tuple[str, str], int] = {}
    files = [*(ROOT / LIBRARY).rglob("*.py"), *(ROOT / "SPMambaExtension").rglob("*.py")]
    for path in sorted(files):
        room = room_of(path)
        for other in imports(path):
            if other != room and room not in ("__init__", "__main__", "panel.__init__"):
                counted[room, other] = counted.get((room, other), 0) + 1
    return counted


def row_of(room: str) -> int:
    return next((n for n, rooms in enumerate(ROWS) if room in rooms), -1)


def upward(found: Dict[Tuple[str, str], int]) -> List[Tuple[str, str]]:
    """Arrows that point up, or from one room of a row to another."""
    return sorted(each for each in found if 0 <= row_of(each[1]) <= row_of(each[0]))


def color_of(room: str) -> str:
    if room.startswith("panel."):
        return "#e4f2e0"
    return "#dfeaf5" if (ROOT / LIBRARY / room).is_dir() else "#f4f4ea"


def svg(found: Dict[Tuple[str, str], int]) -> str:
    """The drawing."""
    used = {room for arrow in found for room in arrow}
    rows = [[room for room in rooms if room in used] for rooms in ROWS]
    width = max(len(rooms) for rooms in rows) * (WIDTH + GAP_X) + GAP_X
    height = len(rows) * (HEIGHT + GAP_Y) + GAP_Y
    place = {room: (width / 2 + (n - (len(rooms) - 1) / 2) * (WIDTH + GAP_X), GAP_Y + y * (HEIGHT + GAP_Y) + HEIGHT / 2)
             for y, rooms in enumerate(rows) for n, room in enumerate(rooms)}
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" '
             'font-family="sans-serif" font-size="13">'.format(width, height),
             '<rect width="100%" height="100%" fill="white"/>']
    for (user, target), count in sorted(found.items()):
        if user in place and target in place:
            (x0, y0), (x1, y1) = place[user], place[target]
            color = "#b04030" if row_of(target) < row_of(user) else "#8090a0"
            lines.append('<line x1="{:.0f}" y1="{:.0f}" x2="{:.0f}" y2="{:.0f}" stroke="{}" stroke-width="{:.1f}" '
                         'stroke-opacity="0.55"/>'.format(x0, y0 + HEIGHT / 2, x1, y1 - HEIGHT / 2, color,
                                                        min(0.6 + 0.25 * count, 3.0)))
    for room, (x, y) in place.items():
        lines.append('<rect x="{:.0f}" y="{:.0f}" width="{}" height="{}" rx="5" fill="{}" stroke="#405060"/>'.format(
            x - WIDTH / 2, y - HEIGHT / 2, WIDTH, HEIGHT, color_of(room)))
        lines.append('<text x="{:.0f}" y="{:.0f}" text-anchor="middle">{}</text>'.format(x, y + 4.5, room))
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    found = arrows()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(svg(found), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
    for arrow in upward(found):
        print("points up: {} -> {}".format(*arrow))
    sys.exit(1 if upward(found) else 0)
