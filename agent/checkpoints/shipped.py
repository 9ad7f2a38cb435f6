"""Checkpoints by name: the folders beside this file that ship, or any folder that `train` wrote.
Opens nothing but config.yaml.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from latent_mpc.agent.checkpoints.migration import migrated
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.plain_yaml import read_plain

SHIPPED = Path(__file__).parent


def shipped() -> list[str]:
    """Names of the checkpoints that ship."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.yaml"))


def find_checkpoint(name: str) -> Path:
    """The folder of a checkpoint, by the name it ships under or by its path. Raises
    FileNotFoundError, ValueError.
    """
    names = ", ".join(shipped()) or "none"
    if not name:
        raise LatentMPCError(
            f"checkpoint must be given: checkpoint=FOLDER, or the name of one that ships: {names}"
        )
    folder = SHIPPED / name if name in shipped() else Path(name)
    if (folder / "config.yaml").is_file():
        return folder
    if folder.is_dir():
        raise FileNotFoundError(f"{name} is not a checkpoint: it holds no config.yaml")
    raise FileNotFoundError(
        f"no checkpoint {name!r}: not a folder, and not one of the shipped: {names}"
    )


def anywhere(name: str) -> str:
    """A checkpoint as processes with another working directory, or on another machine with the same
    disk, find it.
    """
    return name if name in shipped() else str(Path(name).absolute())


def by_path(folder: Path) -> str:
    """A checkpoint's folder as `find_checkpoint` has to be given it, not to be taken for one that
    ships.
    """
    return f"./{folder}" if str(folder) in shipped() else str(folder)


def read_config(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of itself, in today's format. Raises ValueError if config.yaml cannot
    be read.
    """
    return migrated(read_plain(folder / "config.yaml"))
