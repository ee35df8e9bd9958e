"""SP-Mamba as a whole: frozen teacher, fusion neck, prototypes and decoder."""
from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import torch
from torch import Tensor, nn

from .config import NetworkConfig
from .decoder import Decoder
from .feature_space import joined
from .neck import FusionNeck
from .prototypes import Prototypes
from .teacher import Teacher


class Output(NamedTuple):
    """What training and scoring compare.

    Attributes:
        features: the teacher's matched feature maps, finest first, (B, C, h, w) each.
        reconstructions: the decoder's, same shapes; empty if nobody asks.
        prototype_distances: (B, height_bins, grid, grid), in [0, 2]; `prototypes.at_height` picks one height.
        nearest: which prototypes these are, see `Prototypes.nearest`; None if nobody asks.
    """

    features: List[Tensor]
    reconstructions: List[Tensor]
    prototype_distances: Tensor
    nearest: Optional[Tensor] = None


class SPMamba(nn.Module):
    """The network of arXiv 2507.19076, built from a `NetworkConfig`.

    The teacher is frozen: always in evaluation mode and without gradients.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.teacher = Teacher(config.teacher).requires_grad_(False).eval()
        self.neck = FusionNeck(config)
        self.prototypes = Prototypes(
            config.prototype_grid, config.prototype_channels, config.prototypes_per_cell,
            config.prototype_window, config.prototype_height_bins, config.prototype_match, config.prototype_space,
            config.prototype_centred)
        self.decoder = Decoder(config)

    def train(self, mode: bool = True) -> SPMamba:
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, x: Tensor) -> Output:
        """Images (B, 3, S, S), normalised as the teacher expects (`teacher.to_teacher_input`)."""
        return self.decode(self.encode(x))

    @torch.no_grad()
    def encode(self, x: Tensor) -> List[Tensor]:
        """The teacher's feature maps f1, f2, f3 of images (B, 3, S, S); training may keep them."""
        size = self.config.input_size
        if x.dim() != 4 or tuple(x.shape[1:]) != (3, size, size):
            raise ValueError("images must be (B, 3, {0}, {0}), not {1}".format(size, tuple(x.shape)))
        return list(self.teacher(x))

    def decode(self, features: Sequence[Tensor], reconstruct: bool = True) -> Output:
        """The part that learns, from all three (cached) teacher feature maps f1, f2, f3.

        Without `reconstruct` only prototypes are compared, and what they do not need does not run.
        """
        neck = self.neck(features) if reconstruct else None
        distances, nearest = self.prototypes.nearest(self.positioned(features, neck))
        return Output(
            features=[features[scale] for scale in self.config.matched_scales],
            reconstructions=[] if neck is None else self.decoder(neck),
            prototype_distances=distances,
            nearest=nearest,
        )

    def positioned(self, features: Sequence[Tensor], neck: Optional[Tensor] = None) -> Tensor:
        """What the prototypes are placed among and compared with, (B, C, grid, grid), from f1, f2, f3: H (`neck`, if it
        is known already), or the teacher's deepest scales, each of unit length at every place if they are several."""
        if self.config.prototype_features == "neck":
            return self.neck(features) if neck is None else neck
        chosen = features[3 - self.config.prototype_scales:]
        if len(chosen) == 1:
            return chosen[0]
        return joined(chosen, self.config.prototype_grid)

    def parameter_groups(self, weight_decay: float) -> List[Dict[str, Any]]:
        """Trainable parameters for an optimizer; no decay for A, D, biases and norms."""
        decayed: List[nn.Parameter] = []
        spared: List[nn.Parameter] = []
        for parameter in self.parameters():
            if parameter.requires_grad:
                spare = parameter.dim() < 2 or getattr(parameter, "_no_weight_decay", False)
                (spared if spare else decayed).append(parameter)
        return [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
