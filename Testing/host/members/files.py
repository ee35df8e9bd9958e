"""The files that are looked at together: their names, classes and functions, and what is known of each."""

from __future__ import annotations

import ast
import builtins

from host import facts
from host.members.kinds import PLAIN, vtkClass


class Files:
    """The files that are looked at together.

    Args:
        sources: text by module name, ``{"Package.module": text}``.
        widgets: class by name of the .ui file.
        reviewed: types that a person found by reading, {(module, expression): type}, where nothing else tells.
    """

    def __init__(self, sources, widgets, reviewed=None):
        self.widgets = widgets
        self.reviewed = reviewed or {}
        self.asked = set()  # what of it was needed
        self.trees = {name: ast.parse(text) for name, text in sources.items()}
        self.names = {name: {} for name in sources}  # of each module: what its global names are
        self.functions = {}  # key -> (module, class or None, node)
        self.classes = {}  # "module.Class" -> (module, node)
        self.attributes = {}  # "module.Class" -> {name: type}
        self.parameters = {}  # function key -> {name: type}, from annotations and from calls
        self.returns = {}  # function key -> type
        self.locals = {}  # function key -> {name: type}
        for name, tree in self.trees.items():
            self._index(name, tree)
        self.changed = False  # whether the last walk learnt anything

    def _index(self, module, tree):
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(module, node)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                key = f"{module}.{node.name}"
                self.classes[key] = (module, node)
                self.attributes[key] = {}
                self.names[module][node.name] = ("class", ("own", key))
                for child in node.body:
                    if isinstance(child, ast.FunctionDef):
                        self.functions[f"{key}.{nameOf(child)}"] = (module, key, child)
            elif isinstance(node, ast.FunctionDef):
                key = f"{module}.{node.name}"
                self.functions[key] = (module, None, node)
                self.names[module][node.name] = ("function", key)

    def _import(self, module, node):
        for alias in node.names:
            if isinstance(node, ast.Import):
                front = alias.name if alias.asname else alias.name.split(".")[0]
                self.names[module][alias.asname or front] = self._module(front)
                continue
            whole = _absolute(self, module, node)
            if f"{whole}.{alias.name}" in self.trees:
                self.names[module][alias.asname or alias.name] = ("module", f"{whole}.{alias.name}")
            else:
                self.names[module][alias.asname or alias.name] = ("from", whole, alias.name)

    def _module(self, name):
        known = name in self.trees or name in ("slicer", "qt", "ctk", "vtk")
        return ("module", name) if known else PLAIN

    def ofName(self, module, name):
        """What global name `name` of `module` is."""
        found = self.names.get(module, {}).get(name)
        if found and found[0] == "from":
            if found[1] in self.trees:
                return self.ofName(found[1], found[2])
            if found[1] in ("slicer", "qt", "ctk", "vtk"):
                return self.ofMember(("module", found[1]), found[2])
            if found[1] == "slicer.ScriptedLoadableModule" or found[1] == "slicer.util":
                return ("outside", found[2])
            return PLAIN
        if found is None and hasattr(builtins, name):
            return PLAIN
        return found

    # members
    def lineage(self, key):
        """An own class and the own classes it derives from; and what of its bases and decorators lies outside."""
        module, node = self.classes[key]
        keys, outside = [key], set()
        for base in node.bases:
            kind = self.ofName(module, base.id) if isinstance(base, ast.Name) else None
            if kind and kind[0] == "class" and kind[1][0] == "own":
                more, beyond = self.lineage(kind[1][1])
                keys.extend(more)
                outside |= beyond
            else:
                outside.add(ast.unparse(base))
        return keys, outside | {ast.unparse(each) for each in node.decorator_list}

    def ofMember(self, receiver, name):
        """What ``receiver.name`` is; None where that is not known."""
        kind = receiver[0] if receiver else None
        if kind == "plain":
            return PLAIN
        if kind == "ui":
            return ("qt", self.widgets[name]) if name in self.widgets else None
        if kind == "own" or (kind == "class" and receiver[1][0] == "own"):
            return self._ofOwn(receiver, name)
        if kind == "module":
            return self._ofModule(receiver[1], name)
        if kind == "qt":
            if name in facts.properties(receiver[1]) - facts.callableBesideProperty(receiver[1]):
                return PLAIN
            return ("method", receiver, name)
        if kind == "vtk":
            return ("method", receiver, name)
        if kind == "modules":
            return ("qt", "qSlicerLoadableModule")
        if kind == "class":
            inner = receiver[1]
            return PLAIN if inner[0] == "qt" and name[:1].isupper() else ("method", inner, name)
        if kind in ("list", "tuple", "dict"):
            return ("method", receiver, name)
        return PLAIN if kind in ("call", "method", "function") else None

    def _ofOwn(self, receiver, name):
        key = receiver[1] if receiver[0] == "own" else receiver[1][1]
        for each in self.lineage(key)[0]:
            if name in self.attributes[each]:
                return self.attributes[each][name]
            function = self.functions.get(f"{each}.{name}")
            if function is not None:
                decorators = {getattr(d, "id", getattr(d, "attr", "")) for d in function[2].decorator_list}
                if decorators & {"property", "cached_property"}:
                    return self.returns.get(f"{each}.{name}")
                return ("function", f"{each}.{name}")
        return None

    def _ofModule(self, module, name):
        if module in self.trees:
            return self.ofName(module, name) or None
        if module in ("qt", "ctk"):
            return ("class", ("qt", name)) if facts.hasClass(name) else PLAIN if name == "Qt" else None
        if module in ("slicer", "vtk"):
            if name == "mrmlScene":
                return ("vtk", "vtkMRMLScene")
            if name == "app":
                return ("qt", "qSlicerApplication")
            if name == "util":
                return ("module", "slicer.util")
            if name == "modules":
                return ("modules",)
            if name.isupper():  # a constant of VTK
                return PLAIN
            if facts.hasClass(name):
                return ("class", ("qt", name))
            if vtkClass(name) is not None:
                return ("class", ("vtk", name))
        if module == "slicer.util":
            return ("util", name)
        return None


def nameOf(function):
    """Of a function; the setter of a property has one beside that of its getter."""
    isSetter = any(isinstance(each, ast.Attribute) and each.attr == "setter" for each in function.decorator_list)
    return function.name + (" setter" if isSetter else "")


def _absolute(files, module, node):
    if not node.level:
        return node.module or ""
    isPackage = any(name.startswith(module + ".") for name in files.trees)
    parts = module.split(".")
    parts = parts[:len(parts) - node.level + (1 if isPackage else 0)]
    return ".".join(parts + ([node.module] if node.module else []))
