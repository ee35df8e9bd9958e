"""``spmamba bench train``: one training step, forward and backward, against autograd through the plain loop."""
from __future__ import annotations

from typing import Any, Callable, Dict

import torch

from ..model.config import PRESETS
from ..model.network import SPMamba
from ..scan import available_backends, using
from ..training.train import reconstruction_loss
from .measure import machine, seconds


def run(device: torch.device, *, preset: str = "compact", batch: int = 8,
        progress: Callable[[float, str], None] = lambda fraction, text: None) -> Dict[str, Any]:
    """Time of a step on cached teacher features with every backend; JSON-ready."""
    torch.manual_seed(0)
    network = SPMamba(PRESETS[preset]).to(device).train()
    network.prototypes.requires_grad_(False)
    size = network.config.input_size
    features = network.encode(torch.randn(batch, 3, size, size, device=device))
    wanted = [features[scale] for scale in network.config.matched_scales]

    def step() -> None:
        network.zero_grad(set_to_none=True)
        reconstruction_loss(wanted, network.decoder(network.neck(features)), "cosine").backward()

    backends = list(available_backends(device))
    times = {}
    for number, name in enumerate(reversed(backends)):  # the plain loop first: it is the baseline
        progress(number / len(backends), "training step: {}".format(name))
        with using(name):
            times[name] = seconds(step, device)
    rows = [{"backend": name, "step_ms": round(1e3 * times[name], 1),
             "ratio": round(times["reference"] / times[name], 2)} for name in backends]
    return {"benchmark": "train", "machine": machine(device), "preset": preset, "batch": batch,
            "baselines": {"step": "autograd through the plain loop (backend reference)"}, "rows": rows}
