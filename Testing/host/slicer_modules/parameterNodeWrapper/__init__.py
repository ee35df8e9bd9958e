"""Stand-in of ``slicer.parameterNodeWrapper``: typed access to the parameters in a vtkMRMLScriptedModuleNode.

A subset in Slicer's own storage scheme, so that scenes can be exchanged. Types: int, float, str, bool, Enum, pathlib
and vtkMRML node classes; no parameter packs, lists, unions or ranges.
"""

from __future__ import annotations

from .guiConnectors import Decimals, SingleStep, createGuiConnector
from .validators import Choice, Default, Exclude, IsInstance, Maximum, Minimum, NotNone, Validator, WithinRange
from .wrapper import isParameterNodeWrapper, parameterNodeWrapper

__all__ = [
    "Choice", "Decimals", "Default", "Exclude", "IsInstance", "Maximum", "Minimum", "NotNone", "SingleStep",
    "Validator", "WithinRange", "createGuiConnector", "isParameterNodeWrapper", "parameterNodeWrapper",
]
