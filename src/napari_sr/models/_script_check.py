"""Checks of a TorchScript program: of its source before it is opened, and of its graph before it is run.

The source is text in a subset of Python. Here it is parsed, everything that is not known to be harmless is refused, and
the rest is written again from the syntax tree, so that PyTorch's own parser sees no text that this one did not. Some
code of a program may run while it is opened, so this must come first. The graph that PyTorch makes of the source is
checked once more, against the same list of operators.
"""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from napari_sr._text import one_line
from napari_sr.models._operators import ATEN, PRIM_FUNCTIONS, PRIM_NODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["ForbiddenOperationError", "check_graphs", "checked_source"]

_STATEMENTS: tuple[type[ast.AST], ...] = (
    ast.Module, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign,
    ast.AnnAssign, ast.For, ast.While, ast.If, ast.Expr, ast.Pass, ast.Break, ast.Continue,
)  # fmt: skip
_EXPRESSIONS: tuple[type[ast.AST], ...] = (
    ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Subscript,
    ast.Slice, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip
"""Syntax that PyTorch writes. There are no imports, exceptions, comprehensions or lambdas among it."""

_BASES = {"Module", "NamedTuple"}
_BUILTINS = {
    "int", "float", "bool", "str", "annotate", "unchecked_cast", "uninitialized", "getattr", "isinstance", "range",
}  # fmt: skip
"""Functions that a program may call by a bare name."""
_SPACES = {"torch", "ops", "CONSTANTS", "__torch__"}
"""Names under which operators, constants and the functions of the program are found."""
_NUMBERS = (bool, int, float, type(None))


class ForbiddenOperationError(ValueError):
    """A program does what none is allowed to do; the message says what."""


def checked_source(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The source of a program, checked and written again.

    Parameters
    ----------
    files : mapping of str to bytes
        Source by file name; all that the program consists of.

    Returns
    -------
    dict of str to bytes
        The same program, written from its syntax trees.

    Raises
    ------
    ForbiddenOperationError
        If it is no program as PyTorch writes it, or uses an operator that is not allowed.
    """
    trees = {name: _parsed(name, data) for name, data in files.items()}
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    own = set(_own_names(nodes))
    for node in nodes:
        _check_syntax(node)
    _check_names(nodes, own)
    for tree in trees.values():
        _check_module(tree, own)
    try:
        return {name: f"{ast.unparse(tree)}\n".encode() for name, tree in trees.items()}
    except RecursionError as error:
        raise ForbiddenOperationError("expressions nested too deeply") from error


def _parsed(name: str, data: bytes) -> ast.Module:
    try:
        return ast.parse(data.decode("utf-8"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ForbiddenOperationError(
            f"{one_line(name, 60)} is no source of TorchScript"
        ) from error


def _check_syntax(node: ast.AST) -> None:
    if not isinstance(node, _STATEMENTS + _EXPRESSIONS):
        raise ForbiddenOperationError(f"syntax {type(node).__name__!r}")
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        raise ForbiddenOperationError("text without use")
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            # text is for messages, and for names of modes and modules, which are of such characters
            node.value = "".join(each if " " <= each <= "~" else " " for each in node.value)
            node.kind = None
        elif not isinstance(node.value, _NUMBERS):
            raise ForbiddenOperationError(f"constant of type {type(node.value).__name__}")


def _own_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names of all attributes and methods that the program's classes declare."""
    for node in nodes:
        for each in node.body if isinstance(node, ast.ClassDef) else ():
            match each:
                case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    yield name
                case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(text)))]):
                    yield text


def _check_names(nodes: Iterable[ast.AST], own: set[str]) -> None:
    """Check every chain of attributes, such as ``torch.add`` or ``self.weight``, and the names that begin them."""
    nodes = list(nodes)
    chains = [node for node in nodes if isinstance(node, ast.Attribute)]
    inner = {id(node.value) for node in chains}
    for chain in chains:
        if id(chain) in inner:
            continue
        root, names = _chain(chain)
        if not (isinstance(root, ast.Name) and root.id in _SPACES):
            for name in names:
                _check_member(name, own)
        elif not _is_allowed(root.id, names):
            raise ForbiddenOperationError(f"operator {one_line('.'.join((root.id, *names)), 60)!r}")
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in _SPACES and id(node) not in inner:
            raise ForbiddenOperationError(f"name {node.id!r} by itself")


def _chain(node: ast.Attribute) -> tuple[ast.AST, list[str]]:
    """What a chain of attributes begins with, and the attributes."""
    names: list[str] = []
    inner: ast.AST = node
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return inner, names[::-1]


def _is_allowed(space: str, names: list[str]) -> bool:
    match space, names:
        case "torch", [name]:
            return name in ATEN
        case "ops", ["aten", name]:
            return name in ATEN
        case "ops", ["prim", name]:
            return name in PRIM_FUNCTIONS
        case "CONSTANTS", [name]:
            return name[:1] == "c" and name[1:].isdecimal()
        case "__torch__", _:
            # classes that libraries wrote in C++, with code of their own
            return names[:2] != ["torch", "classes"]
    return False


def _check_member(name: str, own: set[str]) -> None:
    """See that an attribute of an object is one of the program's own, and no operator in the form of a method."""
    if name not in own or (name not in ATEN and name in _operators()):
        raise ForbiddenOperationError(f"attribute {one_line(name, 60)!r}")


@cache
def _operators() -> frozenset[str]:
    """Names of all operators of tensors that PyTorch has."""
    schemas = torch._C._jit_get_all_schemas()
    names = (each.name.partition("::") for each in schemas)
    return frozenset(name for space, _, name in names if space in ("aten", "prim"))


def _check_module(tree: ast.Module, own: set[str]) -> None:
    for each in tree.body:
        match each:
            case ast.ClassDef():
                _check_class(each, own)
            case ast.FunctionDef():
                _check_function(each, own)
            case ast.Assign(targets=[ast.Name(id="op_version_set")], value=ast.Constant()):
                pass
            case _:
                raise ForbiddenOperationError("statement outside of a function")


def _check_class(node: ast.ClassDef, own: set[str]) -> None:
    bases = {each.id if isinstance(each, ast.Name) else "?" for each in node.bases}
    if node.keywords or node.decorator_list or not bases <= _BASES:
        raise ForbiddenOperationError("class of an unknown kind")
    for each in node.body:
        match each:
            case ast.FunctionDef(name="__setstate__"):
                raise ForbiddenOperationError("'__setstate__', which runs while it is opened")
            case ast.FunctionDef():
                _check_function(each, own)
            case ast.AnnAssign(target=ast.Name()) | ast.Pass():
                pass
            case ast.Assign(
                targets=[ast.Name(id="__parameters__" | "__buffers__" | "__annotations__")]
            ):
                pass
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id="__annotations__"))]):
                pass
            case _:
                raise ForbiddenOperationError("statement in a class")


def _check_function(function: ast.FunctionDef, own: set[str]) -> None:
    if function.decorator_list:
        raise ForbiddenOperationError("decorator")
    aliases = _aliases(function)
    for node in ast.walk(function):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node is not function:
            raise ForbiddenOperationError("definition in a function")
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id="getattr"):
                match node.args, node.keywords:
                    case [_, ast.Constant(value=str(name))], []:
                        _check_member(name, own)
                    case _:
                        raise ForbiddenOperationError("'getattr' of a computed name")
            case ast.Name(id=name):
                if name not in _BUILTINS and name not in aliases:
                    raise ForbiddenOperationError(f"call of {one_line(name, 60)!r}")
            case ast.Attribute():
                pass  # checked with all attributes
            case _:
                raise ForbiddenOperationError("call of a computed function")


def _aliases(function: ast.FunctionDef) -> set[str]:
    """Local names that stand for functions of the program wherever they are assigned."""
    nodes = list(ast.walk(function))
    assigned = Counter(
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    assigned.update(node.arg for node in nodes if isinstance(node, ast.arg))
    own: Counter[str] = Counter()
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute() as value):
                root = _chain(value)[0]
                own[name] += isinstance(root, ast.Name) and root.id == "__torch__"
    return {name for name, count in own.items() if count == assigned[name]}


def check_graphs(program: torch.jit.ScriptModule) -> None:
    """See that all that a program may run consists of operators that are allowed.

    Parameters
    ----------
    program : torch.jit.ScriptModule
        Opened, and not run yet.

    Raises
    ------
    ForbiddenOperationError
        If a method of it or of one of its modules, or a function that is called by one, does anything else.
    """
    for module in program.modules():
        for method in _methods(module):
            _check_graph(method.graph)
    for method in _methods(program):
        whole = method.graph.copy()
        torch._C._jit_pass_inline(whole)
        _check_graph(whole, inlined=True)


def _methods(module: Any) -> list[Any]:
    return [module._c._get_method(name) for name in module._c._method_names()]


def _check_graph(graph: Any, *, inlined: bool = False) -> None:
    waiting = list(graph.nodes())
    while waiting:
        node = waiting.pop()
        space, _, name = node.kind().partition("::")
        allowed = ATEN if space == "aten" else PRIM_NODES if space == "prim" else frozenset()
        if name not in allowed or (inlined and name in ("CallMethod", "CallFunction")):
            raise ForbiddenOperationError(f"operator {one_line(node.kind(), 60)!r}")
        for block in node.blocks():
            waiting.extend(block.nodes())
