"""From the words on the command line to one checked dataclass. Hydra composes the groups; keys and
values are set here, one by one, so that each mistake is answered with what would do. Not Hydra's
launcher: no working directory, no log files; sweeps are in `multirun.py`.

Order, the last one wins: dataclass defaults, yaml, what the checkpoint stores of its planner and
cost, the budget of a training, which multiplies, the command line. A group that nobody names starts
from the choice named after the task, or the part of its name before a dash, where there is one; the
model of another's robot and of the tabletop, seen by states, is `identity`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, get_type_hints

from hydra import compose, initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from latent_mpc.agent.checkpoints.shipped import find_checkpoint, read_config
from latent_mpc.configs import budgets, hydra_groups
from latent_mpc.configs.command_line import ASSIGNED
from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.configs.structured import TYPE_NAMES, is_open, to_object

STORED = ("planner", "cost")  # groups whose start is what the checkpoint stores
QUOTES, BRACKETS = ("'", '"'), ("[", "{")
# what an element of a list cannot hold without quotes
SPECIAL = re.compile(r"[^\w\s/+.:,\[\]-]", re.ASCII)
ELEMENT = re.compile(rf"(?<=[\[,])\s*({ASSIGNED.pattern})\s*(?=[,\]])", re.ASCII)
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
# tasks whose states need no encoder: robots of others, and objects to be pushed
STATES = re.compile("mjcf|gymnasium|tabletop-.*")
KEPT = {"planner": ("horizon",)}  # what stays of the stored node when another choice is made


class Setting(NamedTuple):
    """One `key=value` of the command line."""

    key: str
    value: Any
    text: str  # the value as it was typed


def compose_config(command: str, arguments: Sequence[str]) -> Any:
    """The dataclass of a command from its arguments, checked. Raises ValueError, KeyError,
    FileNotFoundError: what came, what would do.
    """
    settings = read_words(command, arguments)
    used = hydra_groups.groups(command)
    picked = {item.key: _choice(item) for item in settings if item.key in used}
    values = [item for item in settings if item.key not in used]
    stored = (
        _stored(command, values)
        if "checkpoint" in [field.name for field in hydra_groups.command_fields(command)]
        else {}
    )
    picks = {**{group: node["name"] for group, node in stored.items()}, **picked}
    for group, choice in used.items():
        if group not in picks and "task" in picks:
            # what was measured to be right for these tasks only, with its reason in the file
            for own in (picks["task"], picks["task"].partition("-")[0]):
                if own in hydra_groups.choices(group):
                    picks.setdefault(group, own)
        if choice == "???" and group not in picks:
            raise LatentMPCError(
                f"{group} must be given: {group}=NAME; there are:"
                f" {', '.join(hydra_groups.choices(group))}"
            )
    if "model" in used and "model" not in picks and states_suffice(picks["task"], values):
        picks["model"] = "identity"
    config = _compose(command, picks)
    for group, node in stored.items():
        kept = (
            node
            if picks[group] == node["name"]
            else {key: node[key] for key in KEPT.get(group, ()) if key in node}
        )
        for key, value in kept.items():
            set_value(config, Setting(f"{group}.{key}", value, str(value)))
    for item in values:
        if item.key.partition(".")[0] == "budget":
            set_value(config, item)
    if "budget" in used:
        budgets.scale(config, hydra_groups.heads())
    for item in values:
        set_value(config, item)
    return to_dataclass(config)


def states_suffice(task: str, values: Sequence[Setting]) -> bool:
    """Whether `model=identity` is the default: for some tasks seen by their states, unless a key is
    set that only another model has.
    """
    obs = [item.text.strip("'\"") for item in values if item.key == "obs"]
    keys = {item.key.split(".")[1] for item in values if item.key.startswith("model.")}
    known = {field.name for field in hydra_groups.part_fields("model", "identity")}
    whole = STATES.fullmatch(task) is not None
    return whole and (obs or ["state"])[-1] == "state" and keys <= known


def read_words(command: str, arguments: Sequence[str]) -> list[Setting]:
    """The settings that the words mean: KEY=VALUE, a flag `--KEY` for KEY=true, or a bare word for
    the command's next positional key.
    """
    flags = [
        f"--{field.name}" for field in hydra_groups.command_fields(command) if field.type == "bool"
    ]
    free, settings = list(hydra_groups.POSITIONAL.get(command, ())), []
    for argument in arguments:
        if argument in flags:
            settings.append(Setting(argument[2:], True, "true"))
        elif free and "=" not in argument and not argument.startswith("-"):
            _refuse_interpolation(argument)
            settings.append(Setting(free.pop(0), argument, argument))
        else:
            settings.append(parse(argument))
    return settings


def parse(argument: str) -> Setting:
    """Read one `key=value`; the value as Hydra reads lists, dicts, numbers and what stands in
    quotes, else as the text that was typed.

    Raises ValueError on anything else, interpolations included. `set_value` knows which keys take
    text.
    """
    if argument.startswith("-"):
        raise LatentMPCError(
            f"no option {argument!r}; settings are written KEY=VALUE, and --help lists them"
        )
    _refuse_interpolation(argument)
    key, equals, text = argument.partition("=")
    text, quoted = text.strip(), text.lstrip().startswith(QUOTES)
    if key.startswith(("+", "~")) or "@" in key:
        raise LatentMPCError(
            f"cannot take {argument!r}: keys cannot be added, removed or moved, write KEY=VALUE"
        )
    if not (key and equals):
        raise LatentMPCError(f"cannot read {argument!r}: write KEY=VALUE")
    read = ELEMENT.sub(r"'\1'", text) if text.startswith("[") else text
    try:
        override: Override = OverridesParser.create().parse_override(f"key={read}")
        value, several = override.value(), override.is_sweep_override()
    except HydraException:
        if quoted:
            mark = text[0]
            raise LatentMPCError(
                f"cannot read {argument!r}: what begins with {mark} must end with it, any {mark}"
                f" within written \\{mark}"
            ) from None
        value, several = text, not text.startswith(BRACKETS)
    if several and "," in text:
        raise LatentMPCError(
            f"cannot take {argument!r}: one value at a time; quote text with commas: KEY=\"'a,b'\""
        )
    # no escapes, no functions: a path may hold \\ and (
    as_typed = several or (isinstance(value, str) and not quoted)
    return Setting(key, text if as_typed else value, text)


def set_value(config: DictConfig, setting: Setting) -> None:
    """Set one key of a composed config. Raises KeyError for a key that is not there, ValueError for
    a value of another type.
    """
    node: Any = config
    path = setting.key.split(".")
    for depth, key in enumerate(path):
        where = ".".join(path[:depth])
        if not isinstance(node, DictConfig):
            raise UnknownNameError(f"no key {key!r} in {where}: it is a single value")
        if is_open(node) and depth == len(path) - 1:
            # task.kwargs.NAME=VALUE
            _set_open(config, path, setting.value)
            return
        if key not in list(node.keys()):
            raise UnknownNameError(
                f"no key {key!r}{f' in {where}' if where else ''}; there are:"
                f" {', '.join(map(str, node.keys()))}"
            )
        parent, node = node, node._get_node(key)
    if isinstance(node, DictConfig):
        if is_open(node) and isinstance(setting.value, dict):
            parent[path[-1]] = setting.value
            return
        _set_node(config, setting)
        return
    hint: Any = get_type_hints(OmegaConf.get_type(parent)).get(path[-1])
    value = setting.text if hint is str and not isinstance(setting.value, str) else setting.value
    if hint == list[str] and isinstance(value, str) and not value.startswith("["):
        value = [value]  # as well as the list of it
    try:
        parent[path[-1]] = value
    except OmegaConfBaseException:
        raise LatentMPCError(
            f"{setting.key} must be {TYPE_NAMES.get(hint, hint)}, got"
            f" {setting.text!r}{_unquoted(hint, setting.text)}"
        ) from None


def to_dataclass(config: DictConfig, path: str = "") -> Any:
    """The dataclass of a node, its parts first, so that a failed check is reported with the part it
    stands in. Raises ValueError.
    """
    for key in map(str, config):
        child = config._get_node(key)
        if isinstance(child, DictConfig) and not OmegaConf.is_missing(config, key):
            to_dataclass(child, f"{path}.{key}".lstrip("."))
    return to_object(config, path)


def _refuse_interpolation(argument: str) -> None:
    if "${" in argument:
        raise LatentMPCError(
            f"cannot take {argument!r}: interpolations such as ${{…}} are refused, write the value"
            " itself"
        )


def _unquoted(hint: Any, text: str) -> str:
    """Which character keeps a list of texts from being read, and what would do."""
    special = SPECIAL.search(QUOTED.sub("", text))
    if hint != list[str] or not text.startswith("[") or special is None:
        return ""
    return f": {special[0]} must stand in quotes, like ['a{special[0]}b']"


def _compose(command: str, picks: dict[str, str]) -> DictConfig:
    foreign = any(hydra_groups.is_plugin(group, choice) for group, choice in picks.items())
    compose_once = _compose_once.__wrapped__ if foreign else _compose_once
    return copy.deepcopy(compose_once(command, tuple(picks.items())))


@cache
def _compose_once(command: str, picks: tuple[tuple[str, str], ...]) -> DictConfig:
    """Takes 0.2 s, which a process that runs many commands spends once for all with the same
    choices.
    """
    hydra_groups.register(command, [choice for _, choice in picks])
    with initialize_config_module("latent_mpc.configs", version_base="1.3"):
        learned = dict.fromkeys(hydra_groups.added(command), "default")
        added = [f"+{group}={dict(picks).get(group, choice)}" for group, choice in learned.items()]
        return compose(
            command,
            overrides=[
                *added,
                *(f"{group}={choice}" for group, choice in picks if group not in learned),
            ],
        )


def _choice(setting: Setting) -> str:
    valid = hydra_groups.choices(setting.key)
    if setting.value not in valid:
        raise UnknownNameError(f"no {setting.key} {setting.text!r}; there are: {', '.join(valid)}")
    return setting.value


def _set_open(config: DictConfig, path: Sequence[str], value: Any) -> None:
    """One more key of a node that takes keys of any name."""
    parent: Any = config
    for key in path[:-2]:
        parent = parent._get_node(key)
    parent[path[-2]] = {**dict(parent[path[-2]]), path[-1]: value}


def _set_node(config: DictConfig, setting: Setting) -> None:
    """`pairs={seed: 3}`: each key of it on its own."""
    if not isinstance(setting.value, dict):
        raise LatentMPCError(
            f"{setting.key} has keys of its own: write {setting.key}.KEY=VALUE, got"
            f" {setting.text!r}"
        )
    for key, value in setting.value.items():
        set_value(config, Setting(f"{setting.key}.{key}", value, str(value)))


def _stored(command: str, values: Sequence[Setting]) -> dict[str, dict[str, Any]]:
    """Planner and cost of the checkpoint that the command names, where it stores them. Its keys and
    values are checked here.
    """
    given = [
        item.text if not isinstance(item.value, str) else item.value
        for item in values
        if item.key == "checkpoint"
    ]
    folder = find_checkpoint(
        given[-1] if given else hydra_groups.read_yaml(command).get("checkpoint", "")
    )
    nodes = {group: node for group in STORED if (node := read_config(folder).get(group))}
    try:
        for group, node in nodes.items():
            _check_stored(command, group, node)
    except (KeyError, ValueError) as error:
        raise LatentMPCError(f"{folder / 'config.yaml'}: {error.args[0]}") from error
    return nodes


def _check_stored(command: str, group: str, node: Any) -> None:
    if not isinstance(node, dict) or not isinstance(node.get("name"), str):
        raise LatentMPCError(f"{group} must have a name, got {node!r}")
    if "${" in str(node):
        raise LatentMPCError(f"interpolations are refused, got {node!r} for {group}")
    choice = _choice(Setting(group, node["name"], node["name"]))
    config = _compose(command, {group: choice})
    for key, value in node.items():
        set_value(config, Setting(f"{group}.{key}", value, str(value)))
