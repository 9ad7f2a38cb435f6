"""Yaml from elsewhere, read as data: no tags of Python, no aliases by which ten lines stand for a
billion values, no interpolations.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from latent_mpc.configs.errors import LatentMPCError


class Plain(yaml.SafeLoader):
    """Yaml without tags of Python and without aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it must not hold aliases (*NAME)")
        return super().compose_node(parent, index)


def read_plain(file: Path) -> dict[str, Any]:
    """Keys and values of a file. Raises ValueError if it cannot be read or holds something else."""
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), Plain)
    # of damaged text
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise LatentMPCError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise LatentMPCError(f"{file} must hold keys and values, got {type(values).__name__}")
    return values
