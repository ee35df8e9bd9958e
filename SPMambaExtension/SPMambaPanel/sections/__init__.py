"""The sections of the panel, one controller each."""
from __future__ import annotations
