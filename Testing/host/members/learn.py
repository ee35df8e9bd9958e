"""Walks over files until nothing new is learnt: names, attributes, parameters, returns."""

from __future__ import annotations

import ast

from host.members.expressions import Expressions
from host.members.files import Files, nameOf
from host.members.kinds import MIXED, PLAIN, UI, common, whole

PASSES = 8  # types travel one call a pass


def learn(sources, widgets, reviewed=None):
    """`Files` with all that can be known of them; see there for the arguments."""
    files = Files(sources, widgets, reviewed)
    for _ in range(PASSES):
        files.changed = False
        for name, tree in files.trees.items():
            Pass(files, name).visit(tree)
        if not files.changed:
            break
    return files


class Pass(Expressions, ast.NodeVisitor):
    """One walk over a module: remembers what names, attributes, parameters and returns are."""

    # scopes
    def visit_ClassDef(self, node):
        inner = Pass(self.files, self.module, f"{self.module}.{node.name}")
        if inner.ownClass in self.files.classes:
            for child in node.body:
                inner._ofClassBody(child)
                inner.visit(child)

    def _ofClassBody(self, child):
        attributes = self.files.attributes[self.ownClass]
        if isinstance(child, ast.AnnAssign):
            attributes[child.target.id] = self.annotated(child.annotation)
        elif isinstance(child, ast.Assign):
            for target in child.targets:
                if isinstance(target, ast.Name):
                    attributes[target.id] = self.typeOf(child.value)

    def scope(self, node):
        """The scope of a function or method."""
        if self.function:
            return Inner(self, node)
        key = f"{self.ownClass or self.module}.{nameOf(node)}"
        inner = type(self)(self.files, self.module, self.ownClass, key)
        inner._declare(node)
        return inner

    def visit_FunctionDef(self, node):
        inner = self.scope(node)
        for child in node.body:
            inner.visit(child)
        if not self.function and node.returns is not None:
            annotated = self.annotated(node.returns)
            found = self.files.returns.get(inner.function)
            if found != annotated and (whole(annotated) or (annotated and found in (None, MIXED))):
                self.files.returns[inner.function] = annotated
                self.files.changed = True

    def _declare(self, node):
        called = self.files.parameters.setdefault(self.function, {})
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for position, argument in enumerate(arguments):
            static = any(getattr(d, "id", "") == "staticmethod" for d in node.decorator_list)
            if self.ownClass and position == 0 and not static:
                own = ("own", self.ownClass)
                isClass = any(getattr(d, "id", "") == "classmethod" for d in node.decorator_list)
                self.known[argument.arg] = ("class", own) if isClass else own
                continue
            kind = self.annotated(argument.annotation) if argument.annotation else None
            told = called.get(argument.arg)
            self.known[argument.arg] = kind if whole(kind) else told or kind or (UI if argument.arg == "ui" else None)
        for extra, shape in ((node.args.vararg, "list"), (node.args.kwarg, "dict")):
            if extra:
                kind = self.annotated(extra.annotation) if extra.annotation else None
                self.known[extra.arg] = (shape, kind)

    # assignments
    def visit_Assign(self, node):
        self.generic_visit(node)
        kind = self.typeOf(node.value)
        for target in node.targets:
            self.bind(target, kind)

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        kind = self.annotated(node.annotation)
        self.bind(node.target, kind or (self.typeOf(node.value) if node.value else None))

    def visit_NamedExpr(self, node):
        self.generic_visit(node)
        self.bind(node.target, self.typeOf(node.value))

    def visit_For(self, node):
        self.bind(node.target, self.element(self.typeOf(node.iter)))
        self.generic_visit(node)

    def visit_With(self, node):
        for item in node.items:
            if item.optional_vars is not None:
                self.bind(item.optional_vars, self.typeOf(item.context_expr))
        self.generic_visit(node)

    def visit_ExceptHandler(self, node):
        if node.name:
            self.known[node.name] = PLAIN
        self.generic_visit(node)

    def visit_comprehension(self, node):
        self.bind(node.target, self.element(self.typeOf(node.iter)))
        self.generic_visit(node)

    def _comprehension(self, node):
        for each in node.generators:
            self.visit(each)
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def visit_Lambda(self, node):
        for argument in node.args.args:
            self.known.setdefault(argument.arg, None)
        self.generic_visit(node)

    def visit_Return(self, node):
        self.generic_visit(node)
        if self.function and node.value is not None:
            self._join(self.files.returns, self.function, self.typeOf(node.value))

    def bind(self, target, kind):
        if isinstance(target, (ast.Tuple, ast.List)):
            for number, each in enumerate(target.elts):
                if isinstance(each, ast.Starred):
                    self.bind(each.value, ("list", self.element(kind)))
                else:
                    self.bind(each, kind[1 + number] if kind and kind[0] == "tuple" and number < len(kind) - 1
                              else self.element(kind))
        elif isinstance(target, ast.Name):
            if self.function or self.ownClass:
                self._join(self.known, target.id, kind)
            else:
                self._join(self.files.names[self.module], target.id, kind)
        elif isinstance(target, ast.Attribute):
            owner = self.typeOf(target.value)
            isProperty = owner and owner[0] == "own" and any(
                f"{each}.{target.attr}" in self.files.functions for each in self.files.lineage(owner[1])[0])
            if owner and owner[0] == "own" and not isProperty:
                self._join(self.files.attributes[owner[1]], target.attr, kind)

    def _join(self, where, name, kind):
        """Add what a name holds: what was None, plain or known in part gives way to what says more."""
        before = where.get(name)
        if kind is None or kind == before:
            where.setdefault(name, None)
            return
        if before is None or before == PLAIN:
            now = kind
        elif kind == PLAIN:
            now = before
        elif before[0] == kind[0] and not (whole(before) and whole(kind)):
            now = before if whole(before) else kind
        else:
            now = common({before, kind})
        if now != before:
            where[name] = now
            self.files.changed = True

    # calls tell what parameters are
    def visit_Call(self, node):
        self.generic_visit(node)
        kind = self.typeOf(node.func)
        key, skipped = None, 0
        if kind and kind[0] == "function":
            key = kind[1]
            owner = self.files.functions[key][1] if key in self.files.functions else None
            static = owner and any(getattr(d, "id", "") == "staticmethod"
                                   for d in self.files.functions[key][2].decorator_list)
            skipped = 1 if owner and not static else 0
        elif kind and kind[0] == "class" and kind[1][0] == "own":
            key, skipped = f"{kind[1][1]}.__init__", 1
        if key not in self.files.functions:
            return
        names = [each.arg for each in self.files.functions[key][2].args.args][skipped:]
        called = self.files.parameters.setdefault(key, {})
        for name, argument in zip(names, node.args):
            if not isinstance(argument, ast.Starred):
                self._join(called, name, self.typeOf(argument))
        for keyword in node.keywords:
            if keyword.arg:
                self._join(called, keyword.arg, self.typeOf(keyword.value))


class Inner(Pass):
    """A function inside a function sees the names of the outer one."""

    def __init__(self, outer, node):
        super().__init__(outer.files, outer.module, outer.ownClass, None)
        self.function = None
        self.known = outer.known
        for argument in node.args.args:
            kind = self.annotated(argument.annotation) if argument.annotation else None
            self.known.setdefault(argument.arg, kind)

    def scope(self, node):
        return Inner(self, node)

    def bind(self, target, kind):
        if isinstance(target, ast.Name):
            self._join(self.known, target.id, kind)
        else:
            super().bind(target, kind)
