"""The frozen teacher: stages 1-3 of a ResNet of basic blocks, batch norm folded into the convolutions.

Folding loses nothing (the teacher is never trained with batch statistics) and saves a pass over memory per layer.
Parameter names are torchvision's (``conv1``, ``layerL.B.conv1/2``, ``layerL.0.downsample.0``), so its weights load
as they are.  Source: He et al. 2016; SP-Mamba section "Teacher".
"""
from __future__ import annotations

from typing import Iterator, List, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import TeacherConfig

IMAGENET_MEAN = 0.449  # means and deviations of the three channels, averaged: the input is grey, repeated
IMAGENET_STD = 0.226
STEM_CHANNELS = 64


class BasicBlock(nn.Module):
    """x + conv3x3(relu(conv3x3(x))), strided and projected where the shape changes."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv2(F.relu(self.conv1(x))) + shortcut)


class Teacher(nn.Module):
    """Feature extractor: (B, 3, S, S) -> [f1 (B, 64, S/4, S/4), f2 (B, 128, S/8, S/8), f3 (B, 256, S/16, S/16)].

    Weights are frozen; `requires_grad_(True)` is for adapting a teacher before it is frozen again.
    """

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 7, 2, 3)
        width = STEM_CHANNELS
        for number, (depth, channels) in enumerate(zip(config.blocks, config.channels), start=1):
            stride = 1 if number == 1 else 2
            blocks = [BasicBlock(width, channels, stride)]
            blocks += [BasicBlock(channels, channels, 1) for _ in range(1, depth)]
            setattr(self, "layer{}".format(number), nn.Sequential(*blocks))
            width = channels
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Teacher:
        """A teacher has no training mode: nothing in it depends on it."""
        return super().train(False)

    def stages(self) -> Iterator[nn.Module]:
        return (getattr(self, "layer{}".format(number)) for number in (1, 2, 3))

    def forward(self, x: Tensor) -> List[Tensor]:
        x = F.max_pool2d(F.relu(self.conv1(x)), 3, 2, 1)
        features = []
        for stage in self.stages():
            x = stage(x)
            features.append(x)
        return features

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Load folded weights by name (OIHW float32); names beyond stage 3 (``fc``, ``layer4``) are ignored.

        Raises:
            KeyError, RuntimeError: a weight is missing or has another shape.
        """
        state = {name: torch.from_numpy(np.ascontiguousarray(arrays[name])) for name in self.state_dict()}
        self.load_state_dict(state)


def to_teacher_input(pixels: Tensor) -> Tensor:
    """Grey pixels (B, 1, S, S) in [0, 1] -> (B, 3, S, S), normalised as ImageNet images were."""
    return ((pixels - IMAGENET_MEAN) / IMAGENET_STD).expand(-1, 3, -1, -1)
