"""Where tensors live: `device=auto` takes the accelerator that is there, else the CPU."""

from __future__ import annotations

import torch


def resolve_device(name: str) -> torch.device:
    """`auto` or any torch device name -> a device that works. Raises ValueError if it does not exist here."""
    if name == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return torch.device(found.type if found else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device must be auto, cpu or one that is there, got {name!r}: {str(error).splitlines()[0]}") from error
    return device
