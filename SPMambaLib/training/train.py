"""Train neck and decoder to reconstruct the frozen teacher's features of normal images.

The teacher's features are computed once and cached.  The loss is the cosine distance per scale by default (it is also
what the residual map measures), or the paper's MSE.  The epoch is never chosen: the last step is kept.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, List, Sequence

import torch
from torch import Tensor

from ..model.network import SPMamba
from .adapt import cosine_distance, one_cycle


@dataclass(frozen=True)
class TrainingConfig:
    """AdamW with one-cycle learning rate; weight decay spares A, D, biases and norms (paper, section 2)."""

    steps: int = 500
    batch: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    gradient_clip: float = 5.0
    loss: str = "cosine"
    seed: int = 0

    def to_dict(self) -> Dict[str, Any]:
        return asdict(self)


def reconstruction_loss(features: Sequence[Tensor], reconstructions: Sequence[Tensor], kind: str) -> Tensor:
    """Sum over scales of the mean cosine distance, or of the mean squared error."""
    if kind == "cosine":
        terms = [cosine_distance(f, r).mean() for f, r in zip(features, reconstructions)]
    else:
        terms = [torch.nn.functional.mse_loss(r, f) for f, r in zip(features, reconstructions)]
    return torch.stack(terms).sum()


def train_decoder(network: SPMamba, features: Sequence[Tensor], config: TrainingConfig, *,
                  progress: Callable[[float, str], None] = lambda fraction, text: None) -> List[float]:
    """Train in place on cached teacher features f1, f2, f3 (N, C, h, w); returns the loss of each step.

    Prototypes are left as they are: they were fitted to data, and pulling makes them collapse.
    """
    generator = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)  # drop path
    network.prototypes.requires_grad_(False)
    optimiser = torch.optim.AdamW(network.parameter_groups(config.weight_decay), lr=config.learning_rate)
    schedule = one_cycle(optimiser, config.learning_rate, config.steps)
    network.train()
    losses: List[float] = []
    for step in range(config.steps):
        chosen = torch.randint(len(features[0]), (config.batch,), generator=generator)
        batch = [feature[chosen].float() for feature in features]
        reconstructions = network.decoder(network.neck(batch))
        wanted = [batch[scale] for scale in network.config.matched_scales]
        loss = reconstruction_loss(wanted, reconstructions, config.loss)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], config.gradient_clip)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        recent = losses[-20:]
        progress((step + 1) / config.steps, "training the decoder: loss {:.4f}".format(sum(recent) / len(recent)))
    network.eval()
    return losses
