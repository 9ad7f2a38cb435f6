"""Where tensors live: `device=auto` takes the accelerator that is there, else the CPU. And what a
machine is called in results.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.collection.workers import usable_cores

LONG = 100  # characters from which torch's reason is a list of all that it knows
CPU_INFO = Path("/proc/cpuinfo")


def resolve_device(name: str) -> torch.device:
    """`auto` or any torch device name -> a device that works. Raises ValueError if it does not
    exist here.
    """
    accelerator = (
        torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    )
    if name == "auto":
        return torch.device(accelerator.type if accelerator else "cpu")
    there = (
        ["cpu", *(f"{accelerator.type}:{i}" for i in range(torch.accelerator.device_count()))]
        if accelerator
        else ["cpu"]
    )
    try:
        device = torch.device(name)
        # torch takes any number and computes on the one that there is
        if device.type == "cpu" and device.index:
            raise LatentMPCError("all cores are one device, cpu")
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        reason = reason if len(reason) < LONG else "torch knows no such device here"
        raise LatentMPCError(
            f"device must be auto, cpu or one that is there, got {name!r}: {reason}; there are:"
            f" {', '.join(there)}"
        ) from error
    return device


def machine(device: torch.device) -> dict[str, str | int]:
    """What a result was made on: the processor's name, cores that this process may use, threads of
    torch, the device's name.
    """
    model = re.search(
        r"^model name\s*:\s*(.+)$",
        CPU_INFO.read_text(encoding="utf-8") if CPU_INFO.is_file() else "",
        re.MULTILINE,
    )
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    cpu = model.group(1) if model else platform.processor() or platform.machine()
    return {"cpu": cpu, "cores": usable_cores(), "threads": torch.get_num_threads(), "device": name}


def use_bf16(precision: str, device: torch.device) -> bool:
    """Whether convolutions run in bf16: asked for, or `auto` and the hardware multiplies bf16
    natively.
    """
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cpu":
        # torch >= 2.10
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(capabilities.get("avx512_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: products as small as those of a single decision cost less than waking
    a second one for each.

    One decision of reacher-pixels on two cores: 20 ms instead of 46 with two threads that sleep, 26
    with two that spin; beside two busy processes 30 instead of 44 and 111
    (`benchmarks/speed/busy.py`).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
