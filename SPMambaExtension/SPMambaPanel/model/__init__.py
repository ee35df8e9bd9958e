"""What is known and decided, in plain Python: neither Slicer nor VTK nor Qt."""
from __future__ import annotations
