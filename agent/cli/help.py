"""What the console script says about itself, read from source text: docstrings of commands/, dataclasses and yaml of configs/.

A command's docstring is its help: a first line for the overview, a paragraph, and `Examples:` with one command a line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from latent_mpc.configs import hydra_groups
from latent_mpc.configs.field_docs import PACKAGE, Field, read_fields, resolve

ORDER = ("demo", "collect", "train", "evaluate", "horizon")  # as one meets them; the others follow by name
WIDTH = 38  # column in which meanings start


def command_names() -> list[str]:
    """The files of commands/, in the order one meets them."""
    entries = files(PACKAGE).joinpath("agent", "cli", "commands").iterdir()
    names = [entry.name.removesuffix(".py") for entry in entries if entry.name.endswith(".py") and not entry.name.startswith("_")]
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def overview() -> str:
    """All commands, one line each."""
    lines = [_row(f"  latent-mpc {name}", docstring(name)[0].rstrip("."), 24) for name in command_names()]
    first, *rest = "Learned world models that plan: a robot reaches goals.", "", *lines, ""
    return "\n".join((first, *rest, "Settings are written KEY=VALUE; latent-mpc COMMAND --help lists them."))


def command_help(command: str, arguments: Sequence[str] = ()) -> str:
    """Purpose, keys, groups and examples of a command; `planner=mppi --help` shows the keys of that choice."""
    summary, paragraph, examples = docstring(command)
    takes = command in hydra_groups.commands()
    words = "".join(f" {key.upper()}" for key in hydra_groups.POSITIONAL.get(command, ()))
    lines = [f"latent-mpc {command}{words}{' [KEY=VALUE ...]' if takes else ''}", "", summary, *([paragraph] if paragraph else []), ""]
    if takes:
        picked = dict(word.split("=", 1) for word in arguments if "=" in word)
        lines += ["keys", *_keys(command), "", *_groups(command, picked)]
    return "\n".join((*lines, "examples", *(f"  {example}" for example in examples)))


def docstring(command: str) -> tuple[str, str, list[str]]:
    """(first line, paragraph, examples) of a command's module."""
    source = files(PACKAGE).joinpath("agent", "cli", "commands", f"{command}.py").read_text(encoding="utf-8")
    text, _, examples = (ast.get_docstring(ast.parse(source)) or command).partition("Examples:")
    summary, _, paragraph = text.strip().partition("\n")
    return summary, paragraph.strip(), [line.strip() for line in examples.splitlines() if line.strip()]


def _keys(command: str) -> list[str]:
    used = hydra_groups.groups(command)
    own = [field for field in hydra_groups.command_fields(command) if field.name not in used]
    return list(_rows(own, hydra_groups.read_yaml(command), "  "))


def _groups(command: str, picked: dict[str, str]) -> list[str]:
    used = hydra_groups.groups(command)
    if not used:
        return []
    lines = ["groups: GROUP=CHOICE picks one, GROUP.KEY=VALUE sets its keys"]
    for group, default in used.items():
        valid = hydra_groups.choices(group)
        choice = picked.get(group, default)
        lines.append(_row(f"  {group}={choice}", "choices: " + ", ".join(valid)))
        shown = choice if choice in valid else valid[0]
        fields = [field for field in hydra_groups.part_fields(group, hydra_groups.part_name(group, shown)) if field.name != "name"]
        values = {**hydra_groups.read_choice(group, shown), **hydra_groups.read_yaml(command).get(group, {})}
        lines += _rows(fields, values, f"    {group}.")
    return [*lines, ""]


def _rows(fields: Sequence[Field], values: dict[str, Any], prefix: str) -> Iterator[str]:
    """One line a field, those of nested dataclasses under their own prefix; `values` is what yaml says instead of the default."""
    for field in fields:
        nested = resolve(field.module, field.type)
        if nested:
            yield from _rows(read_fields(*nested), values.get(field.name, {}), f"{prefix}{field.name}.")
        else:
            yield _row(f"{prefix}{field.name}={_shown(field, values)}", field.doc.partition(" Source:")[0].rstrip("."))


def _shown(field: Field, values: dict[str, Any]) -> str:
    if field.name in values:
        return str(values[field.name])
    return field.default.strip("'\"") if field.default != "MISSING" else "???"


def _row(left: str, right: str, width: int = WIDTH) -> str:
    return f"{left.ljust(width - 1)} {right}".rstrip()
