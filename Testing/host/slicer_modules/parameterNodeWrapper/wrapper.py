"""The class decorator ``parameterNodeWrapper``."""

from __future__ import annotations

import logging
import typing
import weakref

import slicer
import vtk

from .guiConnectors import Decimals, GuiConnector, SingleStep, createGuiConnector
from .serializers import createSerializer
from .validators import Default, Validator

# Up to Slicer 5.6 connectGui() returned None, so that a module could not disconnect. A test sets this to True to see
# that the module does not rely on the tag.
connectGuiReturnsNone = False


class _Parameter:
    """One declared parameter: name, type, annotations for the widget, how it is stored, its default."""

    def __init__(self, owner, name, hint):
        self.name = name
        self.datatype, annotations = _split(hint)
        self.annotations = annotations
        self.serializer = createSerializer(self.datatype, [a for a in annotations if isinstance(a, Validator)])
        if hasattr(owner, name):
            self.default = Default(getattr(owner, name))
        else:
            declared = [a for a in annotations if isinstance(a, Default)]
            self.default = declared[0] if declared else Default(self.serializer.default())
        unused = [a for a in annotations if not isinstance(a, (Validator, Default, Decimals, SingleStep))]
        if unused:
            logging.warning(f"Unused annotations: {unused}")


def _split(hint):
    if hasattr(hint, "__metadata__"):
        return hint.__origin__, list(hint.__metadata__)
    return hint, []


def parameterNodeWrapper(classtype=None):
    """Turn the annotated names of a class into parameters of the node that its constructor takes."""
    return _process if classtype is None else _process(classtype)


def isParameterNodeWrapper(classOrObj):
    return hasattr(classOrObj, "_is_parameter_node_wrapper")


def _process(cls):
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = {name: _Parameter(cls, name, hint) for name, hint in hints.items()}
    reserved = {name for name in vars(_Wrapper) if not name.startswith("__")}
    for name, parameter in parameters.items():
        if name in reserved:
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
        setattr(cls, name, _makeProperty(parameter))
    for name, method in vars(_Wrapper).items():
        if name == "__init__" or not name.startswith("__"):
            setattr(cls, name, method)
    cls.allParameters = parameters
    cls._is_parameter_node_wrapper = True
    return cls


def _makeProperty(parameter):
    def read(self):
        name = self._prefix + parameter.name
        # Closing the scene empties the singleton node; reading puts the default back, as in Slicer.
        if not parameter.serializer.isIn(self.parameterNode, name):
            parameter.serializer.write(self.parameterNode, name, parameter.default.value)
        return parameter.serializer.read(self.parameterNode, name)

    def write(self, value):
        parameter.serializer.write(self.parameterNode, self._prefix + parameter.name, value)

    return property(read, write)


class _Wrapper:
    """The methods that every wrapped class gets."""

    def __init__(self, parameterNode, prefix=None):
        self.parameterNode = parameterNode
        self._prefix = prefix or ""
        self._guis, self._nextTag, self._updatingGui = {}, 0, False
        for parameter in self.allParameters.values():
            name = self._prefix + parameter.name
            if not parameter.serializer.isIn(parameterNode, name):
                parameter.serializer.write(parameterNode, name, parameter.default.value)

    def _checked(self, name):
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}")
        return self.allParameters[name]

    def default(self, paramName):
        return self._checked(paramName).default

    def dataType(self, membername):
        return self._checked(membername).datatype

    def isCached(self, paramName):
        self._checked(paramName)
        return False

    def getValue(self, name):
        self._checked(name)
        return getattr(self, name)

    def setValue(self, name, value):
        self._checked(name)
        setattr(self, name, value)

    def connectGui(self, gui):
        """Connect the widgets that carry dynamic property SlicerParameterName, below a widget or in a namespace."""
        isWidget = getattr(gui, "isWidgetType", lambda: False)()
        widgets = _descendants(gui) if isWidget else vars(gui).values()
        mapping = {w.property("SlicerParameterName"): w for w in widgets if w.property("SlicerParameterName")}
        tag = self.connectParametersToGui(mapping)
        return None if connectGuiReturnsNone else tag

    def connectParametersToGui(self, mapping):
        """Bind parameters to widgets both ways: {parameter name: widget}. Returns the tag for `disconnectGui`."""
        connectors = {}
        for name, widget in mapping.items():
            parameter = self._checked(name)
            connectors[name] = widget
            if not isinstance(widget, GuiConnector):
                connectors[name] = createGuiConnector(widget, parameter.datatype, parameter.annotations)
        tag, self._nextTag = self._nextTag, self._nextTag + 1
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.onChanged(self._makeCallback(name, connector))
        self._guis[tag] = connectors
        if len(self._guis) == 1:
            this = weakref.ref(self)

            def onModified(caller, event):
                if this() is not None:
                    this()._updateGui()

            self._observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, onModified)
        return tag

    def _makeCallback(self, name, connector):
        def callback():
            if not self._updatingGui:
                with slicer.util.NodeModify(self.parameterNode):
                    self.setValue(name, connector.read())

        return callback

    def _updateGui(self):
        if self._updatingGui:
            return
        self._updatingGui = True
        try:
            for connectors in self._guis.values():
                for name, connector in connectors.items():
                    connector.write(self.getValue(name))
        finally:
            self._updatingGui = False

    def disconnectGui(self, guiTag):
        """Undo one connect; an unknown tag (None) is ignored, as in Slicer."""
        connectors = self._guis.pop(guiTag, {})
        for connector in connectors.values():
            connector.onChanged(None)
        if connectors and not self._guis:
            self.RemoveObserver(self._observer)

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified):
        return self.parameterNode.EndModify(wasModified)

    def Modified(self):
        self.parameterNode.Modified()

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)


def _descendants(widget):
    for child in widget.children():
        if child.isWidgetType():
            yield child
            yield from _descendants(child)
