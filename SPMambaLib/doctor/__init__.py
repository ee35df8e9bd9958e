"""What this computer has and whether it computes rightly: ``spmamba doctor``.

`machine` looks at every part and tries it.  `check` proves one device: the driver and the card (`driver`, `card`), and
the scan backends against the float64 reference (`parity`).
"""
from __future__ import annotations
