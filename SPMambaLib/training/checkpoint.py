"""Checkpoints: all that decides the steps still to come, in one file that is whole or not there.

A checkpoint is a safetensors file (nothing in it is executed): weights, optimiser, generators and losses as tensors,
the small facts as JSON in its header.  It is written under a temporary name, flushed to the disk and renamed, so that
a process killed at any moment leaves the former checkpoint or the new one.
"""
from __future__ import annotations

import json
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from ..errors import UnreadableFileError, UsageError
from ..io.whole import write_durably
from ..model.network import SPMamba

LEARNING = ("neck", "decoder")  # parts of the network that training changes


@dataclass
class TrainingState:
    """Everything that the next step depends on, and the losses so far.

    Attributes:
        sampler: draws the images of each step; drop path draws from torch's own generators.
        step: steps done.
        seconds: time that they took, over all runs.
    """

    network: SPMamba
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.OneCycleLR
    scaler: Any
    sampler: torch.Generator
    device: torch.device
    step: int = 0
    seconds: float = 0.0
    losses: List[float] = field(default_factory=list)

    def capture(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(tensors, JSON facts), from which `restore` makes an equal state."""
        tensors = {"losses": torch.tensor(self.losses, dtype=torch.float64),
                   "random.sampler": self.sampler.get_state(), "random.torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        for part in LEARNING:
            for name, tensor in getattr(self.network, part).state_dict().items():
                tensors["{}.{}".format(part, name)] = tensor
        optimiser = self.optimiser.state_dict()
        for index, values in optimiser["state"].items():
            for name, tensor in values.items():
                tensors["optimiser.{}.{}".format(index, name)] = tensor
        facts = {"step": self.step, "seconds": self.seconds, "groups": optimiser["param_groups"],
                 "schedule": self.schedule.state_dict(), "scaler": self.scaler.state_dict()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, facts

    def restore(self, tensors: Dict[str, Tensor], facts: Dict[str, Any]) -> None:
        """Become the state that was captured; KeyError or RuntimeError if it was another network's."""
        for part in LEARNING:
            state = {name[len(part) + 1:]: tensor for name, tensor in tensors.items() if name.startswith(part + ".")}
            getattr(self.network, part).load_state_dict(state)
        moments: Dict[int, Dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimiser."):
                _, index, what = name.split(".")
                moments.setdefault(int(index), {})[what] = tensor
        groups = [dict(group, betas=tuple(group["betas"])) for group in facts["groups"]]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.schedule.load_state_dict(facts["schedule"])
        if facts["scaler"]:
            self.scaler.load_state_dict(facts["scaler"])
        self.sampler.set_state(tensors["random.sampler"])
        torch.set_rng_state(tensors["random.torch"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        self.step, self.seconds = facts["step"], facts["seconds"]
        self.losses = tensors["losses"].tolist()


class Checkpoints:
    """Where and how often a training writes its checkpoint.

    Args:
        path: the file; there is only one, the last.
        fingerprint: of everything that the training was started with; a checkpoint of another one is refused.
        every_steps, every_seconds: whichever comes first.
    """

    def __init__(self, path: Path, fingerprint: str, *, every_steps: int = 100, every_seconds: float = 120.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        if every_steps < 1 or not every_seconds > 0:
            raise UsageError("A checkpoint is written every so many steps or seconds; both must be positive.")
        self.path, self.fingerprint = path, fingerprint
        self.every_steps, self.every_seconds, self._clock = every_steps, every_seconds, clock
        self._written = (0, clock())

    def due(self, step: int) -> bool:
        return (step - self._written[0] >= self.every_steps
                or self._clock() - self._written[1] >= self.every_seconds)

    def save(self, state: TrainingState) -> None:
        """Write the state; the former checkpoint stays until the new one is whole.

        Raises:
            OutputError: it cannot be written.
        """
        save_tensors(self.path, *state.capture(), fingerprint=self.fingerprint)
        self._written = (state.step, self._clock())

    def load(self) -> Optional[Tuple[Dict[str, Tensor], Dict[str, Any]]]:
        """What `TrainingState.restore` takes; None when there is no checkpoint yet.

        Raises:
            UnreadableFileError: it is damaged.
            UsageError: it belongs to another training.
        """
        found = load_tensors(self.path, fingerprint=self.fingerprint)
        if found is not None:
            self._written = (found[1]["step"], self._clock())
        return found


def save_tensors(path: Path, tensors: Dict[str, Tensor], facts: Dict[str, Any], *, fingerprint: str) -> None:
    """Write tensors and JSON facts as one safetensors file, durably."""
    from safetensors.torch import save

    header = {"facts": json.dumps(facts), "fingerprint": fingerprint}
    write_durably(path, save(tensors, metadata=header))


def load_tensors(path: Path, *, fingerprint: str) -> Optional[Tuple[Dict[str, Tensor], Dict[str, Any]]]:
    """Inverse of `save_tensors`; None when there is no such file.

    Raises:
        UnreadableFileError: it is damaged.
        UsageError: it has another fingerprint (code ``another-training``).
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
        tensors = load(data)
        header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]
        facts, found = json.loads(header["facts"]), header["fingerprint"]
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, KeyError, ValueError, struct.error) as error:
        raise UnreadableFileError("{} is damaged; delete it, and what it held is done again.".format(path),
                                  str(error)) from error
    if found != fingerprint:
        raise UsageError("{} belongs to another training (other images or another configuration).".format(path),
                         code="another-training")
    return tensors, facts
