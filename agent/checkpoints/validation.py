"""What a checkpoint's config.yaml must hold, checked before anything is built from it: each key
there, of its kind, within bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latent_mpc import planners
from latent_mpc.agent.checkpoints.migration import FORMAT
from latent_mpc.agent.costs.cost import costs
from latent_mpc.agent.heads.head import heads
from latent_mpc.agent.models.base import models
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.structured import TYPE_NAMES, from_values
from latent_mpc.configs.tasks import task_config

NEEDED = {  # what is read from config.yaml beside the fields of its parts
    **{"task": dict, "task.name": str, "task.action_repeat": int, "task.size": int},
    **{
        "planner": dict,
        "planner.name": str,
        "planner.horizon": int,
        "cost": dict,
        "cost.name": str,
    },
    **{
        "spaces": dict,
        "actions": int,
        "model": dict,
        "model.name": str,
        "seed": int,
        "data": dict,
        "data.fingerprint": str,
    },
}
OPTIONAL = ("counted",)  # read where it is there
NOTES = ("obs", "training", "versions")  # what is written down and not read
KEYS = ("format", *(path for path in NEEDED if "." not in path))
RANKS = {"state": 1, "pixels": 3}  # observation -> number of its dimensions


def check_config(config: Mapping[str, Any]) -> None:
    """Raise ValueError, naming the key, unless a checkpoint's config holds all that loading and
    judging it needs, and nothing unknown.

    Fields of its parts may be missing, as those are that came later: they are at their default, and
    sizes that do not fit the weights are refused on loading. `versions` are a note: whether a
    checkpoint can be read is for `format` to say.
    """
    if config.get("format") != FORMAT:
        raise LatentMPCError(
            f"checkpoint format must be {FORMAT}, got {config.get('format')!r:.60}; train it again"
            " with this version"
        )
    known = (*KEYS, *OPTIONAL, *heads(), *NOTES)
    for key in config:
        if key not in known:
            raise LatentMPCError(
                f"no key {key!r:.60} in a checkpoint; there are: {', '.join(known)}"
            )
    for path, kind in NEEDED.items():
        _check_kind(path, kind, _find(config, path))
    actions, repeat = config["actions"], config["task"]["action_repeat"]
    if actions < 1 or repeat < 1 or actions % repeat:
        raise LatentMPCError(
            f"actions must be a multiple of task.action_repeat, both at least 1, got {actions} and"
            f" {repeat}"
        )
    counted = config.get("counted", 0)
    if type(counted) is not int or counted < 0:
        raise LatentMPCError(f"counted must be a whole number, at least 0, got {counted!r:.60}")
    for key, shape in config["spaces"].items():
        sizes = shape if isinstance(shape, list) else []
        if len(sizes) != RANKS.get(key) or not all(type(n) is int and n > 0 for n in sizes):
            raise LatentMPCError(
                f"spaces must hold state: [S], pixels: [H, W, C] or both, got {key}: {shape!r:.60}"
            )
    from_values(task_config(config["task"]["name"]), config["task"], "task")
    for name, head in heads().items():
        if name in config:
            _check_kind(name, dict, config[name])
            from_values(head.Config, config[name], name)
    _check_named(
        "model", {name: family.Config for name, family in models().items()}, config["model"]
    )
    _check_named("planner", planners.algorithms(), config["planner"])
    _check_named("cost", costs(), config["cost"])


def _find(config: Mapping[str, Any], path: str) -> Any:
    """The value at `path`, whose parents were checked before."""
    *parents, key = path.split(".")
    node: Any = config
    for parent in parents:
        node = node[parent]
    if key not in node:
        raise LatentMPCError(
            f"no key {key!r}{f' in {parents[0]}' if parents else ''}; there are:"
            f" {', '.join(map(str, node))}"
        )
    return node[key]


def _check_named(group: str, known: Mapping[str, type], node: Mapping[str, Any]) -> None:
    if node["name"] not in known:
        raise LatentMPCError(
            f"no {group} {node['name']!r:.60}; there are: {', '.join(sorted(known))}"
        )
    from_values(
        known[node["name"]],
        {key: value for key, value in node.items() if key not in ("name", "horizon")},
        group,
    )


def _check_kind(path: str, kind: type, value: object) -> None:
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise LatentMPCError(f"{path} must be {TYPE_NAMES[kind]}, got {value!r:.60}")
