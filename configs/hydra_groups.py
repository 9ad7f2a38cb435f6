"""Config groups: which choices there are, and which dataclass each one follows.

A choice is a class of a seam's folder (`planners/cem.py` is `planner=cem`), one that a package
brings by entry point, or a yaml file of configs/GROUP/ that departs from one of these. A planner,
cost or model comes with its fields only; here it gets `name` (and `horizon`) in front, so that one
node of the config says all about it. `register` puts the schemas into Hydra's ConfigStore, for the
groups that a command uses and no others: `collect` does not wait for torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from functools import cache, partial
from importlib import import_module
from importlib.resources import files
from typing import Any, NamedTuple, get_type_hints

import yaml
from omegaconf import MISSING

from latent_mpc.configs import schema
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.field_docs import (
    PACKAGE,
    Field,
    derives,
    find_class,
    has_class,
    read_fields,
)
from latent_mpc.configs.plugins import TASK_POINTS, load, plugins
from latent_mpc.configs.structured import structured
from latent_mpc.configs.tasks import task_config


class Group(NamedTuple):
    """Where the classes of a group stand: {name} is the choice, capitals and underscores aside."""

    module: str
    cls: str
    points: str = ""  # entry points by which packages add choices
    base: str = ""  # a class that they derive from, where the folder holds others of such names


GROUPS = {
    "task": Group("latent_mpc.configs.tasks", "{name}task", TASK_POINTS),
    "model": Group("latent_mpc.agent.models.{name}", "{name}config", "latent_mpc.models"),
    "budget": Group("latent_mpc.configs.budgets", "BudgetConfig"),
    "training": Group("latent_mpc.agent.training.world_model", "TrainingConfig"),
    "planner": Group("latent_mpc.planners.{name}", "{name}", "latent_mpc.planners", "Algorithm"),
    "cost": Group("latent_mpc.agent.costs.{name}", "{name}cost", "latent_mpc.costs"),
}
HEADS = Group("latent_mpc.agent.heads.{name}", "{name}config", "latent_mpc.heads")
ONE_CLASS = ("budget", "training")  # all their choices are values of it
# keys of a command that may be given as bare words, in this order
POSITIONAL = {"inspect": ("path",), "export": ("format", "path")}
BASES: dict[str, type] = {
    "planner": schema.PlannerConfig,
    "cost": schema.CostConfig,
    "model": schema.NamedConfig,
}


def read_yaml(*path: str) -> dict[str, Any]:
    """A file of this package, without its `.yaml`: `read_yaml("planner", "cem")`."""
    return (
        yaml.safe_load(
            files(PACKAGE)
            .joinpath("configs", *path[:-1], path[-1] + ".yaml")
            .read_text(encoding="utf-8")
        )
        or {}
    )


def commands() -> list[str]:
    """Commands that take a config: the primary files."""
    return list(_stems())


def heads() -> list[str]:
    """Names of the learned heads, each a group of its own with one choice, `default`."""
    return sorted({*_classes(HEADS), *plugins(HEADS.points)})


def choices(group: str) -> list[str]:
    """The names one can write after `GROUP=`."""
    return sorted({*_stems(group), *_own(group), *_plugins(group)})


def is_plugin(group: str, choice: str) -> bool:
    """Whether an installed package brings it."""
    return choice in _plugins(group) and choice not in {*_stems(group), *_own(group)}


def read_choice(group: str, choice: str) -> dict[str, Any]:
    """What the yaml of a choice says, where there is one."""
    if choice in _stems(group):
        return read_yaml(group, choice)
    return {"name": choice} if group == "task" else {}


def groups(command: str) -> dict[str, str]:
    """The groups a command uses, each with the choice it starts from (`???`: has to be given)."""
    entries = read_yaml(command).get("defaults", [])
    named = {
        group: choice
        for entry in entries
        if isinstance(entry, dict)
        for group, choice in entry.items()
    }
    if "training" not in named:
        return named
    before = list(named)[: list(named).index("training") + 1]
    learned = dict.fromkeys(heads(), "default")
    return {**{group: named[group] for group in before}, **learned, **named}


def added(command: str) -> list[str]:
    """The groups that its yaml does not name: the learned heads."""
    entries = read_yaml(command).get("defaults", [])
    return [
        group
        for group in groups(command)
        if not any(isinstance(entry, dict) and group in entry for entry in entries)
    ]


def part_name(group: str, choice: str) -> str:
    """The registered part a choice is built on: `/schema/planner/cem@_here_` -> `cem`."""
    if choice not in _stems(group):
        return choice
    prefix = f"/schema/{group}/"
    for entry in read_yaml(group, choice).get("defaults", []):
        if isinstance(entry, str) and entry.startswith(prefix):
            return entry.removeprefix(prefix).removesuffix("@_here_")
    raise LatentMPCError(
        f"configs/{group}/{choice}.yaml must begin with 'defaults: [{prefix}NAME@_here_, _self_]'"
    )


def locate(group: str, name: str) -> tuple[str, str]:
    """(module, class) of a part's dataclass, found without importing it."""
    where, name = (GROUPS[group], name) if group in GROUPS else (HEADS, group)
    module = where.module.format(name=name)
    return module, find_class(module, where.cls.format(name=name))


@cache
def part(group: str, name: str) -> type:
    """The dataclass of a part, with `name` (and `horizon`) in front for a planner, a cost or a
    model.
    """
    if is_plugin(group, name):
        cls = task_config(name) if group == "task" else _config_of(load(GROUPS[group].points, name))
    elif group not in GROUPS and group not in _classes(HEADS):
        cls = _config_of(load(HEADS.points, group))
    else:
        module, cls_name = locate(group, name)
        cls = getattr(import_module(module), cls_name)
    return _with_name(cls, BASES[group], group, name) if group in BASES else cls


@cache
def command_class(command: str) -> type:
    """The dataclass of a command, with a field for each learned head where it trains them."""
    cls: type = getattr(schema, f"{command.capitalize()}Config")
    learned = added(command)
    if not learned:
        return cls
    made = dataclasses.make_dataclass(
        "", [(head, Any, dataclasses.field(default=MISSING)) for head in learned], bases=(cls,)
    )
    return _named(made, "command", command)


def command_fields(command: str) -> list[Field]:
    """The fields of a command's dataclass, groups included, read without importing them."""
    return read_fields(schema.__name__, f"{command.capitalize()}Config")


def part_fields(group: str, name: str) -> list[Field]:
    """The fields of a part's dataclass as its node of the config has them, read without importing
    it; plugins are imported.
    """
    if is_plugin(group, name) or (group not in GROUPS and group not in _classes(HEADS)):
        return [
            Field(item.name, str(item.type), _written(item), "", schema.__name__)
            for item in dataclasses.fields(part(group, name))
        ]
    base = read_fields(schema.__name__, BASES[group].__name__) if group in BASES else []
    return list(
        {field.name: field for field in (*base, *read_fields(*locate(group, name)))}.values()
    )


def register(command: str, named: Collection[str]) -> None:
    """Store the schemas of a command and of every choice of its groups in Hydra's ConfigStore; of
    plugins only those named.
    """
    from hydra.core.config_store import ConfigStore

    _register_own(command)
    for group in groups(command):
        for choice in filter(partial(is_plugin, group), named):
            node = structured(part(group, choice))
            node.name = choice
            ConfigStore.instance().store(group=group, name=choice, node=node)


@cache
def _register_own(command: str) -> None:
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(group="schema/command", name=command, node=structured(command_class(command)))
    for group in groups(command):
        for name in {part_name(group, choice) for choice in (*_stems(group), *_own(group))}:
            store.store(group=f"schema/{group}", name=name, node=structured(part(group, name)))
        for choice in _own(group):
            if choice not in _stems(group):
                store.store(group=group, name=choice, node=structured(part(group, choice)))


def _config_of(kind: Any) -> type:
    """Of a planner or cost it is the class itself, of a model or head its `Config`."""
    cls: type = getattr(kind, "Config", kind)
    return cls


@cache
def _own(group: str) -> tuple[str, ...]:
    """Choices that are classes of this package."""
    if group not in GROUPS or group in ONE_CLASS:
        return ("default",)
    return () if group == "task" else _classes(GROUPS[group])


def _plugins(group: str) -> Collection[str]:
    return plugins(GROUPS[group].points) if group in GROUPS and GROUPS[group].points else ()


@cache
def _classes(where: Group) -> tuple[str, ...]:
    """Names of a folder's files that hold the class called so."""
    folder = files(PACKAGE).joinpath(*where.module.split(".")[1:-1])
    names = sorted(
        entry.name.removesuffix(".py") for entry in folder.iterdir() if entry.name.endswith(".py")
    )
    modules = {name: where.module.format(name=name) for name in names if not name.startswith("_")}
    found = {
        name: module
        for name, module in modules.items()
        if has_class(module, where.cls.format(name=name))
    }
    return tuple(
        name
        for name, module in found.items()
        if not where.base
        or derives(module, find_class(module, where.cls.format(name=name)), where.base)
    )


def _named(cls: type, *path: str) -> type:
    """A class made here, so that pickles hold its name and not a copy of it: read back in the same
    process, a copy overwrites the class.
    """
    cls.__module__, cls.__name__ = __name__, "__".join(path)
    cls.__qualname__ = cls.__name__
    return cls


def __getattr__(name: str) -> type:
    """The classes made here, for pickles: `planner__cem`, `command__train`."""
    group, mark, choice = name.partition("__")
    if not (group and mark and choice) or group not in {"command", *BASES}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return command_class(choice) if group == "command" else part(group, choice)


def _with_name(cls: type, base: type, group: str, name: str) -> type:
    hints = get_type_hints(cls)
    own = [item for item in dataclasses.fields(cls) if item.init and _has_default(item)]

    def check(self: Any) -> None:
        if self.name != name:
            raise LatentMPCError(f"name belongs to the group: write {group}={self.name}")
        getattr(base, "__post_init__", lambda _: None)(self)
        if all(_has_default(item) for item in dataclasses.fields(cls) if item.init):
            cls(**{item.name: getattr(self, item.name) for item in own})  # its own checks

    fields = [
        ("name", str, name),
        *((item.name, hints[item.name], _copy(item)) for item in own if item.name != "name"),
    ]
    made = dataclasses.make_dataclass(
        "", fields, bases=(base,), namespace={"__post_init__": check, "__doc__": cls.__doc__}
    )
    return _named(made, group, name)


def _has_default(item: dataclasses.Field[Any]) -> bool:
    return (
        item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING
    )


def _written(item: dataclasses.Field[Any]) -> str:
    """Its default, as one would write it."""
    made = (
        item.default_factory() if item.default_factory is not dataclasses.MISSING else item.default
    )
    return str(made)


def _copy(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=item.default_factory)
    return dataclasses.field(default=item.default)


@cache
def _stems(*folder: str) -> tuple[str, ...]:
    place = files(PACKAGE).joinpath("configs", *folder)
    return (
        tuple(
            sorted(
                e.name.removesuffix(".yaml") for e in place.iterdir() if e.name.endswith(".yaml")
            )
        )
        if place.is_dir()
        else ()
    )
