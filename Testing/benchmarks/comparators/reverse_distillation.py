"""Reverse distillation (Deng and Li 2022, arXiv 2201.10703): a convolutional decoder rebuilds the teacher's features.

Our network with a plain decoder in place of the state-space one: the fusion neck is the one-class bottleneck, each
stage is a transposed convolution and two bottleneck blocks, all three scales are matched, loss and map are cosine
distances.  Trained by the library's own loop, and shortly: `STEPS` steps of 8 images, not the paper's 200 epochs.
"""
from __future__ import annotations

from typing import List

import torch
from benchmarks.images import Images
from torch import Tensor, nn

from SPMambaLib.model.config import NetworkConfig, TeacherConfig
from SPMambaLib.model.neck import Bottleneck
from SPMambaLib.model.network import Output, SPMamba
from SPMambaLib.scoring.maps import ScoringConfig
from SPMambaLib.scoring.terms import residual_map
from SPMambaLib.training.train import TrainingConfig, train_decoder

STEPS = 500  # as the shipped models' own decoders


class ConvolutionalDecoder(nn.Module):
    """(B, C0, S/32, S/32) -> reconstructions of f1, f2, f3."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths = config.decoder_channels
        self.stages = nn.ModuleList(nn.Sequential(
            nn.ConvTranspose2d(before, after, 2, 2, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
            Bottleneck(after, after, 1), Bottleneck(after, after, 1)) for before, after in zip(widths, widths[1:]))

    def forward(self, x: Tensor) -> List[Tensor]:
        reconstructions: List[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            reconstructions.insert(0, x)
        return reconstructions


class ReverseDistillation:
    def __init__(self, seed: int = 0, steps: int = STEPS) -> None:
        self.training = TrainingConfig(steps=steps, seed=seed)

    def fit(self, normals: Images) -> None:
        channels = tuple(feature.shape[1] for feature in normals.features)
        config = NetworkConfig(
            input_size=normals.pixels.shape[-1], teacher=TeacherConfig("features only", (1, 1, 1), channels),
            fusion_channels=channels[:2], neck_blocks=1, decoder_channels=(2 * channels[2], *channels[::-1]),
            decoder_depths=(1, 1, 1, 1), state_size=1, directions=2, scan_order="raster", prototypes_per_cell=1)
        torch.manual_seed(self.training.seed)
        self.network = SPMamba(config)
        self.network.decoder = ConvolutionalDecoder(config)  # type: ignore[assignment]
        train_decoder(self.network, normals.features, self.training)

    @torch.no_grad()
    def map(self, batch: Images) -> Tensor:
        return reconstructed(self.network, batch)


def reconstructed(network: SPMamba, batch: Images) -> Tensor:
    """Residual map (n, S, S) of images whose features are known."""
    wanted = [batch.features[scale] for scale in network.config.matched_scales]
    output = Output(wanted, network.decoder(network.neck(batch.features)), torch.zeros(0))
    return residual_map(output, batch.pixels.shape[-1], ScoringConfig().residual_sigma)
