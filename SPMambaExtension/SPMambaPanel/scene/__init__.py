"""The nodes of the scene: results, maps, tables, volumes, and what is kept with them."""
from __future__ import annotations
