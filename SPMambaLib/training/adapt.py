"""Adapt the teacher to medical images and make it blind to the scanner: denoising self-distillation.

The adapted teacher sees an image, every other one degraded (noise, blur, gamma, contrast), and must answer with the
features that the original teacher gives for the clean one, scale by scale.  What stays is anatomy; what goes is a part
of what reacts to the acquisition, which otherwise raises false positives on normal scans.

Every channel counts by its own spread.  In cosine distance the strong channels rule, the weak ones drift away, and the
weak ones are where disease of the chest shows: few, gentle steps, so that the teacher stays itself on clean images.
Afterwards the weights are rounded to the bundle's storage precision and frozen: everything fitted later is fitted on
exactly the teacher that is shipped.
"""
from __future__ import annotations

from typing import Callable, List

import torch
from torch import Tensor
from torch.nn import functional as F

from ..model.teacher import Teacher, to_teacher_input


def degrade(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """A random scanner: gamma 0.7-1.4, contrast 0.75-1.25, blur up to 1.2 px, noise sd up to 0.06; (B, 1, S, S)."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(pixels), 1, 1, 1, generator=generator)

    out = pixels.clamp(1e-4, 1.0) ** uniform(0.7, 1.4)
    out = (out - 0.5) * uniform(0.75, 1.25) + 0.5 + uniform(-0.05, 0.05)
    blurred = F.avg_pool2d(F.avg_pool2d(out, 3, 1, 1, count_include_pad=False), 3, 1, 1, count_include_pad=False)
    out = torch.lerp(out, blurred, uniform(0.0, 1.0) * (torch.rand(uniform(0, 1).shape, generator=generator) < 0.5))
    noise = torch.randn(out.shape, generator=generator) * uniform(0.0, 0.06)
    return (out + noise * (torch.rand(uniform(0, 1).shape, generator=generator) < 0.6)).clamp(0.0, 1.0)


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """1 - cos over channels, (B, C, h, w) x 2 -> (B, h, w)."""
    return 1.0 - F.cosine_similarity(at_least_single(a), at_least_single(b), dim=1)


def at_least_single(x: Tensor) -> Tensor:
    """Half precision becomes single: near 1, a cosine in half precision tells nothing."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def one_cycle(optimiser: torch.optim.Optimizer, learning_rate: float,
              steps: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """Learning rate up over the first tenth, then down; straight down when a tenth is at most a step or two."""
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps,
                                               pct_start=0.1 if steps >= 20 else 0.0)


@torch.no_grad()
def channel_spreads(teacher: Teacher, pixels: Tensor, device: torch.device) -> List[Tensor]:
    """Spread of each channel over some images, (1, C, 1, 1) for each scale; a tenth of the whole is added."""
    parts = [teacher(to_teacher_input(part.to(device))) for part in pixels.split(8)]
    features = [torch.cat(scale) for scale in zip(*parts)]
    return [f.std(dim=(0, 2, 3), keepdim=True) + 0.1 * f.std() for f in features]


def adapt_teacher(teacher: Teacher, original: Teacher, pixels: Tensor, *, steps: int, batch: int = 8,
                  learning_rate: float = 2e-5, seed: int = 0,
                  progress: Callable[[float, str], None] = lambda fraction, text: None) -> List[float]:
    """Train `teacher` in place on clean `pixels` (N, 1, S, S); returns the loss of each step."""
    generator = torch.Generator().manual_seed(seed)
    teacher.requires_grad_(True)
    optimiser = torch.optim.AdamW(teacher.parameters(), lr=learning_rate, weight_decay=0.0)
    schedule = one_cycle(optimiser, learning_rate, steps)
    device = next(teacher.parameters()).device
    spreads = channel_spreads(original, pixels[torch.randint(len(pixels), (64,), generator=generator)], device)
    losses: List[float] = []
    for step in range(steps):
        clean = pixels[torch.randint(len(pixels), (batch,), generator=generator)]
        with torch.no_grad():
            wanted = original(to_teacher_input(clean.to(device)).contiguous(memory_format=torch.channels_last))
        seen = clean.clone()
        seen[1::2] = degrade(clean[1::2], generator)
        got = teacher(to_teacher_input(seen.to(device)).contiguous(memory_format=torch.channels_last))
        loss = torch.stack([((g - w) / s).square().mean() for g, w, s in zip(got, wanted, spreads)]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        progress((step + 1) / steps, "adapting the teacher: loss {:.4f}".format(sum(losses[-50:]) / len(losses[-50:])))
    teacher.requires_grad_(False)
    return losses
