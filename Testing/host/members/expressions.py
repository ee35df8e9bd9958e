"""What an expression or an annotation is."""

from __future__ import annotations

import ast

from host import facts
from host.members.kinds import PLAIN, UI, common, vtkClass, vtkReturns

SEQUENCES = {"List", "Sequence", "Iterable", "Iterator", "Set", "FrozenSet", "Collection", "list", "set", "Generator"}
MAPPINGS = {"Dict", "Mapping", "dict", "DefaultDict", "OrderedDict", "MutableMapping"}

# What functions of slicer.util give: class name, or a type.
UTIL = {
    "loadUI": ("qt", "QWidget"), "childWidgetVariables": UI, "mainWindow": ("qt", "QMainWindow"),
    "getNode": ("vtk", "vtkMRMLNode"), "loadVolume": ("vtk", "vtkMRMLVolumeNode"),
    "arrayFromVolume": PLAIN, "arrayFromSegmentBinaryLabelmap": PLAIN, "settingsValue": PLAIN, "tempDirectory": PLAIN,
    "loadScene": PLAIN, "saveScene": PLAIN, "confirmOkCancelDisplay": PLAIN, "confirmYesNoDisplay": PLAIN,
    "exportNode": PLAIN, "moduleSelector": None, "arrayFromTableColumn": PLAIN, "saveNode": PLAIN,
    "NodeModify": ("argument", 0),
}


class Expressions:
    """Types of expressions in one scope; `known` has what its names are."""

    def __init__(self, files, module, ownClass=None, function=None):
        self.files = files
        self.module = module
        self.ownClass = ownClass
        self.function = function
        self.known = files.locals.setdefault(function, {}) if function else {}

    # annotations
    def annotated(self, node):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.annotated(ast.parse(node.value, mode="eval").body)
        if isinstance(node, ast.Constant):
            return PLAIN if node.value is None else None
        if isinstance(node, ast.Subscript):
            front = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if front in ("Optional", "Annotated", "Final", "ClassVar"):
                return self.annotated(inner[0])
            if front == "Type":
                kind = self.annotated(inner[0])
                return ("class", kind) if kind else None
            if front in SEQUENCES:
                return ("list", self.annotated(inner[0]))
            if front in MAPPINGS:
                return ("dict", self.annotated(inner[-1]))
            if front in ("Tuple", "tuple"):
                many = len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is ...
                kinds = [self.annotated(each) for each in inner]
                return ("list", kinds[0]) if many else ("tuple", *kinds)
            if front == "Callable":
                return ("call", self.annotated(inner[-1]))
            if front == "Union":
                kinds = {self.annotated(each) for each in inner} - {PLAIN}
                return PLAIN if not kinds else kinds.pop() if len(kinds) == 1 else None
            return PLAIN if front == "Literal" else None
        if isinstance(node, ast.Name):
            if node.id in ("Any", "object"):
                return None
            alias = self._alias(node.id)
            if alias is not None:
                return alias
        kind = self.typeOf(node)
        return kind[1] if kind and kind[0] == "class" else PLAIN if kind == PLAIN else None

    def _alias(self, name):
        """The type with a name, ``Row = Dict[str, Any]``, of this module or of the one that the name comes from."""
        source = self.files.names[self.module].get(name)
        module = source[1] if source and source[0] == "from" else self.module
        for node in getattr(self.files.trees.get(module), "body", ()):
            if (isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript)
                    and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name):
                return Expressions(self.files, module).annotated(node.value)
        return None

    # expressions
    @staticmethod
    def element(kind):
        if kind is None:
            return None
        if kind[0] in ("list", "dict"):
            return kind[1]
        if kind[0] == "tuple":
            return common(set(kind[1:]))
        return PLAIN if kind == PLAIN else None

    def typeOf(self, node):
        method = getattr(self, "_of" + type(node).__name__, None)
        if method is not None:
            kind = method(node)
            isKnown = kind is not None and kind[0] not in ("outside", "from", "mixed")
            return kind if isKnown else self._reviewed(node) or kind
        if isinstance(node, (ast.Constant, ast.JoinedStr, ast.Compare, ast.BinOp, ast.UnaryOp)):
            return PLAIN
        return None

    def _reviewed(self, node):
        if not self.files.reviewed:
            return None
        entry = (self.module, ast.unparse(node))
        if entry in self.files.reviewed:
            self.files.asked.add(entry)
        return self.files.reviewed.get(entry)

    def _ofName(self, node):
        if node.id in self.known:
            return self.known[node.id]
        return self.files.ofName(self.module, node.id)

    def _ofAttribute(self, node):
        return self.files.ofMember(self.typeOf(node.value), node.attr)

    def _ofBoolOp(self, node):
        kinds = {self.typeOf(each) for each in node.values}
        return common(kinds)

    def _ofIfExp(self, node):
        kinds = {self.typeOf(each) for each in (node.body, node.orelse)}
        return common(kinds)

    def _ofNamedExpr(self, node):
        return self.typeOf(node.value)

    def _ofTuple(self, node):
        return ("tuple", *(self.typeOf(each) for each in node.elts))

    def _ofList(self, node):
        kinds = {self.typeOf(each) for each in node.elts}
        return ("list", common(kinds) if kinds else PLAIN)

    _ofSet = _ofList

    def _ofDict(self, node):
        kinds = {self.typeOf(each) for each in node.values}
        return ("dict", kinds.pop() if len(kinds) == 1 else PLAIN if not kinds else None)

    def _ofListComp(self, node):
        return ("list", self.typeOf(node.elt))

    _ofSetComp = _ofGeneratorExp = _ofListComp

    def _ofDictComp(self, node):
        return ("dict", self.typeOf(node.value))

    def _ofSubscript(self, node):
        kind = self.typeOf(node.value)
        if isinstance(node.slice, ast.Slice):
            return kind
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if kind and kind[0] == "tuple" and isinstance(index, int) and -len(kind) < index < len(kind) - 1:
            return kind[1 + index] if index >= 0 else kind[index]
        return self.element(kind)

    def _ofStarred(self, node):
        return self.element(self.typeOf(node.value))

    def _ofLambda(self, node):
        return ("call", self.typeOf(node.body))

    def _ofCall(self, node):
        kind = self.typeOf(node.func)
        if kind is None:
            return None
        if kind[0] == "class":
            return kind[1]
        if kind[0] == "call":
            return kind[1]
        if kind[0] == "function":
            return self.files.returns.get(kind[1])
        if kind[0] == "util":
            return self._ofUtil(kind[1], node)
        if kind[0] == "method":
            return self._ofMethod(kind[1], kind[2], node)
        return self._ofBuiltin(node) if kind == PLAIN else None

    def _ofBuiltin(self, node):
        """enumerate, zip, list ... hand on what they are given."""
        name = getattr(node.func, "id", "")
        kinds = [self.typeOf(each) for each in node.args]
        if name == "enumerate":
            return ("list", ("tuple", PLAIN, self.element(kinds[0])))
        if name == "zip":
            return ("list", ("tuple", *(self.element(each) for each in kinds)))
        if name in ("list", "tuple", "sorted", "reversed", "set", "iter") and kinds:
            return ("list", self.element(kinds[0]))
        if name in ("next", "max", "min") and kinds:
            return self.element(kinds[0]) if kinds[0] and kinds[0][0] != "plain" else kinds[0]
        variable = name == "getattr" and not isinstance(node.args[1], ast.Constant)
        if variable and getattr(node.args[0], "id", "") == "slicer":
            return ("class", ("vtk", "vtkMRMLNode"))  # by the name of a node's class
        if name in ("getattr", "filter", "map", "partial", "super", "vars"):
            return None
        return PLAIN

    def _ofUtil(self, name, node):
        if name == "getNodesByClass":
            text = getattr(node.args[0], "value", None) if node.args else None
            return ("list", ("vtk", text) if isinstance(text, str) else ("vtk", "vtkMRMLNode"))
        kind = UTIL.get(name)
        return self.typeOf(node.args[kind[1]]) if kind and kind[0] == "argument" else kind

    def _ofMethod(self, receiver, name, node):
        if receiver[0] == "qt":
            given = facts.returned(receiver[1], name)
            if given is not None:
                kind = ("vtk" if given.startswith("vtk") else "qt", given.strip("[]"))
                return ("list", kind) if given.startswith("[") else kind
            return PLAIN if name.startswith(("is", "has", "set")) else None
        if receiver[0] == "vtk":
            texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            named = [text for text in texts if text.startswith("vtk") and vtkClass(text) is not None]
            if name in ("AddNewNodeByClass", "CreateNodeByClass", "GetFirstNodeByClass", "GetNthNodeByClass") and named:
                return ("vtk", named[0])
            if name == "SafeDownCast":
                return receiver
            return vtkReturns(receiver[1], name)
        if receiver[0] == "dict" and name in ("get", "pop", "setdefault"):
            return receiver[1]
        if receiver[0] == "dict" and name in ("values", "items", "keys"):
            return ("list", receiver[1] if name == "values" else
                    ("tuple", PLAIN, receiver[1]) if name == "items" else PLAIN)
        if receiver[0] == "list" and name in ("pop", "popleft"):
            return receiver[1]
        return PLAIN if receiver[0] in ("list", "tuple", "dict") and name in ("index", "count", "append") else None
