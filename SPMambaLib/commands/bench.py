"""``spmamba bench scan | detect | train``: what this machine makes of it, in numbers that can be compared."""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List, Sequence

from ..errors import OutputError, UsageError

TOKENS = (64, 256, 1024, 4096)


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "bench", help="measure time and memory on this machine",
        description="Measure time and memory on this machine, as ratios to baselines of the same run.")
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="where to compute (auto)")
    options.add_argument("--output", type=Path, metavar="FILE", help="write the numbers as JSON, too")
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")

    scan = kinds.add_parser("scan", parents=[common, options], help="the selective scan, by every backend",
                            description="Time, memory and error of every scan backend that works here, forward and "
                                        "backward, at the sizes of the paper's decoder.")
    scan.add_argument("--tokens", type=int, nargs="+", choices=TOKENS, default=TOKENS, metavar="N",
                      help="64, 256, 1024, 4096 (all)")
    scan.add_argument("--batch", type=int, default=1, help="images computed at once (1)")
    scan.set_defaults(run=run_scan)

    detect = kinds.add_parser("detect", parents=[common, options], help="a slice and a volume, by stage",
                              description="Time of a slice by stage, slices per second, peak memory, and a whole "
                                          "volume; beside the sequential reference form and the teacher alone.")
    detect.add_argument("--model", default="paper", metavar="NAME|PATH",
                        help="paper or compact (untrained), or an installed model (paper)")
    detect.add_argument("--scan", default="", metavar="BACKEND", help="of the selective scan (the fastest)")
    detect.add_argument("--precision", default="single", choices=("single", "half"), help="half needs CUDA (single)")
    detect.add_argument("--batch", type=int, nargs="+", default=[1], metavar="N", help="slices computed at once (1)")
    detect.add_argument("--slices", type=int, default=160, help="of the volume; 0 leaves it out (160)")
    detect.add_argument("--no-sequential", action="store_true", help="leave the slow baseline out")
    detect.set_defaults(run=run_detect)

    train = kinds.add_parser("train", parents=[common, options], help="a training step, by every backend",
                             description="Time of a training step, forward and backward, beside autograd through the "
                                         "plain loop.")
    train.add_argument("--preset", default="compact", choices=("compact", "paper"), help="size of the network")
    train.add_argument("--batch", type=int, default=8, help="images in one step (8)")
    train.set_defaults(run=run_train)


def run_scan(arguments: argparse.Namespace) -> int:
    from ..bench import scan

    return _run(scan.run, arguments, ("tokens", "channels", "backend", "forward_ms", "forward_ratio", "both_ms",
                                      "both_ratio", "error", "forward_mib", "both_mib"),
                lengths=arguments.tokens, batch=arguments.batch)


def run_detect(arguments: argparse.Namespace) -> int:
    from ..bench import detect

    return _run(detect.run, arguments, ("batch", "total_ms", "slices_per_second", "teacher_ms", "teacher_ratio",
                                        "times_faster", "memory_mib"),
                model=arguments.model, scan=arguments.scan, precision=arguments.precision,
                batches=arguments.batch, slices=arguments.slices, sequential=not arguments.no_sequential)


def run_train(arguments: argparse.Namespace) -> int:
    from ..bench import training

    return _run(training.run, arguments, ("backend", "step_ms", "ratio"), preset=arguments.preset,
                batch=arguments.batch)


def _run(measure: Any, arguments: argparse.Namespace, columns: Sequence[str], **options: Any) -> int:
    from ..model.device import choose_device
    from ..progress import ProgressBar

    batches = arguments.batch if isinstance(arguments.batch, list) else [arguments.batch]
    if min(batches) < 1:
        raise UsageError("--batch must be at least 1.")
    with ProgressBar() as bar:
        result = measure(choose_device(arguments.device), progress=bar, **options)
    result["command"] = "spmamba bench " + " ".join(_command(arguments))
    text = json.dumps(result, indent=1)
    if arguments.output:
        try:
            arguments.output.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError("{} could not be written.".format(arguments.output), str(error)) from error
    print(text if arguments.json else "\n".join(table(result, columns)))
    return 0


def _command(arguments: argparse.Namespace) -> List[str]:
    """The options that were given, for the record."""
    words = [arguments.kind]
    for name in ("device", "model", "preset", "scan", "precision", "batch", "tokens", "slices"):
        value = getattr(arguments, name, None)
        if value not in (None, ""):
            words += ["--" + name, *(str(v) for v in (value if isinstance(value, (list, tuple)) else [value]))]
    return words + (["--no-sequential"] if getattr(arguments, "no_sequential", False) else [])


def table(result: Dict[str, Any], columns: Sequence[str]) -> List[str]:
    """Machine, rows and baselines as lines of text."""
    lines = ["{:<12}{}".format(name, value) for name, value in result["machine"].items()]
    lines += ["{:<12}{}".format(name, result[name]) for name in ("model", "preset", "backend") if name in result]
    columns = [column for column in columns if any(column in row for row in result["rows"])]
    cells = [[name.replace("_", " ") for name in columns]]
    cells += [[_cell(row.get(name)) for name in columns] for row in result["rows"]]
    widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
    lines += [""] + ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in cells]
    for row in result["rows"]:
        if "stages_ms" in row:
            lines += ["", "ms by stage, {} slices at once".format(row["batch"])]
            lines += ["  {:<20}{:>10.2f}".format(*item) for item in row["stages_ms"].items()]
    if "volume" in result:
        lines += ["", "volume of {slices} slices: {seconds} s end to end".format(**result["volume"])]
    if "sequential_ms" in result:
        lines += ["sequential reference form, one slice: {:.0f} ms".format(result["sequential_ms"])]
    return lines + [""] + ["{} ratio: to {}".format(*item) for item in result["baselines"].items()]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "{:.1e}".format(value) if 0 < abs(value) < 1e-3 else "{:.2f}".format(value)
    return "-" if value is None else str(value)
