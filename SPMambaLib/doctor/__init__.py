"""What this computer has and whether it computes rightly: ``spmamba doctor``.

`machine` looks at every part and tries it.  `check` proves one device: the driver and the card (`driver`, `card`), the
scan backends against the float64 reference (`parity`), whole networks against the CPU (`maps`), memory that runs out
(`memory`) and how fast it is (`speed`); `anonymous` takes out of its report whose computer it is.
"""
from __future__ import annotations
