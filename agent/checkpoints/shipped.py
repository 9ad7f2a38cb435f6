"""Checkpoints by name: the folders beside this file that ship, or any folder that `train` wrote. Opens nothing but config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from latent_mpc.configs.errors import LatentMPCError

SHIPPED = Path(__file__).parent


class Plain(yaml.SafeLoader):
    """Yaml without tags of Python and without aliases, by which ten lines can stand for a billion values."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it must not hold aliases (*NAME)")
        return super().compose_node(parent, index)


def shipped() -> list[str]:
    """Names of the checkpoints that ship."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.yaml"))


def find_checkpoint(name: str) -> Path:
    """The folder of a checkpoint, by the name it ships under or by its path. Raises FileNotFoundError, ValueError."""
    names = ", ".join(shipped()) or "none"
    if not name:
        raise LatentMPCError(f"checkpoint must be given: checkpoint=FOLDER, or the name of one that ships: {names}")
    folder = SHIPPED / name if name in shipped() else Path(name)
    if (folder / "config.yaml").is_file():
        return folder
    if folder.is_dir():
        raise FileNotFoundError(f"{name} is not a checkpoint: it holds no config.yaml")
    raise FileNotFoundError(f"no checkpoint {name!r}: it is no folder, and those that ship are: {names}")


def by_path(folder: Path) -> str:
    """A checkpoint's folder as `find_checkpoint` has to be given it, not to be taken for one that ships."""
    return f"./{folder}" if str(folder) in shipped() else str(folder)


def read_config(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of itself. Raises ValueError if config.yaml cannot be read."""
    try:
        config = yaml.load((folder / "config.yaml").read_text(encoding="utf-8"), Plain)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:  # of damaged text
        raise LatentMPCError(f"{folder / 'config.yaml'} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict):
        raise LatentMPCError(f"{folder / 'config.yaml'} must hold keys and values, got {type(config).__name__}")
    return config
