"""Whether tensors from a file fit what they are loaded into."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from latent_mpc.configs.errors import LatentMPCError


def require_fit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raise ValueError naming the first tensor that is missing, not expected, or of another shape or type."""
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found or name not in wanted:
            raise LatentMPCError(f"{name} is {'missing' if name not in found else 'not expected'}")
        for what in ("shape", "dtype"):
            should, came = (getattr(tensors[name], what) for tensors in (wanted, found))
            if should != came:
                raise LatentMPCError(f"{name} must be {_plain(should)}, is {_plain(came)}")


def _plain(value: torch.Size | torch.dtype) -> str:
    return str(list(value)) if isinstance(value, torch.Size) else str(value).removeprefix("torch.")
