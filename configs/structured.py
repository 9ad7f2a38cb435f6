"""Dataclasses from keys and values that came from elsewhere: OmegaConf checks types and names, the
dataclass its own bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from latent_mpc.configs.errors import LatentMPCError, UnknownNameError

TYPE_NAMES = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    dict: "keys and values",
    list[str]: "a list: [A,B]",
    list[int]: "a list of integers like [3,5]",
}
Config = TypeVar("Config")


def structured(cls: type) -> DictConfig:
    """A dataclass as a node of a config; a frozen one too takes values before it is made."""
    node: DictConfig = OmegaConf.structured(cls)
    _thaw(node)
    return node


def from_values(cls: type[Config], values: Mapping[str, Any], path: str = "") -> Config:
    """The dataclass with these values, the others at their defaults. Raises ValueError, naming the
    key, for what does not fit.

    Args:
        path: what the values are called in messages.
    """
    node = structured(cls)
    _fill(node, values, path)
    made: Config = to_object(node, path)
    return made


def to_object(node: DictConfig, path: str = "") -> Any:
    """The dataclass of a node. Raises ValueError, naming the node's `path`, for a check of its own
    that fails.
    """
    try:
        return OmegaConf.to_object(node)
    except OmegaConfBaseException as error:
        raise LatentMPCError(f"{path or 'config'}: {str(error).splitlines()[0]}") from error
    except (ValueError, KeyError) as error:
        raise LatentMPCError(f"{path}: {error.args[0]}" if path else error.args[0]) from error


def _fill(node: DictConfig, values: Mapping[str, Any], path: str) -> None:
    types = get_type_hints(OmegaConf.get_type(node))
    hints = {str(key): types[str(key)] for key in node}
    for key, value in values.items():
        where = f"{path}.{key}".lstrip(".")
        if key not in hints:
            raise UnknownNameError(
                f"no key {key!r:.60}{f' in {path}' if path else ''}; there are: {', '.join(hints)}"
            )
        child = node._get_node(key)
        if isinstance(child, DictConfig):
            if not isinstance(value, Mapping):
                raise LatentMPCError(f"{where} must be keys and values, got {value!r:.60}")
            if is_open(child):
                if "${" in str(value):
                    raise LatentMPCError(f"{where} must not hold interpolations, got {value!r:.60}")
                node[key] = dict(value)
                continue
            _fill(child, value, where)
            continue
        if "${" in str(value):
            raise LatentMPCError(f"{where} must not hold interpolations, got {value!r:.60}")
        try:
            node[key] = value
            # else it became another one: "3" a number, [1] a list of texts
            taken = isinstance(value, float) or bool(node[key] == value)
        except OmegaConfBaseException:
            taken = False
        if not taken:
            raise LatentMPCError(
                f"{where} must be {TYPE_NAMES.get(hints[key], hints[key])}, got {value!r:.60}"
            )


def is_open(node: Any) -> bool:
    """Whether a node takes keys of any name, as keyword arguments do."""
    return isinstance(node, DictConfig) and OmegaConf.get_type(node) is dict


def _thaw(node: DictConfig) -> None:
    OmegaConf.set_readonly(node, False)
    for child in (node._get_node(key) for key in node):
        if isinstance(child, DictConfig) and not (child._is_missing() or child._is_none()):
            _thaw(child)
