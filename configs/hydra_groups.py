"""The folders of this package as Hydra groups: which choices there are, and which dataclass each one follows.

A planner or cost comes with its fields only; here it gets `name` (and `horizon`) in front, so that one node of the config
says all about it. `register` puts the schemas into Hydra's ConfigStore, for the groups that a command uses and no others:
`collect` does not wait for torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from functools import cache, partial
from importlib import import_module
from importlib.resources import files
from typing import Any, get_type_hints

import yaml
from omegaconf import DictConfig, OmegaConf

from latent_mpc.configs import schema
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.field_docs import PACKAGE, Field, find_class, read_fields
from latent_mpc.configs.tasks import task_config
from latent_mpc.envs.plugins import brought

POSITIONAL = {"inspect": ("path",), "export": ("format", "path")}  # keys of a command that may be given as bare words, in this order
BASES: dict[str, type] = {"planner": schema.PlannerConfig, "cost": schema.CostConfig}


def read_yaml(*path: str) -> dict[str, Any]:
    """A file of this package, without its `.yaml`: `read_yaml("planner", "cem")`."""
    return yaml.safe_load(files(PACKAGE).joinpath("configs", *path[:-1], path[-1] + ".yaml").read_text(encoding="utf-8")) or {}


def commands() -> list[str]:
    """Commands that take a config: the primary files."""
    return _stems()


def choices(group: str) -> list[str]:
    """The names one can write after `GROUP=`."""
    return sorted({*_stems(group), *(brought() if group == "task" else ())})


def is_brought(group: str, choice: str) -> bool:
    """Whether it is a task of an installed package, which has no yaml here."""
    return group == "task" and choice in brought() and choice not in _stems(group)


def read_choice(group: str, choice: str) -> dict[str, Any]:
    """What the yaml of a choice says."""
    return {"name": choice} if is_brought(group, choice) else read_yaml(group, choice)


def groups(command: str) -> dict[str, str]:
    """The groups a command uses, each with the choice it starts from (`???`: has to be given)."""
    entries = read_yaml(command).get("defaults", [])
    return {group: choice for entry in entries if isinstance(entry, dict) for group, choice in entry.items()}


def part_name(group: str, choice: str) -> str:
    """The registered part a choice is built on: `/schema/planner/cem@_here_` -> `cem`."""
    if is_brought(group, choice):
        return choice
    prefix = f"/schema/{group}/"
    for entry in read_yaml(group, choice).get("defaults", []):
        if isinstance(entry, str) and entry.startswith(prefix):
            return entry.removeprefix(prefix).removesuffix("@_here_")
    raise LatentMPCError(f"configs/{group}/{choice}.yaml must begin with 'defaults: [{prefix}NAME@_here_, _self_]'")


def locate(group: str, name: str) -> tuple[str, str]:
    """(module, class) of a part's dataclass, found without importing it."""
    module, cls = (text.format(name=name) for text in schema.PARTS[group])
    return module, find_class(module, cls)


@cache
def part(group: str, name: str) -> type:
    """The dataclass of a part, with `name` (and `horizon`) in front for a planner or a cost."""
    module, cls_name = locate(group, name)
    cls = getattr(import_module(module), cls_name)
    return _with_name(cls, BASES[group], group, name) if group in BASES else cls


def command_fields(command: str) -> list[Field]:
    """The fields of a command's dataclass, groups included, read without importing them."""
    return read_fields(schema.__name__, f"{command.capitalize()}Config")


def part_fields(group: str, name: str) -> list[Field]:
    """The fields of a part's dataclass as its node of the config has them, read without importing it; what packages bring is imported."""
    if is_brought(group, name):
        return [Field(item.name, str(item.type), _written(item), "", schema.__name__) for item in dataclasses.fields(task_config(name))]
    base = read_fields(schema.__name__, BASES[group].__name__) if group in BASES else []
    return list({field.name: field for field in (*base, *read_fields(*locate(group, name)))}.values())


def register(command: str, named: Collection[str]) -> None:
    """Store the schemas of a command and of every choice of its groups in Hydra's ConfigStore; of what packages bring only those named."""
    from hydra.core.config_store import ConfigStore

    _register_own(command)
    for group in groups(command):
        for choice in filter(partial(is_brought, group), named):
            node = _node(task_config(choice))
            node.name = choice
            ConfigStore.instance().store(group=group, name=choice, node=node)


@cache
def _register_own(command: str) -> None:
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(group="schema/command", name=command, node=_node(getattr(schema, f"{command.capitalize()}Config")))
    for group in groups(command):
        for name in {part_name(group, choice) for choice in _stems(group)}:
            store.store(group=f"schema/{group}", name=name, node=_node(part(group, name)))


def _node(cls: type) -> DictConfig:
    """A dataclass as a node of a config; a frozen one too takes the values of yaml and command line before it is made."""
    node: DictConfig = OmegaConf.structured(cls)
    _thaw(node)
    return node


def _thaw(node: DictConfig) -> None:
    OmegaConf.set_readonly(node, False)
    for child in (node._get_node(key) for key in node):
        if isinstance(child, DictConfig) and not (child._is_missing() or child._is_none()):
            _thaw(child)


def _with_name(cls: type, base: type, group: str, name: str) -> type:
    hints = get_type_hints(cls)
    own = [item for item in dataclasses.fields(cls) if item.init and _has_default(item)]

    def check(self: Any) -> None:
        if self.name != name:
            raise LatentMPCError(f"name belongs to the group: write {group}={self.name}")
        getattr(base, "__post_init__", lambda _: None)(self)
        if all(_has_default(item) for item in dataclasses.fields(cls) if item.init):
            cls(**{item.name: getattr(self, item.name) for item in own})  # its own checks

    fields = [("name", str, name), *((item.name, hints[item.name], _copy(item)) for item in own if item.name != "name")]
    return dataclasses.make_dataclass(
        f"{cls.__name__}Config", fields, bases=(base,), namespace={"__post_init__": check, "__doc__": cls.__doc__}
    )


def _has_default(item: dataclasses.Field[Any]) -> bool:
    return item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING


def _written(item: dataclasses.Field[Any]) -> str:
    """Its default, as one would write it."""
    made = item.default_factory() if item.default_factory is not dataclasses.MISSING else item.default
    return str(made)


def _copy(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=item.default_factory)
    return dataclasses.field(default=item.default)


def _stems(*folder: str) -> list[str]:
    entries = files(PACKAGE).joinpath("configs", *folder).iterdir()
    return sorted(entry.name.removesuffix(".yaml") for entry in entries if entry.name.endswith(".yaml"))
