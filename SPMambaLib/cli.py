"""The command line: finds the command, runs it, turns every failure into one sentence and an exit status.

A command is a module of `commands` with ``register(subparsers, common)``, which adds its parser and sets the function
to run; it imports what is heavy only when it runs, so that ``spmamba --help`` stays fast.

Exit status: 0 done, 1 internal error, 2 usage, 3 unreadable input, 4 unsupported image, 5 model missing or damaged,
6 device or memory, 7 result cannot be written, 8 training failed, 130 cancelled.
"""
from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import tempfile
import time
from typing import List, NoReturn, Optional

from . import __version__
from .commands.streams import lenient_streams
from .errors import OutputError, SPMambaError, UsageError, typed_error
from .worker.processors import share_processors

COMMANDS = ("detect", "series", "models", "doctor", "worker", "train", "fit", "evaluate", "bench")
WRITING = ("detect", "fit")  # files, also when no place is named

EPILOG = """\
exit status:
  0 done                     4 unsupported image           7 result cannot be written
  2 wrong usage              5 model missing or damaged    130 cancelled
  3 unreadable input         6 device or memory            8 training failed
  1 internal error

Research use only - not for diagnosis."""


class Parser(argparse.ArgumentParser):
    """Wrong usage is a typed error like any other, not a dump of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError("{} (see `{} --help`)".format(message, self.prog))


def build_parser() -> argparse.ArgumentParser:
    common = Parser(add_help=False)
    common.add_argument("-v", "--verbose", action="store_true", help="show the technical detail of an error")
    parser = Parser(prog="spmamba", parents=[common], epilog=EPILOG,
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    description="Find what is not normal in a medical image, with a model that knows only normal ones.")
    parser.add_argument("--version", action="version", version="spmamba " + __version__)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(".commands." + name, __package__).register(subparsers, common)
    return parser


def main(argv: Optional[List[str]] = None) -> int:
    """Run one command and return its exit status, which does not depend on who listens."""
    arguments = sys.argv[1:] if argv is None else argv
    share_processors()
    verbose = "-v" in arguments or "--verbose" in arguments  # also for errors of the parser itself
    with lenient_streams() as (out, _):
        try:
            parsed = build_parser().parse_args(arguments)
            status = int(parsed.run(parsed) or 0)
            out.flush()
            if out.error is not None and not out.reader_left:
                _require_output(parsed, out.error)
            return status
        except (Exception, KeyboardInterrupt) as error:
            return report(typed_error(error), verbose)


def _require_output(parsed: argparse.Namespace, error: Exception) -> None:
    """A command that writes files has done its work when they are there; of others, what they print is the result.

    Raises:
        OutputError: the result went nowhere.
    """
    if getattr(parsed, "output", None) is None and parsed.command not in WRITING:
        raise OutputError("The result could not be written to the standard output; is the disk full?", str(error))
    print("spmamba: what the command prints could not be written; its files are whole.", file=sys.stderr)


def report(error: SPMambaError, verbose: bool) -> int:
    """Say what went wrong in one line on stderr; the detail follows if asked for, and else is kept if unexplained."""
    message = " ".join(error.message.split())
    if error.code == SPMambaError.code and not verbose:
        message += save_detail(error)
    print("spmamba: {} [{}]".format(message, error.code), file=sys.stderr)
    if verbose and error.detail:
        print(error.detail.rstrip(), file=sys.stderr)
    return error.exit_code


def save_detail(error: SPMambaError) -> str:
    """A sentence that says where a file with the detail of an unexpected error is; empty if none could be written.

    It says where in the program it happened, and nothing of what was read: the words of an error and the names of
    files may name the patient.
    """
    places = re.findall(r'^  File "[^"]*", line \d+, in \S+$', error.detail, re.MULTILINE)
    text = "spmamba {}\n{}\n{}\n(what the error says is left out here, as it may name the patient: run again with -v)\n"
    try:
        handle, path = tempfile.mkstemp(prefix=time.strftime("spmamba-%Y%m%d-%H%M%S-"), suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text.format(__version__, error.message, "\n".join(places)))
    except OSError:
        return ""
    return " Details are in {}.".format(path)
