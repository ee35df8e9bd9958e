"""Walks every attribute of a set of Python files: each is checked against the facts, or listed as not typed.

`walk` gives the problems and the attributes whose object is not known.  A name that Qt 6 alone has is a problem on an
object that is not known, too, unless something else has the name.
"""

from __future__ import annotations

import ast
import re
import unittest
from collections import Counter, namedtuple

from host import facts
from host.members.kinds import derived, vtkClass
from host.members.learn import Inner, Pass, learn

Walked = namedtuple("Walked", "problems untyped unused counts")
# What own classes get from classes that are not read here.
OUTSIDE = {"ScriptedLoadableModuleTest": unittest.TestCase, "Exception": Exception,
           "NamedTuple": namedtuple("NamedTuple", "")}
# Kinds of objects whose members are known.
CHECKED = ("plain", "ui", "qt", "vtk", "own", "class", "module", "list", "dict", "tuple", "call", "method",
           "function", "util", "modules")


def readReviewed(text):
    """Types that were found by reading: lines ``module  expression  class``, apart by two spaces or more; # comments.

    Class: the name of a Qt, ctk, Slicer or VTK class, ``own:module.Class``, ``ui``, or ``plain`` for what holds no
    object of Qt or VTK (text, numbers, numpy, JSON, unittest).
    """
    reviewed = {}
    for line in text.splitlines():
        parts = re.split(r"\s{2,}", line.split("#")[0].strip())
        if len(parts) == 3:
            reviewed[parts[0], parts[1]] = _typeNamed(parts[2])
        elif parts != [""]:
            raise ValueError(f"not three columns: {line!r}")
    return reviewed


def _typeNamed(name):
    if name in ("plain", "ui"):
        return (name,)
    if name.startswith("own:"):
        return ("own", name[4:])
    if facts.hasClass(name):
        return ("qt", name)
    if vtkClass(name) is not None:
        return ("vtk", name)
    raise ValueError(f"{name} is not in the facts")


def walk(sources, widgets, reviewed=None):
    """Every attribute of `sources` ({module: text}), with `widgets` of the .ui file ({name: class}).

    reviewed: see `readReviewed`; entries that nothing needs come back as `unused`.

    Returns:
        problems [(module, line, text)], untyped {(module, "receiver.member")}, unused {(module, expression)} and
        counts, a Counter: attributes by kind of their object.
    """
    files = learn(sources, widgets, reviewed)
    problems, untyped, counts = [], set(), Counter()
    for module, tree in files.trees.items():
        checker = _Check(files, module)
        checker.found = (problems, untyped, counts)
        checker.visit(tree)
    return Walked(sorted(set(problems)), untyped, set(files.reviewed) - files.asked, counts)


class _CheckMembers:
    def visit_Attribute(self, node):
        self.generic_visit(node)
        problems, untyped, counts = self.found
        receiver = self.typeOf(node.value)
        counts[receiver[0] if receiver and receiver[0] in CHECKED else "untyped"] += 1
        if receiver is None or receiver[0] not in CHECKED:
            untyped.add((self.module, f"{ast.unparse(node.value)}.{node.attr}"))
            if node.attr in onlyQt6():
                problems.append((self.module, node.lineno, f"{node.attr} is a property in Qt 6 only"))
            return
        text = self._wrong(receiver, node)
        if text == "untyped" and self._reviewed(node) is None:
            untyped.add((self.module, f"{ast.unparse(node.value)}.{node.attr}"))
            counts[receiver[0]] -= 1
            counts["untyped"] += 1
        elif text and text != "untyped":
            problems.append((self.module, node.lineno, text))

    def _wrong(self, receiver, node):
        kind, name = receiver[0], node.attr
        isWritten = isinstance(node.ctx, ast.Store)
        if kind == "class":
            kind, receiver = receiver[1][0], receiver[1]
        if kind == "ui":
            return None if name in self.files.widgets else f"ui.{name}: no such name in the .ui file"
        if kind == "qt":
            return _wrongOfQt(receiver[1], name, isWritten)
        if kind == "vtk":
            return None if hasVtkMember(receiver[1], name) else f"{receiver[1]}.{name} does not exist in Slicer"
        if kind == "own":
            return self._wrongOfOwn(receiver[1], name)
        if kind == "method" and receiver[1][0] == "qt":
            return _wrongOfSignal(receiver[1][1], receiver[2], name)
        if kind == "module":
            isKnown = self.files.ofMember(receiver, name) is not None
            return None if isKnown or self._isGlobal(receiver[1], name) else "untyped"
        return None

    def _isGlobal(self, module, name):
        return name in self.files.names.get(module, {})

    def _wrongOfOwn(self, key, name):
        keys, outside = self.files.lineage(key)
        for each in keys:
            if name in self.files.attributes[each] or f"{each}.{name}" in self.files.functions:
                return None
        if name.startswith("__") or any(hasattr(OUTSIDE.get(each), name) for each in outside):
            return None
        if outside - set(OUTSIDE) - {"dataclass"}:
            return "untyped"
        return f"{key.split('.')[-1]} has no {name}"

    def visit_Call(self, node):
        super().visit_Call(node)
        function = node.func
        receiver = self.typeOf(function.value) if isinstance(function, ast.Attribute) else None
        className = receiver[1] if receiver and receiver[0] == "qt" else None
        if className and function.attr in facts.properties(className) - facts.callableBesideProperty(className):
            text = f"{className}.{function.attr} is a property in Slicer and cannot be called"
            self.found[0].append((self.module, node.lineno, text))


class _Check(_CheckMembers, Pass):
    def visit_ClassDef(self, node):
        inner = _Check(self.files, self.module, f"{self.module}.{node.name}")
        inner.found = self.found
        for child in node.body:
            inner.visit(child)

    def scope(self, node):
        if self.function:
            inner = _CheckInner(self, node)
        else:
            inner = super().scope(node)
        inner.found = self.found
        return inner


class _CheckInner(_CheckMembers, Inner):
    def scope(self, node):
        inner = _CheckInner(self, node)
        inner.found = self.found
        return inner


def _wrongOfQt(className, name, isWritten):
    if not facts.hasClass(className):
        return "untyped"
    if name not in facts.members(className):
        return f"{className}.{name} does not exist in Slicer"
    if isWritten and name in facts.readonly(className):
        return f"{className}.{name} cannot be written in Slicer"
    if isWritten and name not in facts.properties(className):
        return f"{className}.{name} is not a property in Slicer; call its setter"
    return None


def _wrongOfSignal(className, member, name):
    """``object.member.name``: of what is not a property only signals have members."""
    if not facts.hasClass(className) or member not in facts.members(className):
        return None  # told already
    if name not in ("connect", "disconnect", "emit"):
        return f"{className}.{member} has no {name} in Slicer"
    return None if member in facts.signals(className) else f"{className}.{member} is not a signal in Slicer"


def hasVtkMember(className, name):
    """Whether a VTK class or one derived from it has a member: methods give the base class of what they return."""
    cls = vtkClass(className)
    if cls is None or hasattr(cls, name):
        return True
    return any(hasattr(each, name) for each in derived(cls))


def onlyQt6():
    """Properties that Qt 6 alone has, less the names that something in Slicer has in their role."""
    lost = {name for each in facts.classNames() for name in facts.onlyQt6(each)}
    kept = {name for each in facts.classNames() for name in facts.properties(each)}
    return lost - kept
