"""What a slice costs as the image grows: SP-Mamba's scan beside attention of the same width.

    python Testing/benchmarks/image_size.py --output Testing/benchmarks/results/image_size_cpu

Writes OUTPUT.json and OUTPUT.png.  *One layer* is what mixes the tokens of the decoder's finest stage (stride 4, 64
channels, paper): an SS2D layer, or softmax attention of the same inner width in its place, by torch's fused kernel,
which does not keep the L x L matrix.  *Whole slice* is the paper preset's network, its grid as large as the image asks
for.  Exponents are slopes of log time over log pixels: 1 is linear, 2 is quadratic.
"""
# ruff: noqa: E402 - the path, and the setting for OpenMP, come before the imports that need them
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SPMambaLib.worker.processors import share_processors

share_processors()

from SPMambaLib.bench.measure import machine, seconds
from SPMambaLib.model.config import PRESETS
from SPMambaLib.model.network import SPMamba
from SPMambaLib.model.ss2d import SS2D
from SPMambaLib.scan import default_backend

SIZES = (128, 256, 512, 1024)
STRIDE = 4


class Attention(nn.Module):
    """Softmax attention over all tokens of (B, n, n, C), four heads, inner width that of the SS2D layer."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(channels, 3 * inner, bias=False), nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.qkv(x.flatten(1, 2)).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*tokens)
        return self.out(mixed.transpose(1, 2).flatten(2)).view_as(x)


@torch.inference_mode()
def measure(device: torch.device) -> dict:
    config = PRESETS["paper"]
    channels = config.decoder_channels[-1]
    rows = []
    for size in SIZES:
        side = size // STRIDE
        x = torch.randn(1, side, side, channels, device=device)
        scan = SS2D(channels, side, config.state_size, config.expand, config.directions).to(device).eval()
        attention = Attention(channels, config.expand * channels).to(device).eval()
        row = {"pixels": size, "tokens": side * side, "scan_s": seconds(scan, device, x),
               "attention_s": seconds(attention, device, x)}
        # Below 256 pixels the coarsest grid is too small for the paper's path; the Hilbert curve alone costs the same.
        path = "circular-hilbert" if size >= 256 else "hilbert"
        network = SPMamba(dataclasses.replace(config, input_size=size, scan_order=path)).to(device).eval()
        row["slice_s"] = seconds(network, device, torch.randn(1, 3, size, size, device=device))
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    exponents = {name: round(float(np.polyfit(np.log([r["pixels"] ** 2 for r in rows]),
                                              np.log([r[name + "_s"] for r in rows]), 1)[0]), 3)
                 for name in ("scan", "attention", "slice")}
    return {"benchmark": "image size", "machine": machine(device), "backend": default_backend(device),
            "command": "python Testing/benchmarks/image_size.py --device {}".format(device), "exponents": exponents,
            "rows": rows}


def plot(result: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = result["rows"]
    pixels = np.array([row["pixels"] for row in rows])
    figure, (layer, whole) = pyplot.subplots(1, 2, figsize=(10, 4.2), sharex=True)
    for name, label, colour, marker in (("scan", "SP-Mamba's scan ({})".format(result["backend"]), "#0072b2", "o"),
                                        ("attention", "attention", "#d55e00", "s")):
        values = np.array([row[name + "_s"] for row in rows])
        layer.loglog(pixels, values, color=colour, marker=marker,
                     label="{}, ~ pixels$^{{{:.2f}}}$".format(label, result["exponents"][name]))
    for power, style in ((1, ":"), (2, "--")):
        layer.loglog(pixels, rows[1]["scan_s"] * (pixels / 256.0) ** (2 * power), style, color="#999999", linewidth=1,
                     label="linear in pixels" if power == 1 else "quadratic")
    layer.set_title("One layer at stride 4, 64 channels")
    whole.loglog(pixels, [row["slice_s"] for row in rows], color="#0072b2", marker="o",
                 label="paper preset, ~ pixels$^{{{:.2f}}}$".format(result["exponents"]["slice"]))
    whole.loglog(pixels, rows[1]["slice_s"] * (pixels / 256.0) ** 2, ":", color="#999999", linewidth=1,
                 label="linear in pixels")
    whole.set_title("Whole slice")
    for axes in (layer, whole):
        axes.set_xlabel("side of the image (px)")
        axes.set_ylabel("seconds")
        axes.set_xticks(pixels, [str(p) for p in pixels])
        axes.minorticks_off()
        axes.grid(True, which="major", color="#e5e5e5")
        axes.legend(frameon=False, fontsize=9)
    facts = result["machine"]
    figure.suptitle("{}, {} threads, torch {}, {}".format(facts["processor"] if facts["device"] == "cpu" else
                                                          facts["device"], facts["threads"], facts["torch"],
                                                          facts["date"]), fontsize=9, color="#666666")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, required=True, help="path of the results, without ending")
    parser.add_argument("--redraw", action="store_true", help="draw the numbers that are there")
    arguments = parser.parse_args()
    numbers = arguments.output.with_suffix(".json")
    if not arguments.redraw:
        numbers.write_text(json.dumps(measure(torch.device(arguments.device)), indent=1) + "\n")
    plot(json.loads(numbers.read_text()), arguments.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
