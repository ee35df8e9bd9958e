"""How a value lies in the parameter node: as text, nodes as references. The scheme is Slicer's own."""

from __future__ import annotations

import enum
import pathlib

import slicer

from .validators import IsInstance, NotNone


class Serializer:
    """Reads and writes one parameter; `validators` are asked before each write."""

    def __init__(self, datatype, validators, toText, fromText, default):
        self.datatype = datatype
        self.validators = validators
        self._toText, self._fromText, self._default = toText, fromText, default

    def default(self):
        return self._default

    def isIn(self, node, name):
        return node.HasParameter(name)

    def write(self, node, name, value):
        for validator in self.validators:
            validator.validate(value)
        self._store(node, name, value)

    def _store(self, node, name, value):
        node.SetParameter(name, self._toText(value))

    def read(self, node, name):
        return self._fromText(node.GetParameter(name))


class NodeSerializer(Serializer):
    """A node reference; the empty parameter beside it tells "None" from "never set"."""

    def _store(self, node, name, value):
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, None if value is None else value.GetID())

    def read(self, node, name):
        return node.GetNodeReference(name)


def createSerializer(datatype, validators):
    """The serializer of `datatype`. Raises TypeError for a type that the stand-in does not store."""
    if datatype is bool:
        checks = [NotNone(), IsInstance(bool)]
        functions = (lambda v: "True" if v else "False", lambda t: t == "True", False)
    elif datatype is int:
        checks, functions = [NotNone(), IsInstance(int)], (str, int, 0)
    elif datatype is float:
        checks, functions = [NotNone(), IsInstance((int, float))], (str, float, 0)
    elif datatype is str:
        checks, functions = [NotNone(), IsInstance(str)], (str, str, "")
    elif isinstance(datatype, type) and issubclass(datatype, pathlib.PurePath):
        checks, functions = [NotNone(), IsInstance(datatype)], (str, datatype, datatype())
    elif isinstance(datatype, type) and issubclass(datatype, enum.Enum):
        checks, functions = [IsInstance(datatype)], (lambda v: v.name, lambda t: datatype[t], next(iter(datatype)))
    elif isinstance(datatype, type) and issubclass(datatype, slicer.vtkMRMLNode):
        return NodeSerializer(datatype, [IsInstance(datatype), *validators], None, None, None)
    else:
        raise TypeError(f"the parameter node stand-in does not store {datatype}")
    return Serializer(datatype, [*checks, *validators], *functions)
