"""Packages that the worker needs and Slicer does not have: found without importing them, installed only after consent.

The worker runs in Slicer's own Python (PythonSlicer), so what is installed here is what it finds.
"""
from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from typing import Dict, List

import slicer
from slicer.i18n import tr as _

from SPMambaLib.errors import SPMambaError

REQUIREMENTS_FILE = Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"
DOWNLOAD_SIZE = {"torch": "200 MB - 3 GB", "safetensors": "1 MB", "packaging": "1 MB"}  # torch: without and with CUDA
NUMBA_SIZE = "60 MB"  # with llvmlite
PYTORCH_EXTENSION, PYTORCH_MODULE = "PyTorch", "PyTorchUtils"


def requirements() -> Dict[str, str]:
    """Requirement by package name, as in ``Resources/requirements.txt``."""
    lines = [line.strip() for line in REQUIREMENTS_FILE.read_text(encoding="utf-8").splitlines()]
    return {re.split(r"[<>=!~\[]", line)[0]: line for line in lines if line and not line.startswith("#")}


def missing() -> List[str]:
    """Packages that are not installed."""
    from importlib import metadata  # 20 ms that opening the panel does without

    importlib.invalidate_caches()
    absent = []
    for name in requirements():
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            absent.append(name)
    return absent


def consent(packages: List[str]) -> bool:
    """Ask whether `packages` may be downloaded and installed."""
    lines = ["{} ({})".format(name, DOWNLOAD_SIZE[name]) for name in packages]
    if "torch" in packages and importlib.util.find_spec(PYTORCH_MODULE) is None:
        extension = _("the Slicer extension {name} (1 MB, needs a restart of Slicer)")
        lines.insert(0, extension.format(name=PYTORCH_EXTENSION))
    text = _("To analyse images, SP-Mamba needs Python packages that Slicer does not have yet:\n\n{packages}\n\n"
             "They are downloaded from the internet and installed into this Slicer. Nothing of your images leaves this "
             "computer. Install them now?").format(packages="\n".join(lines))
    return bool(slicer.util.confirmOkCancelDisplay(text, windowTitle=_("SP-Mamba: install packages")))


def consentToNumba(gains: List[str]) -> bool:
    """Ask whether the optional package may be installed, with what it gains on this computer."""
    text = _("numba is not needed; with it, models that use the selective scan compute faster on this computer:\n\n"
             "{gains}\n\nIt is downloaded from the internet ({size}) and installed into this Slicer; packages that are "
             "there stay as they are. Nothing of your images leaves this computer. Install it now?")
    return bool(slicer.util.confirmOkCancelDisplay(
        text.format(gains="\n".join(gains), size=NUMBA_SIZE), windowTitle=_("SP-Mamba: install packages")))


def installNumba() -> None:
    """What `consentToNumba` was given for.  NumPy is held at its version: others in this Slicer need it.

    Raises:
        SPMambaError: nothing was installed.
    """
    from importlib import metadata

    try:
        _installPackage("numba>=0.59 numpy=={}".format(metadata.version("numpy")))
    except Exception as error:  # pip, network, permission: anything can go wrong in there
        message = _("numba was not installed; everything works without it. Details say why.")
        raise SPMambaError(message, repr(error), code="install-failed") from error


def install(packages: List[str]) -> None:
    """Install what `consent` was given for.  Main thread only; Slicer shows the progress.

    Raises:
        SPMambaError: with what to do next.
    """
    try:
        for name in packages:
            if name == "torch":
                _installTorch(requirements()[name])
            else:
                _installPackage(requirements()[name])
    except SPMambaError:
        raise
    except Exception as error:  # pip, network, permission: anything can go wrong in there
        raise _notInstalled(packages, repr(error)) from error
    left = missing()
    if left:
        raise _notInstalled(left, "still missing: " + ", ".join(left))


def _notInstalled(packages: List[str], detail: str) -> SPMambaError:
    message = _("The installation of {packages} did not succeed. Check the internet connection and the free disk "
                "space, then click Detect again.").format(packages=", ".join(packages))
    return SPMambaError(message, detail, code="install-failed")


def _installTorch(requirement: str) -> None:
    """Through the PyTorch extension, which knows the build that fits this computer's graphics card.

    The one place where torch enters Slicer's own process: `installTorch` ends by importing what it has installed, and
    has no switch against it.  It stays there until Slicer is closed, and no later session loads it.
    """
    try:
        import PyTorchUtils  # type: ignore[import-not-found]
    except ImportError:
        _installPyTorchExtension()
    else:
        PyTorchUtils.PyTorchUtilsLogic().installTorch(
            askConfirmation=False, torchVersionRequirement=requirement[len("torch"):])


def _installPyTorchExtension() -> None:
    """Never restarts Slicer: there may be an unsaved scene, so the user chooses the moment.

    Raises:
        SPMambaError: always; the extension can be used only after a restart.
    """
    model = slicer.app.extensionsManagerModel()
    if model is None:
        raise _notInstalled([PYTORCH_EXTENSION], "this Slicer has no extensions manager")
    if not model.isExtensionInstalled(PYTORCH_EXTENSION):
        wasInteractive = model.interactive
        model.interactive = False  # consent was given, and it asks in windows of its own
        try:
            done = model.installExtensionFromServer(PYTORCH_EXTENSION, False)
        finally:
            model.interactive = wasInteractive
        if not done:
            raise _notInstalled([PYTORCH_EXTENSION], "extension server")
    raise SPMambaError(_("The PyTorch extension was installed. Restart Slicer, then click Detect again to go on."),
                       code="restart-needed")


def _installPackage(requirement: str) -> None:
    try:
        from slicer.packaging import pip_install  # Slicer 5.12 and newer
    except ImportError:
        from slicer.util import pip_install
    pip_install(requirement)
