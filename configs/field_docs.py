"""Dataclasses read from their source text: fields, defaults and the comment of each, without
importing anything.

`latent-mpc COMMAND --help` stands on it: the schemas of planners and models live in modules that
import torch. Not a parser of Python at large: it knows annotated fields, base classes, and names
that come from `from latent_mpc.… import …`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from latent_mpc.configs.errors import UnknownNameError

PACKAGE = "latent_mpc"


class Field(NamedTuple):
    """One field of a dataclass, as written."""

    name: str
    type: str
    default: str  # source text, "" where there is none
    # the comment on its line or on the line above: meaning and [unit]; "one of NAMES" with the
    # names that NAMES lists
    doc: str
    module: str  # where it is written


class Module(NamedTuple):
    """One source file of this package."""

    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[str, str]]  # name here -> (module, name there)
    comments: dict[int, str]  # line of code -> the comment on it, or the lines of comment above
    # constant that lists names, a tuple or the keys of a dict -> these names
    names: dict[str, tuple[str, ...]]


@cache
def read_module(name: str) -> Module:
    """Parse a module of this package by its dotted name. Raises FileNotFoundError."""
    text = (
        files(PACKAGE)
        .joinpath(*name.split(".")[1:-1], name.split(".")[-1] + ".py")
        .read_text(encoding="utf-8")
    )
    tree = ast.parse(text)
    imports = {
        (alias.asname or alias.name): (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith(PACKAGE + ".")
        for alias in node.names
    }
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    names = {name: _names(value) for node in tree.body for name, value in _assigned(node)}
    return Module(classes, imports, _comments(text), names)


def find_class(module: str, name: str) -> str:
    """The class of `module` called `name`, whatever its capitals and underscores: `cem` -> `CEM`.
    Raises KeyError.
    """
    classes = read_module(module).classes
    for candidate in classes:
        if candidate.lower() == name.replace("_", "").lower():
            return candidate
    raise UnknownNameError(
        f"{module} has no class for {name!r}; there are: {', '.join(sorted(classes))}"
    )


def has_class(module: str, name: str) -> bool:
    """Whether `find_class` finds one."""
    return any(
        candidate.lower() == name.replace("_", "").lower()
        for candidate in read_module(module).classes
    )


def derives(module: str, name: str, base: str) -> bool:
    """Whether a class of this package derives from one called `base`, and is not that one."""
    origins = [
        resolve(module, ast.unparse(node)) for node in read_module(module).classes[name].bases
    ]
    return any(
        origin is not None and (origin[1] == base or derives(*origin, base)) for origin in origins
    )


def read_fields(module: str, name: str) -> list[Field]:
    """The fields of a dataclass, base classes first, as `dataclasses.fields` would order them."""
    source = read_module(module)
    fields: dict[str, Field] = {}
    for base in source.classes[name].bases:
        origin = resolve(module, ast.unparse(base))
        if origin:
            fields.update({field.name: field for field in read_fields(*origin)})
    for node in source.classes[name].body:
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and "ClassVar" not in ast.unparse(node.annotation)
        ):
            doc = source.comments.get(node.end_lineno or node.lineno) or source.comments.get(
                node.lineno, ""
            )
            doc = re.sub(
                r"\bone of ([A-Z]\w+)",
                lambda match: " | ".join(listed(module, match[1])) or match[0],
                doc,
            )
            fields[node.target.id] = Field(
                node.target.id, ast.unparse(node.annotation), _default(node.value), doc, module
            )
    return list(fields.values())


def listed(module: str, constant: str) -> tuple[str, ...]:
    """The names that a constant of `module` lists, which may be imported there; () if it is no list
    of names.
    """
    source = read_module(module)
    if constant not in source.names and constant in source.imports:
        return listed(*source.imports[constant])
    return source.names.get(constant, ())


def resolve(module: str, name: str) -> tuple[str, str] | None:
    """Where a class named in `module` is written: (module, class), or None if that is outside this
    package.
    """
    source = read_module(module)
    if name in source.classes:
        return module, name
    origin = source.imports.get(name)
    try:
        return resolve(*origin) if origin else None
    except FileNotFoundError:
        return None


def _comments(text: str) -> dict[int, str]:
    """Line of code -> the comment at its end, or else the lines of comment right above it."""
    comments: dict[int, str] = {}
    above: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line, words = token.start[0], token.string.lstrip("# ")
            if token.line.lstrip().startswith("#"):
                above[line + 1] = f"{above.pop(line, '')} {words}".strip()
            else:
                comments[line] = words
    return above | comments


def _assigned(node: ast.stmt) -> list[tuple[str, ast.expr | None]]:
    """(name, value) of each name that a statement of a module assigns to."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [(target.id, node.value) for target in targets if isinstance(target, ast.Name)]


def _names(value: ast.expr | None) -> tuple[str, ...]:
    """The strings of a tuple or list, or the keys of a dict."""
    items = (
        value.elts
        if isinstance(value, ast.Tuple | ast.List)
        else value.keys
        if isinstance(value, ast.Dict)
        else ()
    )
    return tuple(
        item.value
        for item in items
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    )


def _default(value: ast.expr | None) -> str:
    if value is None:
        return ""
    if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("field"):
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        factory = given.get("default_factory")
        if isinstance(factory, ast.Lambda):
            return ast.unparse(factory.body)
        return ast.unparse(given["default"]) if "default" in given else ""
    return ast.unparse(value)
