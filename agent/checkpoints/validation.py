"""What a checkpoint's config.yaml must hold, checked before anything is built from it: each key there, of its kind, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from latent_mpc import planners
from latent_mpc.agent.costs import COSTS
from latent_mpc.agent.models.cost_to_go import CostToGoConfig
from latent_mpc.agent.models.proposals import ProposalsConfig
from latent_mpc.agent.models.world_model import ModelConfig
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.tasks import task_config

FORMAT = 1
KINDS: dict[Any, str] = {dict: "keys and values", int: "an integer", float: "a number", str: "text", bool: "true or false"}
KINDS |= {list[str]: "a list of texts"}
NEEDED = {  # what is read from config.yaml beside the fields of its parts
    **{"task": dict, "task.name": str, "task.action_repeat": int, "task.size": int},
    **{"planner": dict, "planner.name": str, "planner.horizon": int, "cost": dict, "cost.name": str},
    **{"spaces": dict, "actions": int, "model": dict, "cost_to_go": dict, "seed": int, "data": dict, "data.fingerprint": str},
}
NOTES = ("obs", "training", "versions")  # what is written down and not read
KEYS = ("format", *(path for path in NEEDED if "." not in path), "proposals", *NOTES)
RANKS = {"state": 1, "pixels": 3}  # observation -> number of its dimensions


def check_config(config: Mapping[str, Any]) -> None:
    """Raise ValueError, naming the key, unless a checkpoint's config holds all that loading and judging it needs, and nothing unknown.

    Fields of its parts may be missing, as those are that came later: they are at their default, and sizes that do not fit the
    weights are refused on loading. `versions` are a note: whether a checkpoint can be read is for `format` to say.
    """
    if config.get("format") != FORMAT:
        raise LatentMPCError(f"checkpoint format must be {FORMAT}, got {config.get('format')!r:.60}; train it again with this version")
    for key in config:
        if key not in KEYS:
            raise LatentMPCError(f"no key {key!r:.60} in a checkpoint; there are: {', '.join(KEYS)}")
    for path, kind in NEEDED.items():
        _check_kind(path, kind, _find(config, path))
    actions, repeat = config["actions"], config["task"]["action_repeat"]
    if actions < 1 or repeat < 1 or actions % repeat:
        raise LatentMPCError(f"actions must be a multiple of task.action_repeat, both at least 1, got {actions} and {repeat}")
    for key, shape in config["spaces"].items():
        sizes = shape if isinstance(shape, list) else []
        if len(sizes) != RANKS.get(key) or not all(_is(int, n) and n > 0 for n in sizes):
            raise LatentMPCError(f"spaces must hold state: [S], pixels: [H, W, C] or both, got {key}: {shape!r:.60}")
    _check_part("task", task_config(config["task"]["name"]), config["task"])
    _check_part("model", ModelConfig, config["model"])
    _check_part("cost_to_go", CostToGoConfig, config["cost_to_go"])
    if "proposals" in config:
        _check_kind("proposals", dict, config["proposals"])
        _check_part("proposals", ProposalsConfig, config["proposals"])
    _check_named("planner", planners.algorithms(), config["planner"])
    _check_named("cost", COSTS, config["cost"])


def _find(config: Mapping[str, Any], path: str) -> Any:
    """The value at `path`, whose parents were checked before."""
    *parents, key = path.split(".")
    node: Any = config
    for parent in parents:
        node = node[parent]
    if key not in node:
        raise LatentMPCError(f"no key {key!r}{f' in {parents[0]}' if parents else ''}; there are: {', '.join(map(str, node))}")
    return node[key]


def _check_named(group: str, known: Mapping[str, type], node: Mapping[str, Any]) -> None:
    if node["name"] not in known:
        raise LatentMPCError(f"no {group} {node['name']!r:.60}; there are: {', '.join(sorted(known))}")
    _check_part(group, known[node["name"]], {key: value for key, value in node.items() if key not in ("name", "horizon")})


def _check_part(name: str, cls: type[Any], values: Mapping[str, Any]) -> None:
    """Each value must be of a field's kind, and all together pass the dataclass's own checks."""
    types = get_type_hints(cls)
    hints = {field.name: types[field.name] for field in fields(cls)}
    for key, value in values.items():
        if key not in hints:
            raise LatentMPCError(f"no key {key!r} in {name}; there are: {', '.join(hints)}")
        _check_kind(f"{name}.{key}", hints[key], value)
    try:
        cls(**values)
    except ValueError as error:
        raise LatentMPCError(f"{name}: {error}") from error


def _check_kind(path: str, kind: type, value: object) -> None:
    if not _is(kind, value):
        raise LatentMPCError(f"{path} must be {KINDS[kind]}, got {value!r:.60}")


def _is(kind: type, value: object) -> bool:
    """isinstance, but true is no number, an integer is a number too, and a list is looked into."""
    if kind == list[str]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
