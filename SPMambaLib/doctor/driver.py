"""The NVIDIA driver and its cards, asked without PyTorch: what is there even when PyTorch cannot use it."""
from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Tuple

READY, BROKEN, ABSENT = "ready", "broken", "absent"
QUERY = ("--query-gpu=name,driver_version,memory.total,memory.free,compute_cap", "--format=csv,noheader,nounits")
NVIDIA = "0x10de"  # vendor number on the PCI bus
DISPLAY = "0x03"  # class of graphics devices, its first two digits
SECONDS = 20.0  # a driver that hangs is broken

Ask = Callable[[List[str]], Tuple[int, str]]  # command -> exit status and what it printed


@dataclass(frozen=True)
class Card:
    """One graphics card as the driver tells of it; memory in MiB."""

    name: str
    total: int
    free: int
    capability: Optional[Tuple[int, int]] = None  # None: a driver too old to tell


@dataclass(frozen=True)
class Driver:
    """The state of the NVIDIA driver.

    Attributes:
        state: "ready", "broken" (it is there and does not answer) or "absent".
        version: such as (580, 65, 6); empty when it is not known.
        cards: in the order of the driver.
        hardware: whether an NVIDIA card is on the bus, driver or not; None when that cannot be told.
        text: what the driver's tool said, when it is broken.
    """

    state: str
    version: Tuple[int, ...] = ()
    cards: Tuple[Card, ...] = ()
    hardware: Optional[bool] = None
    text: str = ""


def find(ask: Optional[Ask] = None, bus: Path = Path("/sys/bus/pci/devices")) -> Driver:
    """The driver of this computer, from its own tool ``nvidia-smi``; does not raise."""
    tool = _tool()
    if tool is None and ask is None:
        return Driver(ABSENT, hardware=on_the_bus(bus))
    status, text = (ask or _ask)([tool or "nvidia-smi", *QUERY])
    cards, version = parse(text)
    if status == 0 and cards:
        return Driver(READY, version, cards, True)
    if "No devices were found" in text:
        return Driver(ABSENT, hardware=False)
    return Driver(BROKEN, hardware=on_the_bus(bus), text=" ".join(text.split())[:300])


def parse(text: str) -> Tuple[Tuple[Card, ...], Tuple[int, ...]]:
    """Cards and driver version in what ``nvidia-smi`` prints for `QUERY`; other lines are passed over."""
    cards: List[Card] = []
    version: Tuple[int, ...] = ()
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        try:
            name, driver, total, free = fields[:4]
            capability = numbers(fields[4]) if len(fields) > 4 else ()
            cards.append(Card(name, int(total), int(free), capability[:2] if len(capability) == 2 else None))
            version = numbers(driver)
        except (ValueError, IndexError):
            continue
    return tuple(cards), version


def numbers(version: str) -> Tuple[int, ...]:
    """Such as (580, 65, 6) of "580.65.06"; empty when it is not made of numbers."""
    parts = version.strip().split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def on_the_bus(folder: Path) -> Optional[bool]:
    """Whether an NVIDIA graphics card is built in (Linux); None where the system does not tell."""
    try:
        devices = list(folder.iterdir())
    except OSError:
        return None
    return any(_read(device / "vendor") == NVIDIA and _read(device / "class").startswith(DISPLAY)
               for device in devices) if devices else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _tool() -> Optional[str]:
    found = shutil.which("nvidia-smi")
    if found or sys.platform != "win32":
        return found
    places = (Path("C:/Windows/System32/nvidia-smi.exe"),
              Path("C:/Program Files/NVIDIA Corporation/NVSMI/nvidia-smi.exe"))
    return next((str(place) for place in places if place.exists()), None)


def _ask(command: List[str]) -> Tuple[int, str]:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return 1, "nvidia-smi did not answer within {:.0f} s".format(SECONDS)
    except OSError as error:
        return 1, str(error)
