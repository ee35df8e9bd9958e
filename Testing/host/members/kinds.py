"""The types that the walk knows.

A type is a tuple: ``("qt", "QLabel")``, ``("vtk", "vtkMRMLScene")``, ``("own", "module.Class")`` for objects;
``("class", <object type>)`` for a class; ``("list", T)`` for anything that gives T when iterated or indexed,
``("tuple", T, ...)``, ``("dict", T)``; ``("call", T)`` for what can be called; ``("method", receiver, name)``,
``("function", key)``, ``("module", name)``; ``("ui",)`` for the widgets by name; ``("modules",)`` for slicer.modules;
``("plain",)`` for what holds no object of Qt or VTK.  None: not known.
"""

from __future__ import annotations

import re

from host import facts

PLAIN = ("plain",)
MIXED = ("mixed",)  # one thing here, another there: as good as not known
UI = ("ui",)


def vtkClass(name):
    """Class `name` of slicer-core or VTK, or None."""
    import slicer
    import vtk

    return getattr(slicer, name, None) or getattr(vtk, name, None) if name.startswith("vtk") else None


def common(kinds):
    """What objects of several types have in common: of Qt or VTK the nearest class that all derive from."""
    if len(kinds) > 1:
        kinds = kinds - {PLAIN}  # None, or a list that is still empty
    if len(kinds) < 2:
        return next(iter(kinds), None)
    if None in kinds or MIXED in kinds:
        return MIXED if MIXED in kinds else None
    if len({kind[0] for kind in kinds}) > 1:
        return MIXED
    heads = {kind[0] for kind in kinds}
    if heads == {"qt"}:
        lineages = [facts.ancestors(kind[1]) for kind in sorted(kinds)]
        return next((("qt", each) for each in lineages[0] if all(each in lineage for lineage in lineages)), None)
    if heads == {"vtk"} and all(vtkClass(kind[1]) for kind in kinds):
        lineages = [[cls.__name__ for cls in vtkClass(kind[1]).__mro__] for kind in sorted(kinds)]
        return next((("vtk", each) for each in lineages[0] if all(each in lineage for lineage in lineages)), None)
    if heads <= {"list", "dict", "tuple"} and len({len(kind) for kind in kinds}) == 1:
        return (*heads, *(common(set(parts)) for parts in list(zip(*kinds))[1:]))
    return sorted(kinds, key=repr)[0] if heads <= {"method", "function", "call"} else None


def derived(cls):
    """The classes below `cls`."""
    for each in cls.__subclasses__():
        yield each
        yield from derived(each)


def vtkReturns(name, method):
    """What a method of a VTK class gives, by the signature in its documentation."""
    cls = vtkClass(name)
    if cls is None:
        return None
    having = [cls] if hasattr(cls, method) else [each for each in derived(cls) if method in vars(each)]
    kinds = {kind for each in having for kind in re.findall(r"-> ([\w.]+)", getattr(each, method).__doc__ or "")}
    if not kinds:
        return None
    kind = sorted(kinds)[0]
    if kind.startswith("vtk") and len(kinds) == 1:
        return ("vtk", kind)
    return None if any(each.startswith("vtk") for each in kinds) or "Any" in kinds else PLAIN


def whole(kind):
    """Whether a type is known to its innermost part."""
    return kind is not None and all(whole(each) for each in kind[1:] if not isinstance(each, str))
