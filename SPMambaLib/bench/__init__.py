"""Measuring time and memory of the library on this machine: what ``spmamba bench`` does."""
from __future__ import annotations
