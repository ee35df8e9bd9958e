"""The SP-Mamba network (arXiv 2507.19076), one idea per file.

`config` is free of torch; everything else needs it, so import the submodules explicitly
(``from SPMambaLib.model.network import SPMamba``).
"""
from __future__ import annotations
