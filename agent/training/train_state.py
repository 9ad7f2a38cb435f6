"""What a training run resumes from: weights, optimiser and step in one safetensors file. No
pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from latent_mpc.agent.checkpoints.tensors import require_fit
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.files import replace


def save_state(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Weights, optimiser and step in one file, replaced atomically. No pickle: tensors only."""
    tensors = {
        f"module.{name}": value.detach().contiguous() for name, value in module.state_dict().items()
    }
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer.{index}.{name}": value.detach().contiguous()
            for name, value in values.items()
        }
    replace(path, save(tensors, metadata={"step": str(step)}))


def load_state(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put a saved state back; returns the step to go on with, 0 where there is no file. Raises
    ValueError on a file that does not fit.
    """
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            step = int((file.metadata() or {})["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        weights = {
            name.removeprefix("module."): t
            for name, t in tensors.items()
            if name.startswith("module.")
        }
        require_fit(module.state_dict(), weights)
        moments = optimizer_state(tensors)
    except (SafetensorError, KeyError, ValueError) as error:
        reason = (
            f"it has no {error.args[0]}"
            if isinstance(error, KeyError)
            else " ".join(str(error).split())
        )
        raise LatentMPCError(
            f"{path} does not fit this run ({reason}); give another out=, or delete it to train"
            " from the start"
        ) from error
    module.load_state_dict(weights)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    return step


def optimizer_state(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """What `save_state` wrote of the optimiser: per parameter its fields. Raises ValueError on a
    name that it never writes.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, field = name.split(".", 2)
            state.setdefault(int(index), {})[field] = tensor
    return state
