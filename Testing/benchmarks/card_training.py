"""Training of a preset on a device for as long as there is, with the losses: does it run, how fast, does it learn?

    python Testing/benchmarks/card_training.py --device cuda --preset paper --batch 32 --seconds 120 --output FILE

The real training loop (`training.train.train_decoder`) on the slices of the sample volume, and on their mirror images;
the held-out part is every fifth slice.  It makes no model: the sample is one average head.
"""
# ruff: noqa: E402 - the path, and the setting for OpenMP, come before the imports that need them
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SPMambaLib.worker.processors import share_processors

share_processors()

import torch
from torch import Tensor

from SPMambaLib.bench.measure import machine
from SPMambaLib.io.image import read_image
from SPMambaLib.model.config import PRESETS
from SPMambaLib.model.device import choose_device
from SPMambaLib.model.network import SPMamba
from SPMambaLib.model.teacher import to_teacher_input
from SPMambaLib.preprocessing.prepare import Preprocessing, prepare
from SPMambaLib.scan import default_backend
from SPMambaLib.training.train import TrainingConfig, train_decoder

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleData" / "FLAIR-sample.nii.gz"
HELD_OUT = 5  # every so many slices
PROBE = 5  # steps by which the time of one is known
KEPT = 100  # losses in the result


@torch.inference_mode()
def features(network: SPMamba, slices: int) -> Tuple[List[Tensor], List[Tensor]]:
    """Teacher features of the sample's slices and their mirror images, for training and held out, on the CPU."""
    device, size = next(network.parameters()).device, network.config.input_size
    image = read_image(SAMPLE)
    plane = image.plane("axial")
    prepared = prepare(plane.to_slices(image.voxels), plane.spacing[1:], Preprocessing(size=size))
    pixels = prepared.pixels[torch.from_numpy(prepared.analysed)][:slices]
    held = torch.arange(len(pixels)) % HELD_OUT == 0
    sets = []
    for chosen in (pixels[~held], pixels[held]):
        both = torch.cat([chosen, chosen.flip(-1)])
        parts = [network.encode(to_teacher_input(part.to(device))) for part in both.split(8)]
        sets.append([torch.cat([part[scale].cpu() for part in parts]) for scale in range(len(parts[0]))])
    return sets[0], sets[1]


def train(device: torch.device, preset: str, batch: int, steps: Optional[int], seconds: float) -> Dict[str, Any]:
    """Train for so many steps, or for about so many seconds; JSON-ready."""
    torch.manual_seed(0)
    network = SPMamba(PRESETS[preset]).to(device)
    known, held = features(network, 10 if steps else 10 ** 6)
    config = TrainingConfig(batch=batch, steps=PROBE, validate_every=10 ** 9)
    begin, rows = time.monotonic(), []
    if steps is None:
        train_decoder(network, known, config, record=rows.append)
        each = (rows[-1]["seconds"] - rows[0]["seconds"]) / (len(rows) - 1)
        steps = max(PROBE, int((seconds - (time.monotonic() - begin)) / max(each, 1e-6)))
        torch.manual_seed(0)
        network = SPMamba(PRESETS[preset]).to(device)
    rows = []
    train_decoder(network, known, dataclasses.replace(config, steps=steps), validation=held, record=rows.append)
    every = max(1, len(rows) // KEPT)
    taken = rows[-1]["seconds"] - rows[0]["seconds"]
    return {"benchmark": "training", "machine": machine(device), "preset": preset, "batch": batch, "steps": steps,
            "backend": default_backend(device), "seconds": round(rows[-1]["seconds"], 1),
            "step_ms": round(1e3 * taken / max(1, len(rows) - 1), 1), "slices": len(known[0]),
            "validation_loss": round(rows[-1]["validation_loss"], 5),
            "rows": [{"step": row["step"], "loss": round(row["loss"], 5)} for row in rows[::every]]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--preset", default="paper", choices=sorted(PRESETS))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    result = train(choose_device(options.device), options.preset, options.batch, options.steps, options.seconds)
    result["command"] = "python Testing/benchmarks/card_training.py --device {} --preset {} --batch {} {}".format(
        options.device, options.preset, options.batch,
        "--steps {}".format(options.steps) if options.steps else "--seconds {:.0f}".format(options.seconds))
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("{steps} steps, {step_ms} ms each, held-out loss {validation_loss}".format(**result))


if __name__ == "__main__":
    main()
