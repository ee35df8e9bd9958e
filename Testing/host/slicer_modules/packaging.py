"""Stand-in of ``slicer.packaging`` (Slicer 5.12 and later): checks requirements, never installs anything."""

from __future__ import annotations

import importlib.metadata
import logging

import slicer
from packaging.requirements import InvalidRequirement, Requirement


def load_requirements(path):
    """Requirements of a pip requirements file; options and empty lines are dropped."""
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    requirements = []
    for line in lines:
        if not line or line.startswith(("#", "-")):
            continue
        try:
            requirements.append(Requirement(line))
        except InvalidRequirement as error:
            raise ValueError(f"{path}: {error}") from error
    return requirements


def pip_check(req):
    """Whether all requirements (text, Requirement, or a list of them) are installed in this Python."""
    return all(_isInstalled(Requirement(str(r))) for r in (req if isinstance(req, (list, tuple)) else [req]))


def _isInstalled(requirement):
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)


def isPipInstallInProgress():
    return False


def pip_ensure(requirements, constraints=None, skip_packages=None, prompt_install=True, prompt_restart=True,
               requester=None, skip_in_testing=True, show_progress=True):
    """Do nothing when all is installed or, as in Slicer, in testing mode; otherwise raise RuntimeError."""
    if pip_check(requirements):
        return None
    if skip_in_testing and slicer.app.testingEnabled():
        logging.info("Testing mode is enabled: pip_ensure is skipped.")
        return None
    raise RuntimeError("the test host does not install packages")
