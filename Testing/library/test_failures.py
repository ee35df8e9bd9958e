"""What a user is told when something that is not ours fails."""
from __future__ import annotations

import pytest

from SPMambaLib.errors import Cancelled, DeviceError, OutOfMemoryError, SPMambaError, UsageError, typed_error


@pytest.mark.parametrize(("error", "kind", "code"), [
    (MemoryError(), OutOfMemoryError, "out-of-memory"),
    (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), OutOfMemoryError, "out-of-memory"),
    (RuntimeError("CUDA error: device-side assert triggered"), DeviceError, "device-unavailable"),
    (ModuleNotFoundError("No module named 'torch'", name="torch"), DeviceError, "package-missing"),
    (OSError("[WinError 126] Error loading C:/Python/torch/lib/c10.dll"), DeviceError, "package-broken"),
    (ImportError("/site-packages/torch/lib/libtorch_cpu.so: undefined symbol: iJIT"), DeviceError, "package-broken"),
    (KeyboardInterrupt(), Cancelled, "cancelled"),
    (ValueError("torch"), SPMambaError, "internal"),
    (OSError("the file torch.txt is missing"), SPMambaError, "internal"),
])
def test_failures_get_a_type_and_a_code(error: BaseException, kind: type, code: str) -> None:
    typed = typed_error(error)
    assert type(typed) is kind and typed.code == code and typed.message.endswith(".")


def test_typed_errors_pass_unchanged() -> None:
    error = UsageError("Say it in one sentence.")
    assert typed_error(error) is error
