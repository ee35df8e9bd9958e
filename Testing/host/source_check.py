"""Does a module's source use only what Slicer really has, and nothing that PySide6 alone accepts?

`checkSource` reads Python text with ast and returns the problems it sees. It knows the type of ``qt.X()``, ``ctk.X()``,
``slicer.qMRMLX()`` (also through ``self.x`` and local names) and of ``ui.name`` (from the .ui file), and checks every
member used on them against the facts (`host.facts`).
"""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ElementTree
from collections import namedtuple

from host import facts

Problem = namedtuple("Problem", "line text")

FORBIDDEN_IMPORTS = ("PySide2", "PySide6", "PyQt5", "PyQt6", "shiboken6", "shibokensupport", "torch", "PythonQt")
# In module qt beside the classes of the facts. Qt and QPrinter: seen in a running Slicer.
QT_EXTRA = {"Qt", "Signal", "Slot", "Property", "QPrinter"}
# Attributes of `slicer` that are neither classes nor submodules of the facts.
SLICER_NAMES = {"app", "mrmlScene", "modules", "util", "selfTests"}
MISSING_IN_PYTHONQT = {"CTRL", "SHIFT", "ALT", "META"}


def widgetsOf(uiPath):
    """Names and classes in a .ui file: {object name: class name}, layouts and actions included."""
    root = ElementTree.parse(uiPath).getroot()
    return {e.get("name"): e.get("class") for e in root.iter() if e.tag in ("widget", "layout") and e.get("name")}


def checkSource(source, widgets=None):
    """Problems of Python text `source`, in order of lines. widgets: {name: class} of ``ui`` (see `widgetsOf`)."""
    tree = ast.parse(source)
    checker = _Checker(widgets or {})
    checker.visit(tree)
    return sorted(set(checker.problems))


class _Checker(ast.NodeVisitor):
    def __init__(self, widgets):
        self.widgets = widgets
        self.problems = []
        self._attributeTypes = {}  # of self.<name>, in the class at hand
        self._localTypes = {}  # of plain names, in the function at hand

    def report(self, node, text):
        self.problems.append(Problem(node.lineno, text))

    # scopes
    def visit_ClassDef(self, node):
        outer, self._attributeTypes = self._attributeTypes, {}
        for child in ast.walk(node):
            if isinstance(child, ast.Assign):
                self._rememberAttribute(child)
        self.generic_visit(node)
        self._attributeTypes = outer

    def visit_FunctionDef(self, node):
        outer, self._localTypes = self._localTypes, dict(self._localTypes)
        self.generic_visit(node)
        self._localTypes = outer

    def _rememberAttribute(self, node):
        for target in node.targets:
            if isinstance(target, ast.Attribute) and _dotted(target.value) == "self":
                name = self._typeOf(node.value)
                if target.attr in self._attributeTypes and self._attributeTypes[target.attr] != name:
                    name = None  # it holds different things at different times
                self._attributeTypes[target.attr] = name

    def visit_Assign(self, node):
        for target in node.targets:
            self._checkAssignment(target)
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._localTypes[target.id] = self._typeOf(node.value)

    def _checkAssignment(self, target):
        if not isinstance(target, ast.Attribute):
            return
        className = self._typeOf(target.value)
        if className is None or not facts.hasClass(className):
            return
        if target.attr in facts.readonly(className):
            self.report(target, f"{className}.{target.attr} cannot be written in Slicer")
        elif target.attr in facts.members(className) - facts.properties(className):
            self.report(target, f"{className}.{target.attr} is not a property in Slicer; call its setter")

    # what an expression is
    def _typeOf(self, node):
        """Class name of the Qt object that `node` gives, or None."""
        if isinstance(node, ast.Call):
            parts = (_dotted(node.func) or "").split(".")
            if len(parts) == 2 and parts[0] in ("qt", "ctk", "slicer") and facts.hasClass(parts[1]):
                return parts[1]
            if isinstance(node.func, ast.Attribute):
                return facts.returned(self._typeOf(node.func.value), node.func.attr)
            return None
        if isinstance(node, ast.Name):
            return self._localTypes.get(node.id)
        if isinstance(node, ast.Attribute):
            if _isUi(node.value):
                return self.widgets.get(node.attr)
            if _dotted(node.value) == "self":
                return self._attributeTypes.get(node.attr)
            if _dotted(node) == "slicer.app":
                return "qSlicerApplication"
        return None

    # rules
    def visit_Import(self, node):
        for alias in node.names:
            self._checkImport(node, alias.name)

    def visit_ImportFrom(self, node):
        self._checkImport(node, node.module or "")

    def _checkImport(self, node, name):
        if name.split(".")[0] in FORBIDDEN_IMPORTS:
            self.report(node, f"import of {name}")

    def visit_Attribute(self, node):
        dotted = _dotted(node)
        if dotted:
            self._checkDotted(node, dotted.split("."))
        if self.widgets and _isUi(node.value) and node.attr not in self.widgets:
            self.report(node, f"ui.{node.attr}: no such name in the .ui file")
        self._checkMember(node)
        self.generic_visit(node)

    def _checkMember(self, node):
        className = self._typeOf(node.value)
        if className is not None and facts.hasClass(className) and node.attr not in facts.members(className):
            self.report(node, f"{className}.{node.attr} does not exist in Slicer")

    def _checkDotted(self, node, parts):
        if parts[0] == "qt":
            self._checkQt(node, parts)
        elif parts[0] == "ctk" and len(parts) == 2 and not facts.hasClass(parts[1]):
            self.report(node, f"{'.'.join(parts)} is not in the facts")
        elif parts[0] == "slicer":
            self._checkSlicer(node, parts)

    def _checkQt(self, node, parts):
        if len(parts) == 2 and parts[1] not in QT_EXTRA and not facts.hasClass(parts[1]):
            self.report(node, f"qt.{parts[1]} is not in the facts")
        elif len(parts) == 3 and facts.hasClass(parts[1]) and parts[2] not in facts.members(parts[1]):
            self.report(node, f"qt.{parts[1]}.{parts[2]} does not exist in Slicer")
        elif len(parts) == 3 and parts[1] == "Qt" and parts[2] in MISSING_IN_PYTHONQT:
            self.report(node, f"qt.Qt.{parts[2]} does not exist in Slicer")
        elif len(parts) == 4 and parts[2][:1].isupper():
            self.report(node, f"{'.'.join(parts)}: scoped enum; write qt.{parts[1]}.{parts[3]}")

    def _checkSlicer(self, node, parts):
        import slicer

        if len(parts) == 2:
            name = parts[1]
            known = name in SLICER_NAMES or facts.hasClass(name) or facts.pythonModule("slicer." + name) is not None
            if not known and not (name.startswith("vtk") and hasattr(slicer, name)):
                self.report(node, f"slicer.{name} is not in the facts")
        elif len(parts) == 3 and parts[1] == "util" and parts[2] not in facts.pythonModule("slicer.util"):
            self.report(node, f"slicer.util.{parts[2]} is not in the facts")
        elif len(parts) == 3 and parts[1] == "mrmlScene" and not hasattr(slicer.vtkMRMLScene, parts[2]):
            self.report(node, f"slicer.mrmlScene.{parts[2]} does not exist")
        elif len(parts) == 3 and parts[1].startswith("vtk"):
            cls = getattr(slicer, parts[1], None)
            if cls is not None and not hasattr(cls, parts[2]):
                self.report(node, f"{'.'.join(parts)} does not exist")

    def visit_Call(self, node):
        function = node.func
        if isinstance(function, ast.Attribute):
            self._checkMethodCall(node, function)
        self._checkKeywords(node)
        if _dotted(function) == "isinstance" and len(node.args) == 2:
            named = [_dotted(n) or "" for n in ast.walk(node.args[1])]
            if any(name.startswith(("qt.", "ctk.")) for name in named):
                self.report(node, "isinstance with a Qt class is False in Slicer for derived classes; use inherits()")
        self.generic_visit(node)

    def _checkMethodCall(self, node, function):
        if function.attr == "exec":
            self.report(node, ".exec(): write exec_()")
        firstText = getattr(node.args[0], "value", None) if node.args else None
        if function.attr in ("connect", "disconnect") and isinstance(firstText, str):
            self.report(node, f"{function.attr} by signal text; write object.signal.{function.attr}(slot)")
        className = self._typeOf(function.value)
        if className is None:
            return
        if function.attr in facts.properties(className) - facts.callableBesideProperty(className):
            self.report(node, f"{className}.{function.attr} is a property in Slicer and cannot be called")

    def _checkKeywords(self, node):
        if not node.keywords:
            return
        dotted = _dotted(node.func) or ""
        parts = dotted.split(".")
        isClass = len(parts) == 2 and (
            parts[0] in ("qt", "ctk") or (parts[0] in ("slicer", "vtk") and parts[1].startswith(("q", "vtk")))
        )
        isMethod = isinstance(node.func, ast.Attribute) and self._typeOf(node.func.value) is not None
        isStatic = len(parts) == 3 and parts[0] in ("qt", "ctk")
        if isClass or isMethod or isStatic:
            self.report(node, f"{dotted or node.func.attr}: keyword arguments are refused by PythonQt and older VTK")


def _dotted(node):
    """``a.b.c`` as text, or None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        front = _dotted(node.value)
        return f"{front}.{node.attr}" if front else None
    return None


def _isUi(node):
    return (isinstance(node, ast.Name) and node.id == "ui") or (isinstance(node, ast.Attribute) and node.attr == "ui")
