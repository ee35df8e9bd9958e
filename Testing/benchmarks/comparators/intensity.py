"""No model at all: smoothed brightness, compared with that of normals at the same place."""
from __future__ import annotations

from benchmarks.images import Images
from torch import Tensor

from SPMambaLib.scoring.maps import ScoringConfig, gaussian_blur


class Intensity:
    """The prepared image, smoothed as the library's intensity term."""

    def fit(self, normals: Images) -> None:
        """Nothing: the statistics of held-out normals are all there is."""

    def map(self, batch: Images) -> Tensor:
        return gaussian_blur(batch.pixels[:, 0], ScoringConfig().intensity_sigma)
