"""Reading a result: the findings under review, where they lie, why they were marked, how they are shown."""
from __future__ import annotations
