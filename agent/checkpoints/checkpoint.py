"""A checkpoint is a folder: `model.safetensors` (weights, normalisers) and `config.yaml` (how to
build the parts, and for which task).

Loading builds parts by registered name and runs no code from the file: tensors come without pickle,
yaml without tags.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, build, make_agent
from latent_mpc.agent.checkpoints.shipped import find_checkpoint, read_config
from latent_mpc.agent.checkpoints.tensors import require_fit
from latent_mpc.agent.checkpoints.validation import check_config
from latent_mpc.agent.devices import resolve_device
from latent_mpc.configs.command_line import setting
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.files import replace


def save_parts(parts: Parts, folder: Path) -> None:
    """Write weights and config, each atomically. Raises OSError if the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in parts.modules().state_dict().items()
    }
    replace(folder / "model.safetensors", save(tensors))
    replace(folder / "config.yaml", yaml.safe_dump(parts.config, sort_keys=False).encode())


def load_parts(
    path: str | os.PathLike[str], device: torch.device | None = None, finite: bool = True
) -> Parts:
    """Read a checkpoint: a folder, or the name of one that ships.

    Args:
        finite: refuse weights that are not; false to look at what is wrong with them.

    Raises:
        FileNotFoundError: no such checkpoint, or weights are missing.
        ValueError: another format, a damaged file, weights that do not fit the config or are not
            finite (the first is named).
    """
    folder = find_checkpoint(os.fspath(path))
    config = read_config(folder)
    try:
        check_config(config)
        with torch.device("meta"):  # sizes are compared before memory is asked for
            wanted = build(config).modules().state_dict()
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        reason = str(error) if isinstance(error, ValueError) else "sizes too large to build"
        raise LatentMPCError(f"{folder / 'config.yaml'}: {reason}") from error
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise FileNotFoundError(
            f"{weights} is missing; the checkpoint is not whole, train it again with"
            f" {setting('out', folder)}"
        )
    try:
        tensors = load_file(weights)
    # a header that names no type that there is: KeyError
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise LatentMPCError(
            f"{weights} is truncated or damaged: {' '.join(str(error).split())}"
        ) from error
    try:
        require_fit(wanted, tensors)
    except ValueError as error:
        raise LatentMPCError(f"{weights} does not fit its config.yaml: {error}") from error
    broken = [name for name, tensor in sorted(tensors.items()) if not tensor.isfinite().all()]
    if broken and finite:
        more = f" (and {len(broken) - 1} more)" if broken[1:] else ""
        raise LatentMPCError(
            f"{weights} must hold finite numbers, {broken[0]}{more} does not; restore it from a"
            " copy or train again"
        )
    parts = build(located(config, folder))
    parts.modules().load_state_dict(tensors)
    for part in parts.modules().values():
        part.to(device or torch.device("cpu")).eval().requires_grad_(False)
    return parts


def located(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The config with the model that the folder keeps named by its path. Raises ValueError if it
    names one outside the folder.
    """
    task = dict(config["task"])
    if "xml" in task:
        if not (folder / task["xml"]).resolve().is_relative_to(folder.resolve()):
            raise LatentMPCError(
                f"{folder / 'config.yaml'}: task.xml must lie within the checkpoint, got"
                f" {task['xml']!r:.60}"
            )
        task["xml"] = str(folder / task["xml"])
    return {**config, "task": task}


def load_agent(
    path: str | os.PathLike[str],
    *,
    device: str = "auto",
    seed: int = 0,
    **choices: Mapping[str, Any] | None,
) -> Agent:
    """Load and assemble in one step; `planner=` and `cost=` as for `make_agent`."""
    return make_agent(load_parts(path, resolve_device(device)), seed=seed, **choices)


Agent.load = load_agent
