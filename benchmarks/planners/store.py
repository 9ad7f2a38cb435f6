"""Measurements in one json: each is made once and written at once, so that an interrupted run goes
on where it was.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from latent_mpc.agent.evaluation.results import make_folder
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.files import replace
from latent_mpc.envs.progress import track


class Job(NamedTuple):
    """One measurement: where it is kept, section first, and what makes it."""

    where: tuple[str, ...]
    make: Callable[[], Any]


class Store:
    """The json of a run.

    Args:
        path: the file, made with its folder; None keeps nothing.
        settings: what the measurements depend on, the machine included.
        forget: sections to begin anew.

    Raises:
        ValueError: the file holds measurements made with other settings.
    """

    def __init__(
        self, path: Path | None, settings: dict[str, Any], forget: Sequence[str] = ()
    ) -> None:
        self.path = path
        old = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
        kept = {key: value for key, value in old.items() if key not in ("settings", *forget)}
        if kept and (
            differ := [key for key in settings if old["settings"].get(key) != settings[key]]
        ):
            raise LatentMPCError(
                f"{path} was measured with other settings ({', '.join(differ)}): {', '.join(kept)};"
                " --fresh begins anew"
            )
        self.results: dict[str, Any] = {"settings": settings, **kept}

    def run(self, jobs: Iterable[Job], told: str) -> None:
        """Make what is not there yet."""
        left = [job for job in jobs if self.get(*job.where) is None]
        for job in track(left, told, len(left), "jobs", shown=bool(left)):
            self.put(job.make(), *job.where)

    def get(self, *where: str) -> Any:
        """A measurement, or the dict of those below; None if there is none."""
        node: Any = self.results
        for key in where:
            node = node.get(key) if isinstance(node, dict) else None
        return node

    def put(self, value: Any, *where: str) -> None:
        node = self.results
        for key in where[:-1]:
            node = node.setdefault(key, {})
        node[where[-1]] = value
        if self.path:
            make_folder(self.path.parent)
            replace(self.path, (_on_one_line(json.dumps(self.results, indent=1)) + "\n").encode())


def _on_one_line(text: str) -> str:
    """Lists of numbers on one line each."""
    return re.sub(r"\[[-\d.,\se]+\]", lambda found: " ".join(found[0].split()), text)


def machine() -> dict[str, Any]:
    """What times depend on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _cpu() -> str:
    """Name and the instructions that decide the speed of matrix products, from /proc/cpuinfo where
    there is one.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    wide = [
        flag
        for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
        if flag in said.get("flags", "").split()
    ]
    return f"{said.get('model name', platform.machine())} ({', '.join(wide)})"
