"""Train neck and decoder to reconstruct the frozen teacher's features of normal images.

The teacher's features are computed once and cached.  The loss is the cosine distance per scale by default (it is also
what the residual map measures), or the paper's MSE.  The epoch is never chosen: the last step is kept, and the loss of
held-out normals is only written down.

Everything random comes from two generators that start at the seed (the images of a step; drop path), so a run can be
repeated on one device, and can go on from a checkpoint as if nothing had happened.
"""
from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import torch
from torch import Tensor

from ..errors import Cancelled, TrainingError, UsageError
from ..model.network import SPMamba
from .adapt import at_least_single, cosine_distance, one_cycle
from .checkpoint import Checkpoints, TrainingState
from .distributed import ALONE, Ranks, trainable
from .interrupt import Interruption

LOSSES = ("cosine", "mse")


@dataclass(frozen=True)
class TrainingConfig:
    """AdamW with one-cycle learning rate; weight decay spares A, D, biases and norms (paper, section 2).

    Attributes:
        batch: images of a step, over all processes.
        loss: ``"cosine"``, or ``"mse"`` as in the paper.
        validate_every: steps between two looks at the held-out normals.
        validation_images: how many of them are looked at, drawn once.
    """

    steps: int = 500
    batch: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    gradient_clip: float = 5.0
    loss: str = "cosine"
    seed: int = 0
    validate_every: int = 50
    validation_images: int = 32

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise UsageError("Unknown loss {!r}; use one of: {}.".format(self.loss, ", ".join(LOSSES)))
        if min(self.steps, self.batch, self.validate_every) < 1:
            raise UsageError("A training needs at least one step, and one image in each.")

    def to_dict(self) -> Dict[str, Any]:
        return asdict(self)


def reconstruction_loss(features: Sequence[Tensor], reconstructions: Sequence[Tensor], kind: str) -> Tensor:
    """Sum over scales of the mean cosine distance, or of the mean squared error."""
    if kind == "cosine":
        terms = [cosine_distance(f, r).mean() for f, r in zip(features, reconstructions)]
    else:
        terms = [torch.nn.functional.mse_loss(at_least_single(r), f) for f, r in zip(features, reconstructions)]
    return torch.stack(terms).sum()


def train_decoder(network: SPMamba, features: Sequence[Tensor], config: TrainingConfig, *,
                  validation: Optional[Sequence[Tensor]] = None, precision: Optional[torch.dtype] = None,
                  ranks: Ranks = ALONE, checkpoints: Optional[Checkpoints] = None,
                  record: Callable[[Dict[str, Any]], None] = lambda values: None,
                  progress: Callable[[float, str], None] = lambda fraction, text: None) -> List[float]:
    """Train in place on cached teacher features f1, f2, f3 (N, C, h, w); returns the loss of each step.

    Prototypes are left as they are: they were fitted to data, and pulling makes them collapse.

    Args:
        network: on the device to train on.
        features: on the CPU, the same on every rank.
        validation: features of held-out normals, whose loss is recorded now and then.
        precision: what autocast computes in on a graphics card; None for single precision.
        ranks: the processes that train together.
        checkpoints: the training goes on from the last of them, and writes new ones; rank 0 only.
        record: called with step, loss, learning rate, seconds, images per second and validation loss of every step.

    Raises:
        Cancelled: Ctrl-C; a checkpoint was written (without `checkpoints` and alone, Ctrl-C raises as it always does).
        TrainingError: the loss is not a number any more.
        UsageError: the batch cannot be shared by the ranks, or the checkpoint is another training's.
        UnreadableFileError, OutputError: the checkpoint is damaged, or cannot be written.
    """
    device = next(network.decoder.parameters()).device
    rows = ranks.rows(config.batch)
    sampler = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)  # drop path
    network.prototypes.requires_grad_(False)
    resumable = checkpoints is not None or ranks.count > 1
    with reproducible(), ranks.acting_as_one(network), Interruption(enabled=resumable) as interruption:
        optimiser = torch.optim.AdamW(network.parameter_groups(config.weight_decay), lr=config.learning_rate)
        schedule = one_cycle(optimiser, config.learning_rate, config.steps)
        scaler = gradient_scaler(enabled=precision == torch.float16)
        state = TrainingState(network, optimiser, schedule, scaler, sampler, device)
        resume(state, checkpoints, ranks)
        network.train()
        started = time.monotonic() - state.seconds
        while state.step < config.steps:
            chosen = torch.randint(len(features[0]), (config.batch,), generator=sampler)[rows]
            loss = decoder_loss(network, [feature[chosen] for feature in features], config.loss, precision)
            optimiser.zero_grad()
            scaler.scale(loss).backward()
            ranks.average_gradients(trainable(network))
            scaler.unscale_(optimiser)
            torch.nn.utils.clip_grad_norm_(trainable(network), config.gradient_clip)
            learning_rate = schedule.get_last_lr()[0]
            scaler.step(optimiser)
            scaler.update()
            schedule.step()

            value, stop = ranks.agree(loss, interruption.requested)
            if not math.isfinite(value):
                raise TrainingError("Training diverged: the loss is not a number at step {}; try a smaller "
                                    "learning rate.".format(state.step + 1), code="training-diverged")
            state.step += 1
            state.losses.append(value)
            before, state.seconds = state.seconds, time.monotonic() - started
            entry = {"step": state.step, "loss": value, "learning_rate": learning_rate,
                     "seconds": round(state.seconds, 3),
                     "images_per_second": round(config.batch / max(state.seconds - before, 1e-9), 2)}
            last = state.step == config.steps
            if ranks.leads and validation is not None and (state.step % config.validate_every == 0 or last):
                entry["validation_loss"] = validation_loss(network, validation, config, precision)
            record(entry)
            if checkpoints is not None and (checkpoints.due(state.step) or last or stop):
                checkpoints.save(state)
            recent = state.losses[-20:]
            progress(state.step / config.steps, "training the decoder: loss {:.4f}".format(sum(recent) / len(recent)))
            if stop:
                raise Cancelled("Stopped after step {} of {}, nothing is lost: the same command with --resume goes on "
                                "from there.".format(state.step, config.steps))
    network.eval()
    return state.losses


def decoder_loss(network: SPMamba, features: Sequence[Tensor], kind: str, precision: Optional[torch.dtype]) -> Tensor:
    """Loss of some images, given their teacher features."""
    weight = next(network.decoder.parameters())
    batch = [feature.to(weight.device).to(weight.dtype) for feature in features]
    with torch.autocast(weight.device.type, dtype=precision, enabled=precision is not None):
        reconstructions = network.decoder(network.neck(batch))
    wanted = [batch[scale] for scale in network.config.matched_scales]
    return reconstruction_loss(wanted, reconstructions, kind)


@torch.no_grad()
def validation_loss(network: SPMamba, features: Sequence[Tensor], config: TrainingConfig,
                    precision: Optional[torch.dtype]) -> float:
    """Mean loss of held-out normals as detection sees them (evaluation mode); draws nothing, changes nothing."""
    network.eval()
    total, count = 0.0, len(features[0])
    for start in range(0, count, config.batch):
        part = [feature[start:start + config.batch] for feature in features]
        total += float(decoder_loss(network, part, config.loss, precision)) * len(part[0])
    network.train()
    return total / count


def validation_rows(count: int, config: TrainingConfig) -> Tensor:
    """Which of `count` held-out images the validation looks at: drawn once, from a generator of its own."""
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(config.seed))
    return drawn[:config.validation_images].sort().values


def resume(state: TrainingState, checkpoints: Optional[Checkpoints], ranks: Ranks) -> None:
    """Bring every rank to the last checkpoint, if there is one."""
    found = None if checkpoints is None else checkpoints.load()
    tensors, facts = ranks.share_out(*(found or ({}, None)))
    if facts is not None:
        state.restore(tensors, facts)


@contextmanager
def reproducible() -> Iterator[None]:
    """While entered, cuDNN takes only algorithms that give the same result again."""
    cudnn = torch.backends.cudnn
    former = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = former


def gradient_scaler(*, enabled: bool) -> Any:
    """Keeps float16 gradients from vanishing; does nothing unless enabled."""
    if hasattr(torch.amp, "GradScaler"):
        return torch.amp.GradScaler("cuda", enabled=enabled)
    return torch.cuda.amp.GradScaler(enabled=enabled)  # torch before 2.3
