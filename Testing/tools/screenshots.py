"""Pictures of the ways of looking at a result, made by the clicks and keys of a reader.

    python Testing/tools/screenshots.py [--output Resources/Screenshots] [--volume FILE] [--model NAME] [--prefix TEXT]

Runs the module in the test host on the sample volume, as ``demo.py`` does, and leaves map.png, compare.png, slices.png
and keys.png in the output folder, each below 300 kB.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTING))

from demo import SAMPLE, Demo  # noqa: E402

KEEP_UNSEEN = 0.3  # share of the slices that the reader in the picture has not looked at


def scroll(demo: Demo) -> None:
    """Look at the lower slices, as the offset slider of the axial view does."""
    slider = demo.host.layoutManager.sliceWidget("Red").sliceController().sliceOffsetSlider()
    low, high = slider.minimum, slider.minimum + (1.0 - KEEP_UNSEEN) * (slider.maximum - slider.minimum)
    offset = low
    while offset < high:
        slider.setValue(offset)
        demo.host.processEvents()
        offset += slider.singleStep


def run(options: argparse.Namespace) -> None:
    options.output.mkdir(parents=True, exist_ok=True)
    demo = Demo()
    ui, actions = demo.ui, demo.workplace.views.actions

    def picture(name: str) -> None:
        demo.host.processEvents(300)
        demo.saveScreenshot(options.output / "{}{}.png".format(options.prefix, name))

    try:
        demo.load(options.volume, options.model)
        demo.detect()
        demo.walk()
        actions["Alt+M"]()
        ui.wholeMapCheckBox.click()
        picture("map")
        ui.wholeMapCheckBox.click()
        actions["Alt+M"]()
        actions["Alt+C"]()
        picture("compare")
        actions["Alt+C"]()
        demo.host.processEvents(100)
        scroll(demo)
        ui.plotButton.click()
        actions["Alt+Down"]()
        picture("slices")
        actions["Alt+K"]()
        demo.host.processEvents(100)
        if not demo.workplace.views.keysMenu.grab().save(str(options.output / "{}keys.png".format(options.prefix))):
            raise OSError("cannot write keys.png")
        demo.workplace.views.keysMenu.close()
        if demo.host.exceptions:
            raise RuntimeError("exceptions in the panel, see above")
    finally:
        demo.host.unload()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=TESTING.parent / "Resources" / "Screenshots")
    parser.add_argument("--volume", type=Path, default=SAMPLE)
    parser.add_argument("--model", default="brain-flair")
    parser.add_argument("--prefix", default="6-")
    run(parser.parse_args())
    return 0


if __name__ == "__main__":
    sys.exit(main())
