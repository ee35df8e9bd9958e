"""What stands between a graphics card and PyTorch: facts of both sides, and every obstacle with the way around it.

Sources: NVIDIA, "CUDA Compatibility", minor version compatibility (driver 450 runs CUDA 11, 525 runs 12, 580 runs 13);
PyTorch, support matrix in RELEASE.md (which build holds kernels for which card).
"""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from .driver import ABSENT, BROKEN, Driver, numbers

LEAST_DRIVER = {11: 450, 12: 525, 13: 580}
"""First driver series that runs a PyTorch built for this CUDA."""

LEAST_MEMORY = 4.0
"""GiB of a card for which this software is meant."""

LEAST_FREE = 1.0
"""GiB that must be free: the networks' weights, the scan of a slice and what CUDA itself takes."""

BLACKWELL, TURING = (10, 0), (7, 5)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: stable name.
        text: what is wrong, one sentence.
        remedy: what to do, one sentence.
        fatal: whether the device cannot be used as it is.
    """

    code: str
    text: str
    remedy: str
    fatal: bool = True


@dataclass
class Facts:
    """What the driver and PyTorch say of each other; memory in GiB.

    `arches` are the kernels inside this PyTorch, such as "sm_86"; `error` is what a first computation raised.
    """

    driver: Driver
    torch: str = ""
    built_for: str = ""  # CUDA version of this PyTorch, empty: without CUDA
    usable: bool = False
    name: str = ""
    capability: Tuple[int, int] = (0, 0)
    arches: List[str] = field(default_factory=list)
    total: float = 0.0
    free: float = 0.0
    half: str = ""
    versions: Dict[str, str] = field(default_factory=dict)  # of the packages with scan backends
    error: str = ""

    def to_dict(self) -> Dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def look(driver: Driver, torch: Optional[Any], device: str = "cuda",
         versions: Optional[Dict[str, str]] = None) -> Facts:
    """Facts of a CUDA device; `torch` is the package, or None where it is not installed.  Does not raise."""
    facts = Facts(driver, versions=dict(versions or {}))
    if torch is None:
        return facts
    facts.torch, facts.built_for = str(torch.__version__), str(torch.version.cuda or "")
    try:
        facts.usable = bool(torch.cuda.is_available())
        if not facts.usable:
            if facts.built_for:
                torch.zeros(1, device="cuda")  # raises, and says why
            return facts
        facts.name = torch.cuda.get_device_name(device)
        facts.capability = tuple(torch.cuda.get_device_capability(device))
        facts.arches = list(torch.cuda.get_arch_list())
        free, total = torch.cuda.mem_get_info(device)
        facts.free, facts.total = round(free / 2**30, 2), round(total / 2**30, 2)
        facts.half = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        if float((torch.ones(64, device=device) * 2.0).sum()) != 128.0:
            facts.error = "64 times 2 is not 128 on this card"
    except Exception as error:  # drivers fail in many ways
        facts.error = " ".join("{}: {}".format(type(error).__name__, error).split())[:300]
    return facts


def obstacles(facts: Facts) -> List[Problem]:
    """Everything that keeps this computer from computing on its card, the first to mend first."""
    driver = facts.driver
    if not facts.usable and driver.state == ABSENT:
        return [_no_driver(facts)] + ([] if facts.torch else [no_torch(facts)])
    found: List[Problem] = []
    if not facts.usable and driver.state == BROKEN:
        mismatch = "mismatch" in driver.text.lower()
        found.append(Problem(
            "driver-mismatch" if mismatch else "driver-broken",
            "Two parts of the NVIDIA driver have different versions: it was updated while the computer ran." if mismatch
            else "The NVIDIA driver does not answer ({}).".format(driver.text or "no reason given"),
            "Restart the computer." if mismatch else
            "Restart the computer; if that does not help, install the driver again from nvidia.com/drivers."))
    if not facts.torch:
        return found + [no_torch(facts)]
    if not facts.built_for:
        return found + [Problem("torch-without-cuda", "This PyTorch ({}) is built without CUDA.".format(facts.torch),
                                "Install one built for it: {}.".format(how_to_install(driver)))]
    series, needed = driver.version[:1], LEAST_DRIVER.get((numbers(facts.built_for) or (0,))[0], 0)
    if not facts.usable and series and series[0] < needed:
        found.append(Problem(
            "driver-too-old",
            "The NVIDIA driver ({}) is too old for this PyTorch, which is built for CUDA {}.".format(
                ".".join(map(str, driver.version)), facts.built_for),
            "Install driver {} or newer from nvidia.com/drivers, or a PyTorch for this driver: {}.".format(
                needed, how_to_install(driver))))
    elif not facts.usable and not found:
        found.append(Problem("cuda-unusable", "PyTorch cannot use the graphics card ({}).".format(
            facts.error or "no reason given"), "Restart the computer; then install the driver and PyTorch again."))
    if facts.usable:
        found += _with_card(facts)
    return found


def _with_card(facts: Facts) -> List[Problem]:
    found = []
    if facts.arches and not covered(facts.capability, facts.arches):
        found.append(Problem(
            "torch-not-for-this-card", "This PyTorch ({}) holds no kernels for {} (sm_{}{}).".format(
                facts.torch, facts.name, *facts.capability),
            "Install a PyTorch that does: {}.".format(how_to_install(facts.driver, facts.capability))))
    elif facts.error:
        found.append(Problem("card-fails", "A first computation on {} failed ({}).".format(facts.name, facts.error),
                             "Restart the computer and check again; if it stays, the card or its driver is damaged."))
    if facts.total and facts.free < LEAST_FREE:
        if facts.total < LEAST_FREE:
            found.append(Problem("little-memory", "{} has {:.1f} GiB of memory, which is too little.".format(
                facts.name, facts.total), "Use the CPU."))
        else:
            found.append(Problem(
                "memory-in-use", "Only {:.1f} of the {:.1f} GiB of {} are free.".format(
                    facts.free, facts.total, facts.name),
                "Close other programs that use the card and check again."))
    elif facts.total and facts.total < LEAST_MEMORY - 0.5:  # cards of 4 GB show somewhat less
        found.append(Problem("little-memory", "{} has {:.1f} GiB of memory; 4 GB or more are recommended.".format(
            facts.name, facts.total), "Slices are computed in smaller batches; nothing need be done.", fatal=False))
    return found


def covered(capability: Tuple[int, int], arches: List[str]) -> bool:
    """Whether kernels of these architectures run on a card: same major version and not newer, or PTX that is older."""
    major, minor = capability
    for arch in arches:
        kind, _, digits = arch.partition("_")
        digits = "".join(c for c in digits if c.isdigit())
        if len(digits) < 2:
            continue
        its = int(digits[:-1]), int(digits[-1])
        if kind == "sm" and its[0] == major and its[1] <= minor or kind == "compute" and its <= (major, minor):
            return True
    return False


def build_for(driver: Driver, capability: Optional[Tuple[int, int]] = None) -> str:
    """Name of the PyTorch build (as in its index address) for a driver and card; empty when the driver is too old."""
    series = driver.version[0] if driver.version else 0
    capability = capability or (driver.cards[0].capability if driver.cards else None)
    older = capability is not None and capability < TURING
    newest = capability is not None and capability >= BLACKWELL
    if series >= LEAST_DRIVER[13] and not older:
        return "cu130"
    if series >= 570 and newest:
        return "cu128"
    if series >= LEAST_DRIVER[12]:
        return "" if newest else "cu126"
    return "cu118" if series >= LEAST_DRIVER[11] and not newest else ""


def how_to_install(driver: Driver, capability: Optional[Tuple[int, int]] = None) -> str:
    """In words, for the command line and for Slicer."""
    if not driver.version:
        return ("in Slicer with the module PyTorch Util; elsewhere choose the command on "
                "pytorch.org/get-started/locally")
    build = build_for(driver, capability)
    if not build:
        return "first a newer driver from nvidia.com/drivers, then the command on pytorch.org/get-started/locally"
    return ("in Slicer with the module PyTorch Util, computation backend {0}; elsewhere `pip install --force-reinstall "
            "torch --index-url https://download.pytorch.org/whl/{0}`".format(build))


def _no_driver(facts: Facts) -> Problem:
    if facts.driver.hardware:
        return Problem("no-driver", "There is an NVIDIA card in this computer, but its driver is not installed.",
                       "Install the driver from nvidia.com/drivers (Linux: from your distribution), then restart.")
    if facts.driver.hardware is False:
        return Problem("no-card", "There is no NVIDIA graphics card in this computer.",
                       "Use the CPU; to use a card, build one in and install its driver from nvidia.com/drivers.")
    return Problem("no-card", "No NVIDIA driver was found, so no graphics card can be used.",
                   "If there is an NVIDIA card, install its driver from nvidia.com/drivers; else use the CPU.")


def no_torch(facts: Facts) -> Problem:
    """PyTorch itself is missing."""
    return Problem("no-torch", "PyTorch is not installed.", "Install it: {}.".format(how_to_install(facts.driver)))
