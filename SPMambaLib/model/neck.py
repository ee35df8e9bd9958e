"""The fusion neck: the teacher's three feature maps become one compact map H, the network's bottleneck."""
from __future__ import annotations

from typing import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from .config import NetworkConfig


class FusionNeck(nn.Module):
    """f1 (stride 4), f2 (8), f3 (16) -> H (B, decoder_channels[0], S/32, S/32)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        first, second, third = config.teacher.channels
        at8, at16 = config.fusion_channels
        out = config.decoder_channels[0]
        self.down1 = _conv(first, at8, 3, stride=2)
        self.lateral2 = _conv(second, at8, 1)
        self.down2 = _conv(at8, at16, 3, stride=2)
        self.lateral3 = _conv(third, at16, 1)
        self.mix = _conv(at16, at16, 1)
        self.blocks = nn.Sequential(*(
            Bottleneck(out if index else at16, out, stride=1 if index else 2)
            for index in range(config.neck_blocks)))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        f1, f2, f3 = features
        x = self.down1(f1) + self.lateral2(f2)
        x = self.down2(x) + self.lateral3(f3)
        h: Tensor = self.blocks(self.mix(x))
        return h


class Bottleneck(nn.Module):
    """ResNet bottleneck block: 1x1, 3x3, 1x1 with out/4 planes in between."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        planes = out // 4
        self.residual = nn.Sequential(
            _conv(channels, planes, 1),
            _conv(planes, planes, 3, stride),
            _conv(planes, out, 1, activate=False),
        )
        straight = channels == out and stride == 1
        self.shortcut = nn.Identity() if straight else _conv(channels, out, 1, stride, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.residual(x) + self.shortcut(x))


def _conv(channels: int, out: int, kernel: int, stride: int = 1, activate: bool = True) -> nn.Sequential:
    """Convolution without bias, batch norm, and ReLU unless `activate` is false."""
    layers = [nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(out)]
    nn.init.kaiming_normal_(layers[0].weight, mode="fan_out", nonlinearity="relu")  # type: ignore[arg-type]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if activate else []))
