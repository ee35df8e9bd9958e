"""Run inside a real Slicer by ``make slicer SLICER=... CHECK=1``: self-test, pictures of it, report, exit status."""
import sys
import traceback
from pathlib import Path

import slicer


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    lines, failed = ["Slicer {}".format(slicer.app.applicationVersion)], False
    slicer.util.selectModule("SPMamba")
    slicer.app.processEvents()
    window = slicer.util.mainWindow()
    window.resize(1366, 768)
    window.grab().save(str(folder / "opened.png"))
    try:
        import SPMamba

        SPMamba.SPMambaTest().runTest()
        lines.append("self-test: passed")
    except Exception:
        failed = True
        lines.append("self-test: failed\n" + traceback.format_exc())
    slicer.app.processEvents()
    window.grab().save(str(folder / "after the self-test.png"))
    (folder / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    slicer.util.exit(main(Path(sys.argv[1])))
