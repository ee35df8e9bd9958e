"""Write SPEED.md, the page of measured times, from the results beside it.

    python Testing/benchmarks/speed_page.py

A test compares the page with the results, so that no number on it is anybody's memory.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

HERE = Path(__file__).resolve().parent
PAGE = HERE / "SPEED.md"

HEAD = """\
# Speed

Written by `speed_page.py` from `results/bench_*.json`, `results/card_*.json` (made by `card.sh` on a graphics card) and
`results/image_size_*.json`; do not edit. Every table names the command, device and date of its run. Times depend on the
machine: compare ratios, each to a baseline of its run. On a machine that does other things, run the commands with
priority (`chrt -r 10 spmamba bench ...`), as was done here.

* *authors' layout*, *sequential reference form*: the published computation, one step, one direction, one cell at a time
  (`SPMambaLib/bench/sequential.py`), with the same weights and the same result.
* *plain loop*: the backend `reference`, differentiated by autograd.
* *teacher*: the frozen CNN alone, the floor of any such detector.

{gpu}
"""
NO_GPU = """\
**This has never run on a graphics card.** The backends `triton`, `mamba_ssm` and the two-height form of `torch` are
written and tested as far as a CPU can: Triton's kernels in its interpreter and through the whole compiler to machine
code for sm_80 and sm_90, the adapter for mamba-ssm on an imitation of its documented call, the two-height form on the
CPU. Their speed there is unknown. On a computer with a card `Testing/benchmarks/card.sh` makes the missing tables."""


def results() -> List[Dict[str, Any]]:
    """All runs, by file name."""
    paths = [path for kind in ("bench", "card", "image_size")
             for path in sorted(HERE.glob("results/{}_*.json".format(kind)))]
    return [dict(json.loads(path.read_text()), file=path.name) for path in paths]


def table(columns: Dict[str, str], rows: List[Dict[str, Any]]) -> List[str]:
    """Markdown of rows; `columns` maps keys to headings."""
    lines = ["| {} |".format(" | ".join(columns.values())), "|{}".format("---|" * len(columns))]
    return lines + ["| {} |".format(" | ".join(cell(row.get(key)) for key in columns)) for row in rows]


def cell(value: Any) -> str:
    if isinstance(value, float):
        if 0 < abs(value) < 1e-3:
            return "{:.0e}".format(value)
        return "{:.0f}".format(value) if abs(value) >= 100 else "{:.1f}".format(value) if abs(value) >= 10 \
            else "{:.2f}".format(value)
    return "-" if value is None else str(value)


def of_scan(result: Dict[str, Any]) -> List[str]:
    lines = ["## The scan, {} image(s), at the sizes of the paper's stages".format(result["batch"]), *facts(result)]
    return lines + table({
        "tokens": "tokens", "channels": "channels", "backend": "backend", "forward_ms": "forward ms",
        "forward_ratio": "times faster than the authors' layout", "both_ms": "forward, backward ms",
        "both_ratio": "times faster than the plain loop", "error": "error against float64",
        "forward_mib": "forward MiB",
        "both_mib": "both MiB"}, result["rows"])


def of_detect(result: Dict[str, Any]) -> List[str]:
    title = "## A slice: {model}, {input_size} px, scan by `{backend}`, {precision} precision"
    lines = [title.format(**{"precision": "single", **result}), *facts(result)]
    lines += table({
        "batch": "slices at once", "total_ms": "ms", "slices_per_second": "slices per second",
        "teacher_ms": "teacher ms",
        "teacher_ratio": "times its teacher", "times_faster": "times faster than the sequential form",
        "memory_mib": "peak MiB beyond the weights"}, result["rows"])
    for row in result["rows"]:
        stages = ", ".join("{} {}".format(name, cell(value)) for name, value in row["stages_ms"].items())
        lines += ["", "By stage, {} slice(s) at once, ms: {} (the scan is part of the decoder).".format(
            row["batch"], stages)]
    if "sequential_ms" in result:
        lines += ["", "Sequential reference form: {} ms a slice; its map differs by {} of the map's range.".format(
            cell(result["sequential_ms"]), cell(result["difference"]))]
    if "volume" in result:
        lines += ["", "A volume of {slices} slices, end to end: {seconds} s.".format(**result["volume"])]
    return lines


def of_train(result: Dict[str, Any]) -> List[str]:
    lines = ["## A training step: {preset}, {batch} images".format(**result), *facts(result)]
    return lines + table({"backend": "scan by", "step_ms": "ms", "ratio": "times faster than the plain loop"},
                         result["rows"])


def of_roofline(result: Dict[str, Any]) -> List[str]:
    lines = ["## How near to what the device can, {batch} image(s)".format(**result), *facts(result)]
    lines += table({"tokens": "tokens", "channels": "channels", "backend": "scan by", "forward_ms": "forward ms",
                    "gflops": "GFLOP/s", "of_matmul": "of a matrix product", "gbytes": "GB/s",
                    "of_copy": "of a copy"}, result["rows"])
    return lines + ["", "In the same run: a product of two {matmul_side} x {matmul_side} float32 matrices "
                        "{matmul_gflops} GFLOP/s, a copy of {copy_mib} MiB {copy_gbytes} GB/s (read and "
                        "written).".format(**result)]


def of_training(result: Dict[str, Any]) -> List[str]:
    lines = ["## Training: {preset}, {batch} images, scan by `{backend}`".format(**result), *facts(result)]
    lines += ["{steps} steps in {seconds} s, {step_ms} ms each, on {slices} slices of the sample; held-out loss at "
              "the end {validation_loss}. Loss at some steps:".format(**result), ""]
    shown = result["rows"][::max(1, len(result["rows"]) // 10)]
    return lines + table({"step": "step", "loss": "loss"}, shown)


def of_image_size(result: Dict[str, Any]) -> List[str]:
    lines = ["## Image size: linear, where attention is quadratic", *facts(result),
             "![time over image size](results/{})".format(result["file"].replace(".json", ".png")), ""]
    lines += table({"pixels": "px", "tokens": "tokens", "scan_s": "one scan layer s", "attention_s": "attention s",
                    "slice_s": "whole slice s"}, result["rows"])
    return lines + ["", "Time grows with the number of pixels to the power of {scan} (scan), {attention} (attention), "
                        "{slice} (whole slice).".format(**result["exponents"])]


def facts(result: Dict[str, Any]) -> List[str]:
    machine = result["machine"]
    versions = ["{} {}".format(name, machine[name]) for name in ("python", "torch", "numba", "triton", "mamba-ssm")
                if name in machine]
    return ["", "`{}`; {} ({}), {} threads; {}; {}.".format(
        result["command"], machine["device"], machine["processor"], machine["threads"], ", ".join(versions),
        machine["date"]), ""]


SECTIONS = {"detect": of_detect, "scan": of_scan, "roofline": of_roofline, "train": of_train, "training": of_training,
            "image size": of_image_size}


def page() -> str:
    runs = results()
    on_gpu = any(run["machine"]["device"] != "cpu" for run in runs)
    lines = HEAD.format(gpu="" if on_gpu else NO_GPU).splitlines()
    for kind in SECTIONS:
        for run in runs:
            if run["benchmark"] == kind:
                lines += ["", *SECTIONS[kind](run)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
