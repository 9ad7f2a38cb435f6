"""`--help`, generated from docstrings and field comments without importing torch.

A command's docstring is its help: a first line for the overview, a paragraph, and `Examples:` with
one command a line. Its own keys are shown with the comments of their fields; a group is one line,
and its keys are shown where the call names it.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from latent_mpc.configs import hydra_groups
from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.configs.field_docs import PACKAGE, Field, read_fields, resolve

# as one meets them; the others follow by name
ORDER = ("demo", "play", "collect", "train", "evaluate", "horizon", "imagine")
WIDTH = 38  # column in which meanings start
COLUMNS = 100  # of the terminal; longer meanings are wrapped
# group that has to be given -> what all its choices share
COMMON = {"task": ("latent_mpc.configs.tasks", "TaskConfig")}


def command_names() -> list[str]:
    """The files of commands/, in the order one meets them."""
    entries = files(PACKAGE).joinpath("agent", "cli", "commands").iterdir()
    names = [
        entry.name.removesuffix(".py")
        for entry in entries
        if entry.name.endswith(".py") and not entry.name.startswith("_")
    ]
    return sorted(
        names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)
    )


def overview() -> str:
    """All commands, one line each."""
    rows = [
        _row(f"  latent-mpc {name}", docstring(name)[0].rstrip("."), 24) for name in command_names()
    ]
    lines = [line for row in rows for line in row]
    first, *rest = "Learned world models that plan: a robot reaches goals.", "", *lines, ""
    return "\n".join(
        (first, *rest, "Settings are written KEY=VALUE; latent-mpc COMMAND --help lists them.")
    )


def command_help(command: str, arguments: Sequence[str] = ()) -> str:
    """Purpose, keys, groups and examples of a command; `planner=mppi --help` shows the keys of that
    choice and no others.

    Raises:
        KeyError: a group that is named has no such choice.
    """
    named = _named(command, arguments)
    if named:
        parts = [
            line for group, choice in named.items() for line in _keys_of(command, group, choice)
        ]
        return "\n".join((*parts, "", f"the other keys: latent-mpc {command} --help"))
    summary, paragraph, examples = docstring(command)
    takes = command in hydra_groups.commands()
    words = "".join(f" {key.upper()}" for key in hydra_groups.POSITIONAL.get(command, ()))
    lines = [
        f"latent-mpc {command}{words}{' [KEY=VALUE ...]' if takes else ''}",
        "",
        summary,
        *textwrap.wrap(paragraph, COLUMNS),
        "",
    ]
    if takes:
        lines += ["keys", *_keys(command), "", *_groups(command)]
    return "\n".join((*lines, "examples", *(f"  {example}" for example in examples)))


def docstring(command: str) -> tuple[str, str, list[str]]:
    """(first line, paragraph, examples) of a command's module."""
    source = (
        files(PACKAGE)
        .joinpath("agent", "cli", "commands", f"{command}.py")
        .read_text(encoding="utf-8")
    )
    text, _, examples = (ast.get_docstring(ast.parse(source)) or command).partition("Examples:")
    summary, _, paragraph = text.strip().partition("\n")
    return (
        summary,
        paragraph.strip(),
        [line.strip() for line in examples.splitlines() if line.strip()],
    )


def _keys(command: str) -> list[str]:
    used = hydra_groups.groups(command)
    own = [field for field in hydra_groups.command_fields(command) if field.name not in used]
    return [line for key in _rows(own, hydra_groups.read_yaml(command), "  ") for line in key]


def _named(command: str, arguments: Sequence[str]) -> dict[str, str]:
    """The groups that a call names, by `planner=mppi`, `planner.horizon=5` or `planner`, each with
    its choice.
    """
    used = hydra_groups.groups(command) if command in hydra_groups.commands() else {}
    named: dict[str, str] = {}
    for argument in arguments:
        key, _, value = argument.partition("=")
        group = key.partition(".")[0]
        if group in used:
            named[group] = value if key == group and value else named.get(group, used[group])
    return named


def _groups(command: str) -> list[str]:
    """One line a group; of a task that has to be given, what all tasks have in common."""
    lines: list[str] = []
    for group, choice in hydra_groups.groups(command).items():
        keys = list(_part_rows(command, group, choice, "    "))
        if choice == "???":
            lines += _row(
                f"  {group}=???",
                f"must be given; all keys: latent-mpc {command} {group}={group.upper()} --help",
            )
            lines += (line for key in keys for line in key)
        else:
            lines += _row(
                f"  {group}={choice}",
                f"{len(keys)} keys: latent-mpc {command} {group}={choice} --help",
            )
    return (
        ["groups: GROUP=CHOICE picks one, GROUP.KEY=VALUE sets its keys", *lines, ""]
        if lines
        else []
    )


def _keys_of(command: str, group: str, choice: str) -> list[str]:
    """The keys of one choice of a group."""
    valid = hydra_groups.choices(group)
    if choice not in (*valid, "???"):
        raise UnknownNameError(f"no {group} {choice!r}; there are: {', '.join(valid)}")
    rows = (line for key in _part_rows(command, group, choice, "  ") for line in key)
    return [*_row(f"{group}={choice}", f"choices: {', '.join(valid)}"), *rows]


def _part_rows(command: str, group: str, choice: str, indent: str) -> Iterator[list[str]]:
    """The rows of a choice's keys; those that all tasks share where none is chosen."""
    if choice == "???":
        fields, values = read_fields(*COMMON[group]), {}
    else:
        fields, values = (
            hydra_groups.part_fields(group, hydra_groups.part_name(group, choice)),
            hydra_groups.read_choice(group, choice),
        )
    values = {**values, **hydra_groups.read_yaml(command).get(group, {})}
    yield from _rows(
        [field for field in fields if field.name != "name"], values, f"{indent}{group}."
    )


def _rows(fields: Sequence[Field], values: dict[str, Any], prefix: str) -> Iterator[list[str]]:
    """One row a field, those of nested dataclasses under their own prefix; `values` is what yaml
    says instead of the default.
    """
    for field in fields:
        nested = resolve(field.module, field.type)
        if nested:
            yield from _rows(
                read_fields(*nested), values.get(field.name, {}), f"{prefix}{field.name}."
            )
        else:
            yield _row(
                f"{prefix}{field.name}={_shown(field, values)}",
                field.doc.partition(" Source:")[0].rstrip("."),
            )


def _shown(field: Field, values: dict[str, Any]) -> str:
    if field.name in values:
        return str(values[field.name])
    return field.default.strip("'\"") if field.default != "MISSING" else "???"


def _row(left: str, right: str, width: int = WIDTH) -> list[str]:
    """A name and its meaning, which goes on below itself where it is long."""
    first = left.ljust(width - 1) + " "
    return textwrap.wrap(
        right, COLUMNS, initial_indent=first, subsequent_indent=" " * width, break_on_hyphens=False
    ) or [left]
