"""Open a module in a window: ``python -m host.window --module SPMamba.py [--volume FILE]``.

With a display the window stays open until it is closed; without one (or with --screenshot) a picture is made and the
program ends.
"""

from __future__ import annotations

import argparse
import os
import sys

import host


def hasDisplay():
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m host.window", description="Run a scripted module outside Slicer.")
    parser.add_argument("--module", required=True, help="the module's .py file")
    parser.add_argument("--volume", help="an image or scene (.mrb) to load")
    parser.add_argument("--screenshot", help="save a picture of the window here and end")
    options = parser.parse_args(arguments)
    display = hasDisplay() and not options.screenshot
    running = host.start(options.module, display=display)
    if options.volume:
        load = running.loadScene if options.volume.lower().endswith((".mrb", ".mrml")) else running.loadVolume
        load(options.volume)
    if display:
        status = running.app.exec()
    else:
        target = options.screenshot or "window.png"
        running.processEvents(200)
        running.screenshot(target)
        print(target)
        status = 1 if running.exceptions else 0
    running.unload()
    return status


if __name__ == "__main__":
    sys.exit(main())
