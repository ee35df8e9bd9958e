"""What Slicer's Reload and Test runs, without torch and network."""
from __future__ import annotations
