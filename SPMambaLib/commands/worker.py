"""``spmamba worker``: serve detections on stdin and stdout; what a viewer starts."""
from __future__ import annotations

import argparse
from typing import Any


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "worker", parents=[common], help="serve a viewer: requests on stdin, events on stdout, as JSON lines",
        description="Serve a viewer: one JSON object per line on stdin and stdout, voxels in job folders. "
                    "Ends when stdin ends.")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..worker.server import main

    return main()
