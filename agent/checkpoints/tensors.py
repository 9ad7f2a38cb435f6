"""Whether tensors from a file fit what they are loaded into."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from latent_mpc.configs.errors import LatentMPCError


def require_fit(expected: Mapping[str, Tensor], actual: Mapping[str, Tensor]) -> None:
    """Raise ValueError naming the first tensor that is missing, not expected, or of another shape
    or type.
    """
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual or name not in expected:
            raise LatentMPCError(f"{name} is {'missing' if name not in actual else 'not expected'}")
        for what in ("shape", "dtype"):
            should, has = (getattr(tensors[name], what) for tensors in (expected, actual))
            if should != has:
                raise LatentMPCError(f"{name} must be {_plain(should)}, is {_plain(has)}")


def _plain(value: torch.Size | torch.dtype) -> str:
    return str(list(value)) if isinstance(value, torch.Size) else str(value).removeprefix("torch.")
