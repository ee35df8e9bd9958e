"""The panel in other languages: pictures of all its sections, and the texts that do not fit.

    python Testing/language_pictures.py --output languages [--languages en de ja] [--width 440]

Shows the sample volume with a synthetic result, so that it needs neither model nor worker.  Japanese needs a font that
has it (fonts-noto-cjk or fonts-ipafont on Debian).  The exit code is 1 if a text is cut off.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from demo import MODULE, SAMPLE, host

host.install()  # before anybody loads PySide6

from tools import cut_texts, speaking, translations  # noqa: E402

EXAMPLE = Path(__file__).resolve().parent / "host" / "example" / "Example.py"
PICTURES = (("inputs", "worklist", "overlay"), ("findings",), ("slices", "export", "details"))
HEIGHT = 1250


def show(language, output, width):
    """Pictures in one language; returns the texts that are cut off."""
    host.start(str(EXAMPLE))  # the application: translations come before the panel
    with tempfile.TemporaryDirectory() as folder:
        if language != "en":
            speaking.speak(language, Path(folder))
        running = host.start(str(MODULE))
        return pictures(running, language, output, width)


def pictures(running, language, output, width):
    from SPMambaPanel.selftests import selftest

    workplace = running.widget.workplace
    second = running.loadVolume(str(SAMPLE))
    volume = running.loadVolume(str(SAMPLE))
    selftest.addResult(second)
    selftest.addResult(volume)
    workplace.parameters.inputVolume = volume
    running.processEvents(300)
    workplace.review.showFinding(0)
    workplace.findings.decide("rejected")
    workplace.views.showSlices()
    area = running.panel.parentWidget().parentWidget()
    running.mainWindow.resize(1300, HEIGHT)
    area.setFixedWidth(width)
    sections = [name for name in vars(workplace.ui) if name.endswith("CollapsibleButton")]
    cut = []
    for number, names in enumerate(PICTURES):
        for name in sections:
            short = name[:-len("CollapsibleButton")]
            getattr(workplace.ui, name).collapsed = short not in (*names, *(("why",) if "findings" in names else ()))
        running.processEvents(200)
        running.screenshot(output / "panel-{}-{}.png".format(language, number + 1))
        cut += cut_texts.cutTexts(running.panel, area.viewport().width)
    running.unload()
    return list(dict.fromkeys(cut))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("languages"))
    parser.add_argument("--languages", nargs="+", default=["en", *translations.LANGUAGES])
    parser.add_argument("--width", type=int, default=440, help="of the panel in pixels")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    if len(options.languages) > 1:  # one process each: a translated panel stays translated
        return max(subprocess.run([sys.executable, __file__, "--output", str(options.output), "--width",
                                   str(options.width), "--languages", language], check=False).returncode
                   for language in options.languages)
    cut = show(options.languages[0], options.output, options.width)
    print("{}: {}".format(options.languages[0], "\n  ".join(["cut off:", *cut]) if cut else "all texts fit"))
    return 1 if cut else 0


if __name__ == "__main__":
    sys.exit(main())
