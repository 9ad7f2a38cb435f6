"""What a decision costs: its time at B = 1, encoding included, and the memory that its tensors take
at most.

Times belong to a machine and are cached with its name; evaluations and memory are the same
everywhere.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from latent_mpc.agent.devices import machine
from latent_mpc.agent.evaluation.evaluate import milliseconds, time_decisions
from latent_mpc.agent.horizon.settings import Setting
from latent_mpc.agent.horizon.sweep import Sweep


class LiveTensors(TorchDispatchMode):
    """Counts the bytes of the tensors made within it that are alive at once; what an operation uses
    inside is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[int, int] = {}  # storage -> tensors made on it that are alive
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and tensor.untyped_storage().nbytes():
                self._count(tensor)
        return out

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        where, size = storage.data_ptr(), storage.nbytes()
        if where not in self.users:
            self.now += size
            self.peak = max(self.peak, self.now)
        self.users[where] = self.users.get(where, 0) + 1
        weakref.finalize(tensor, self._free, where, size)

    def _free(self, where: int, size: int) -> None:
        self.users[where] -= 1
        if not self.users[where]:
            del self.users[where]
            self.now -= size


def time_settings(sweep: Sweep, settings: Iterable[Setting]) -> list[dict[str, Any]]:
    """`{"horizon": …, "samples": …, "every": …, "evaluations": …, "ms": {"median", "p95"},
    "ms_per_step": …, "memory_mb": …}` of each.

    ms is one decision; ms_per_step is shared over the model steps that its plan is followed.
    """
    rows = []
    for setting in settings:
        # every decision plans; `every` only shares its time over more steps
        plain = replace(setting, every=1)
        cache_key = {"timing": sweep.cache_key(plain), "machine": machine(sweep.device)}
        times = sweep.cache.read(cache_key)
        if times is None:
            sweep.progress.rename(f"timing decisions, {setting.label}")
            times = _time(sweep, plain)
            sweep.cache.write(cache_key, times)
        rows.append(
            {
                "label": setting.label,
                "role": setting.role,
                "horizon": setting.horizon,
                "every": setting.every,
                "samples": setting.planner.get("samples"),
                "evaluations": setting.evaluations,
                **times,
                "ms_per_step": times["ms"]["median"] / setting.every,
            }
        )
    return rows


def _time(sweep: Sweep, setting: Setting) -> dict[str, Any]:
    agent, task = sweep.agent(setting), sweep.task
    pair = sweep.pairs(setting.pairs_seed, setting.pairs).pairs[0]
    ms = milliseconds(time_decisions(agent, task, [pair]))
    goal, start = (
        {key: value[None] for key, value in task.observation(state).items()}
        for state in (pair.goal, pair.start)
    )
    agent.reset(goal)
    with LiveTensors() as live:
        agent.act(start)
    return {"ms": ms, "memory_mb": live.peak / 1e6}
