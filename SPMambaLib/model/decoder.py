"""The decoder: from H back to what a normal image's teacher features would be.

Stages of channels-last blocks, each with a state-space branch for the whole and two convolution branches for
the neighbourhood; from stage to stage the grid doubles.
"""
from __future__ import annotations

from typing import List, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import NECK_STRIDE, NetworkConfig, units_per_block
from .ss2d import SS2D, StateSpaceUnit


class Decoder(nn.Module):
    """H (B, C0, S/32, S/32) -> reconstructions (B, C, h, w) of the matched teacher features, finest first."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        rates = drop_path_rates(config)
        self.upsamplings = nn.ModuleList()
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        previous = config.decoder_channels[0]
        for index, channels in enumerate(config.decoder_channels):
            side = config.input_size // NECK_STRIDE << index
            if index:
                self.upsamplings.append(Upsampling(previous, channels))
                target = config.teacher.channels[3 - index]
                self.heads.append(nn.Identity() if target == channels else nn.Linear(channels, target))
            self.stages.append(_stage(config, channels, side, rates[index]))
            previous = channels

    def forward(self, neck: Tensor) -> List[Tensor]:
        x = self.stages[0](neck.permute(0, 2, 3, 1).contiguous())
        reconstructions: List[Tensor] = []
        for upsample, stage, head in zip(self.upsamplings, self.stages[1:], self.heads):
            x = stage(upsample(x))
            reconstructions.insert(0, head(x).permute(0, 3, 1, 2))
        return reconstructions


class Block(nn.Module):
    """x + linear(concat[state-space units in sequence, convolution branches]) on (B, h, w, channels)."""

    def __init__(self, channels: int, units: Sequence[StateSpaceUnit], kernels: Sequence[int]) -> None:
        super().__init__()
        self.units = nn.Sequential(*units)
        self.branches = nn.ModuleList(ConvBranch(channels, kernel) for kernel in kernels)
        self.fuse = nn.Linear((1 + len(kernels)) * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        image = x.permute(0, 3, 1, 2)
        local = [branch(image).permute(0, 2, 3, 1) for branch in self.branches]
        fused: Tensor = self.fuse(torch.cat([self.units(x), *local], dim=-1))
        return x + fused


class ConvBranch(nn.Sequential):
    """1x1, depthwise k x k, 1x1 convolution, each with InstanceNorm (no affine) and SiLU; (B, C, h, w)."""

    def __init__(self, channels: int, kernel: int) -> None:
        def normalised(conv: nn.Conv2d) -> List[nn.Module]:
            return [conv, nn.InstanceNorm2d(channels), nn.SiLU()]

        super().__init__(
            *normalised(nn.Conv2d(channels, channels, 1)),
            *normalised(nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)),
            *normalised(nn.Conv2d(channels, channels, 1)),
        )


class Upsampling(nn.Module):
    """Linear to four times the next width, pixel shuffle, LayerNorm: (B, h, w, C) -> (B, 2h, 2w, out)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, 4 * out, bias=False)
        self.norm = nn.LayerNorm(out)

    def forward(self, x: Tensor) -> Tensor:
        image = F.pixel_shuffle(self.expand(x).permute(0, 3, 1, 2), 2)
        out: Tensor = self.norm(image.permute(0, 2, 3, 1).contiguous())
        return out


def drop_path_rates(config: NetworkConfig) -> List[List[float]]:
    """Drop rate of every unit, stage by stage: from `config.drop_path` in the deepest linearly to 0."""
    rates = iter(torch.linspace(config.drop_path, 0.0, sum(config.decoder_depths)).tolist())
    return [[next(rates) for _ in range(depth)] for depth in config.decoder_depths]


def _stage(config: NetworkConfig, channels: int, side: int, rates: Sequence[float]) -> nn.Sequential:
    units = [
        StateSpaceUnit(channels, SS2D(channels, side, config.state_size, config.expand, config.directions,
                                      config.scan_order), rate)
        for rate in rates
    ]
    size = units_per_block(len(units))
    return nn.Sequential(*(
        Block(channels, units[start:start + size], config.branch_kernels)
        for start in range(0, len(units), size)))
