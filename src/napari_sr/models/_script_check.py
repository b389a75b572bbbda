"""Checks of a TorchScript program: of its source before it is opened, and of its graph before it is run.

The source is text in a subset of Python. Here it is parsed, everything that is not known to be harmless is refused, and
the rest is written again from the syntax tree, so that PyTorch's own parser sees no text that this one did not. Some
code of a program may run while it is opened, so this must come first. The graph that PyTorch makes of the source is
checked once more, against the same list of operators.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sr._text import error_line, one_line
from napari_sr.models._archive import MoreThanTensorsError
from napari_sr.models._operators import ATEN, PRIM_FUNCTIONS, PRIM_NODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch

    from napari_sr.models._archive import Archive

__all__ = [
    "ForbiddenOperationError",
    "RefusedError",
    "Source",
    "check_graphs",
    "check_members",
    "check_source",
    "why_not_opened",
]

_MOST_SOURCE = 4 * 2**20
"""Bytes of all source of a program. The syntax tree takes a hundred times as much memory; traced networks of some
hundred layers have 0.2 MB."""

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


class RefusedError(ValueError):
    """A program is not opened for a reason that was foreseen; the message says it."""


class ForbiddenOperationError(RefusedError):
    """A program does what none is allowed to do; the message says what."""


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a program, checked and written again."""

    files: dict[str, bytes]
    """Text by the name of its entry in the archive."""
    members: frozenset[str]
    """Names of the attributes and methods that are used."""


def check_source(archive: Archive) -> Source:
    """Check the source of a program. Nothing of PyTorch is needed for that.

    Parameters
    ----------
    archive : Archive
        Of TorchScript.

    Raises
    ------
    ForbiddenOperationError
        If it is no program as PyTorch writes it, or uses an operator that is not allowed.
    """
    names = [name for name in archive.names if name.lower().startswith("code/")]
    if sum(archive.size(name) for name in names) > _MOST_SOURCE:
        raise ForbiddenOperationError(f"source of more than {_MOST_SOURCE:,} bytes")
    # the others say where in the author's files a line stems from, for messages of errors
    names = [name for name in names if not name.endswith(".py.debug_pkl")]
    odd = next((each for each in names if not (each[:5] == "code/" and each[-3:] == ".py")), None)
    if odd is not None:
        raise ForbiddenOperationError(f"source with the name {odd[:60]!r}")
    trees = {name: _parsed(name, archive.read(name)) for name in names}
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    own = set(_own_names(nodes))
    for node in nodes:
        _check_syntax(node)
    members = frozenset(_members(nodes, own))
    for tree in trees.values():
        _check_module(tree)
    try:
        files = {name: f"{ast.unparse(tree)}\n".encode() for name, tree in trees.items()}
    except RecursionError as error:
        raise ForbiddenOperationError("expressions nested too deeply") from error
    return Source(files, members)


def why_not_opened(error: Exception) -> str:
    """Say in one line, without the name of the file, why a program is not opened."""
    if isinstance(error, ForbiddenOperationError):
        return f"its program uses {error}, which is not allowed; not opened"
    if isinstance(error, RefusedError):
        return str(error)
    if isinstance(error, MoreThanTensorsError):
        return f"its program has data other than tensors ({error_line(error)}); not opened"
    return f"cannot be read, truncated or damaged ({error_line(error)})"


def _parsed(name: str, data: bytes) -> ast.Module:
    try:
        return ast.parse(data.decode("utf-8"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ForbiddenOperationError(
            f"text that is not TorchScript ({one_line(name, 60)})"
        ) from error


def _check_syntax(node: ast.AST) -> None:
    if not isinstance(node, _STATEMENTS + _EXPRESSIONS):
        raise ForbiddenOperationError(f"the syntax {type(node).__name__!r}")
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        raise ForbiddenOperationError("text without use")
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            # text is for messages, and for names of modes and modules, which are of such characters
            node.value = "".join(each if " " <= each <= "~" else " " for each in node.value)
            node.kind = None
        elif not isinstance(node.value, _NUMBERS):
            raise ForbiddenOperationError(f"a constant of type {type(node.value).__name__}")


def _own_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names of all attributes and methods that the program's classes declare."""
    for node in nodes:
        for each in node.body if isinstance(node, ast.ClassDef) else ():
            match each:
                case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    yield name
                case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(text)))]):
                    yield text


def _members(nodes: list[ast.AST], own: set[str]) -> Iterator[str]:
    """Check every chain of attributes, such as ``torch.add`` or ``self.weight``; yield those of objects."""
    chains = [node for node in nodes if isinstance(node, ast.Attribute)]
    inner = {id(node.value) for node in chains}
    members: list[str] = []
    for chain in chains:
        if id(chain) in inner:
            continue
        root, names = _chain(chain)
        if not (isinstance(root, ast.Name) and root.id in _SPACES):
            members += names
        elif not _is_allowed(root.id, names):
            raise ForbiddenOperationError(
                f"the operator {one_line('.'.join((root.id, *names)), 60)!r}"
            )
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in _SPACES and id(node) not in inner:
            raise ForbiddenOperationError(f"the name {node.id!r} by itself")
        match node:
            case ast.Call(func=ast.Name(id="getattr")):
                match node.args, node.keywords:
                    case [_, ast.Constant(value=str(name))], []:
                        members.append(name)
                    case _:
                        raise ForbiddenOperationError("'getattr' of a computed name")
    for name in members:
        if name not in own:
            raise ForbiddenOperationError(f"the attribute {one_line(name, 60)!r}")
        yield name


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


def _check_module(tree: ast.Module) -> None:
    for each in tree.body:
        match each:
            case ast.ClassDef():
                _check_class(each)
            case ast.FunctionDef():
                _check_function(each)
            case ast.Assign(targets=[ast.Name(id="op_version_set")], value=ast.Constant()):
                pass
            case _:
                raise ForbiddenOperationError("a statement outside of a function")


def _check_class(node: ast.ClassDef) -> None:
    bases = {each.id if isinstance(each, ast.Name) else "?" for each in node.bases}
    if node.keywords or node.decorator_list or not bases <= _BASES:
        raise ForbiddenOperationError("a class of an unknown kind")
    for each in node.body:
        match each:
            case ast.FunctionDef(name="__setstate__"):
                raise ForbiddenOperationError("code that runs while it is opened ('__setstate__')")
            case ast.FunctionDef():
                _check_function(each)
            case ast.AnnAssign(target=ast.Name()) | ast.Pass():
                pass
            case ast.Assign(
                targets=[ast.Name(id="__parameters__" | "__buffers__" | "__annotations__")]
            ):
                pass
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id="__annotations__"))]):
                pass
            case _:
                raise ForbiddenOperationError("a statement in a class")


def _check_function(function: ast.FunctionDef) -> None:
    if function.decorator_list:
        raise ForbiddenOperationError("a decorator")
    aliases = _aliases(function)
    for node in ast.walk(function):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node is not function:
            raise ForbiddenOperationError("a definition in a function")
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name):
                if name not in _BUILTINS and name not in aliases:
                    raise ForbiddenOperationError(f"a call of {one_line(name, 60)!r}")
            case ast.Attribute():
                pass  # checked by `_members`
            case _:
                raise ForbiddenOperationError("a call of a computed function")


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


def check_members(source: Source) -> None:
    """See that no attribute or method of a program bears the name of an operator that is not allowed.

    As a method of a tensor, it would be that operator.

    Raises
    ------
    ForbiddenOperationError
        If one does.
    """
    import torch

    schemas = torch._C._jit_get_all_schemas()
    kinds = (each.name.partition("::") for each in schemas)
    operators = {name for space, _, name in kinds if space in ("aten", "prim")}
    for name in sorted(source.members & operators - ATEN):
        raise ForbiddenOperationError(f"the attribute {one_line(name, 60)!r}")


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
    import torch

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
            raise ForbiddenOperationError(f"the operator {one_line(node.kind(), 60)!r}")
        for block in node.blocks():
            waiting.extend(block.nodes())
