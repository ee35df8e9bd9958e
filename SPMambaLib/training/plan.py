"""What a training is made of: the plan that decides its result, and the facts that its run manifest tells."""
from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np
import torch

from .. import __version__
from ..errors import UsageError
from ..model.device import half_precision
from ..scan import default_backend
from .recipes import Recipe
from .train import TrainingConfig
from .work_folder import file_digest

PRECISIONS = ("auto", "single", "half")


@dataclass(frozen=True)
class Machine:
    """How a training is computed, as the user chose it; what it is about is the recipe's.

    Attributes:
        device: as for `load_model`.
        precision: ``"single"``; ``"half"``: autocast to bfloat16, or float16 with scaled gradients, on a graphics card
            only; ``"auto"``: half on a graphics card.  Scan and cosines are in single precision all the same.
        every_steps, every_seconds: a checkpoint is written after so many, whichever comes first.
    """

    device: str = "auto"
    precision: str = "auto"
    every_steps: int = 100
    every_seconds: float = 120.0

    def autocast(self, device: torch.device) -> Optional[torch.dtype]:
        """What autocast computes in; None for single precision.

        Raises:
            UsageError: no such precision, or half precision on a CPU.
        """
        if self.precision not in PRECISIONS:
            raise UsageError("Unknown precision {!r}; use one of: {}.".format(
                self.precision, ", ".join(PRECISIONS)))
        if self.precision == "auto":
            return half_precision("half" if device.type == "cuda" else "single", device)
        return half_precision(self.precision, device)


def plan_of(name: str, recipe: Recipe, training: TrainingConfig, *, source: Path, device: torch.device,
            precision: Optional[torch.dtype]) -> Dict[str, Any]:
    """Everything that decides the weights besides the images, in the words of the message that refuses another one."""
    return {"recipe": name, "network": recipe.network_config().to_dict(), "training": training.to_dict(),
            "preprocessing": recipe.preprocessing.to_dict(), "augmentation": asdict(recipe.augmentation),
            "held-out share": recipe.held_out, "teacher": file_digest(source), "device": device.type,
            "precision": precision_name(precision)}


def run_facts(name: str, recipe: Recipe, training: TrainingConfig, manifest: Path, *, device: torch.device,
              precision: Optional[torch.dtype], processes: int) -> Dict[str, Any]:
    """What the run manifest says of a run: configuration, images, versions, machine."""
    return {"recipe": name, "training": training.to_dict(), "network": recipe.network_config().to_dict(),
            "preprocessing": recipe.preprocessing.to_dict(), "augmentation": asdict(recipe.augmentation),
            "manifest_sha256": file_digest(manifest) if manifest.is_file() else "",
            "versions": {"spmamba": __version__, "torch": torch.__version__, "numpy": np.__version__,
                         "python": platform.python_version()},
            "device": device_name(device), "threads": torch.get_num_threads(), "processes": processes,
            "precision": precision_name(precision), "scan": default_backend(device)}


def device_name(device: torch.device) -> str:
    """"cpu", or the graphics card's own name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def precision_name(precision: Optional[torch.dtype]) -> str:
    return "float32" if precision is None else str(precision).replace("torch.", "")


DEFAULT = Machine()
