"""The knobs: fields of the planner's and the cost's dataclass, with their meaning, and what a value
does to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple, get_type_hints

from latent_mpc.agent.costs.cost import usable_costs
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.configs import hydra_groups
from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.configs.structured import from_values

GROUPS = ("planner", "cost")
# fields that no page should turn: what they change is how fast the same is computed
LEFT_OUT = ("name", "precision", "compile", "block")


class Knob(NamedTuple):
    """One field of a group."""

    group: str
    key: str
    kind: type  # int, float, bool, str, or list
    value: Any
    meaning: str  # with its unit in brackets, as --help shows it
    choices: tuple[str, ...] = ()  # of a text that is one of some


def knobs(group: str, settings: Mapping[str, Any]) -> list[Knob]:
    """Those of a group as it is set, its name aside."""
    name = settings["name"]
    cls = hydra_groups.part(group, name)
    hints = get_type_hints(cls)
    docs = {field.name: field.doc for field in hydra_groups.part_fields(group, name)}
    return [
        _knob(group, item.name, hints[item.name], settings.get(item.name), docs.get(item.name, ""))
        for item in fields(cls)
        if item.name in settings and item.name not in LEFT_OUT
    ]


def names(group: str, networks: Networks) -> tuple[str, ...]:
    """The choices of a group that these networks have learned enough for."""
    return tuple(hydra_groups.choices(group) if group == "planner" else usable_costs(networks))


def changed(group: str, settings: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The settings of a group with one field changed, or another choice (`name`) at its defaults.
    Raises ValueError, the dataclass's own message, for a value that does not fit.
    """
    if key == "name":
        if value not in (valid := hydra_groups.choices(group)):
            raise UnknownNameError(f"no {group} {value!r:.60}; there are: {', '.join(valid)}")
        made = hydra_groups.part(group, value)()
        kept = {"horizon": settings["horizon"]} if "horizon" in settings else {}
        return {**vars(made), **kept}
    made = from_values(hydra_groups.part(group, settings["name"]), {**settings, key: value}, group)
    return dict(vars(made))


def _knob(group: str, key: str, hint: Any, value: Any, doc: str) -> Knob:
    meaning = doc.partition(" Source:")[0].rstrip(".")
    kind = hint if isinstance(hint, type) and hint in (int, float, bool, str) else list
    # the names that field_docs wrote out of a `one of NAMES`
    listed = re.search(r"\w+(?: \| \w+)+", meaning) if kind is str else None
    return Knob(group, key, kind, value, meaning, tuple(listed[0].split(" | ")) if listed else ())
