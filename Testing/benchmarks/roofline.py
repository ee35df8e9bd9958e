"""How near the scan comes to what the device can: FLOP/s beside a matrix product, bytes/s beside a copy, in one run.

    python Testing/benchmarks/roofline.py --device cuda --batch 32 --output FILE

Counted is what any scan has to do: 7 operations for each step, channel, state and path (the exponent, its exponential,
what is driven, multiply and add of the state, multiply and add of the output), 6 for each step, channel and path; every
input read once and the result written once, in float32.  Fewer bytes than that cannot be moved; a backend that moves
more shows a lower share.
"""
# ruff: noqa: E402 - the path, and the setting for OpenMP, come before the imports that need them
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SPMambaLib.worker.processors import share_processors

share_processors()

import torch

from SPMambaLib.bench import scan
from SPMambaLib.bench.measure import machine, seconds
from SPMambaLib.model.device import choose_device
from SPMambaLib.scan import available_backends

OPERATIONS_OF_STATE, OPERATIONS_OF_CHANNEL = 7, 6


def work(length: int, batch: int, paths: int = scan.PATHS, states: int = scan.STATES) -> Tuple[int, int]:
    """Floating-point operations and least bytes of one forward scan at a stage of the paper's network."""
    channels = scan.CHANNELS[length]
    rows = batch * paths * length
    operations = rows * channels * (OPERATIONS_OF_STATE * states + OPERATIONS_OF_CHANNEL)
    numbers = 2 * batch * length * channels + rows * channels + 2 * rows * states
    return operations, 4 * numbers + 8 * paths * length


def measure(device: torch.device, lengths: Sequence[int], batch: int, matmul: int, copy: int) -> Dict[str, Any]:
    """Rates of the device, and of every backend at some sequence lengths.  `matmul`: side; `copy`: MiB."""
    left, right = (torch.randn(matmul, matmul, device=device) for _ in range(2))
    block = torch.empty(copy * 2 ** 20 // 4, device=device)
    target = torch.empty_like(block)
    flops = 2 * matmul ** 3 / seconds(torch.mm, device, left, right)
    rate = 2 * 4 * block.numel() / seconds(target.copy_, device, block)
    rows: List[Dict[str, Any]] = []
    for length in lengths:
        operations, moved = work(length, batch)
        tensors, order = scan.inputs(length, batch, device)
        for backend in (name for name in available_backends(device) if name != "reference"):
            took = seconds(scan.forward, device, tensors, order, backend)
            rows.append({"tokens": length, "channels": scan.CHANNELS[length], "backend": backend,
                         "forward_ms": round(1e3 * took, 3), "gflops": round(operations / took / 1e9, 2),
                         "gbytes": round(moved / took / 1e9, 2), "of_matmul": round(operations / took / flops, 4),
                         "of_copy": round(moved / took / rate, 4)})
    return {"benchmark": "roofline", "machine": machine(device), "batch": batch,
            "matmul_side": matmul, "copy_mib": copy, "matmul_gflops": round(flops / 1e9, 1),
            "copy_gbytes": round(rate / 1e9, 1), "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tokens", type=int, nargs="+", default=list(scan.CHANNELS), choices=list(scan.CHANNELS))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--matmul", type=int, default=4096, help="side of the matrices")
    parser.add_argument("--copy", type=int, default=256, help="MiB")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    result = measure(choose_device(options.device), options.tokens, options.batch, options.matmul, options.copy)
    result["command"] = "python Testing/benchmarks/roofline.py --device {} --batch {} --tokens {}".format(
        options.device, options.batch, " ".join(map(str, options.tokens)))
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["rows"]))


if __name__ == "__main__":
    main()
