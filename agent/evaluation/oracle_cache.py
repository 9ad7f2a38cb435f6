"""What the oracle reaches on the pairs of an evaluation, as `results.json` holds it; kept by
content, as it takes minutes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
import torch

from latent_mpc.agent.build import make_planner
from latent_mpc.agent.costs.cost import Cost
from latent_mpc.agent.evaluation.cache import Cache, address, code_of
from latent_mpc.agent.evaluation.episodes import play
from latent_mpc.agent.evaluation.evaluate import fingerprint, milliseconds, time_decisions
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.agent.evaluation.results import GUIDE, versions
from latent_mpc.agent.evaluation.statistics import rate
from latent_mpc.agent.oracle import SEEN, Oracle
from latent_mpc.envs.task import Task

CODE = ("envs", "planners", "agent/oracle.py", "agent/evaluation")  # what the result comes out of


def cached_oracle(
    cache: Cache,
    task: Task,
    pairs: Pairs,
    planner: Mapping[str, Any],
    cost: Cost,
    action_repeat: int = 1,
    seed: int = 0,
    *,
    threads: int = 0,
) -> dict[str, Any]:
    """The oracle's result on these pairs, from the cache where it was worked out before, `cached`
    saying so.

    Args:
        planner: `{"name": …, "horizon": …, **fields}`, as the config has it.
        cost: its weights count, not its kind.
        threads: of the simulator; 0 means all usable cores.
    """
    key: dict[str, Any] = {
        "oracle": task.name,
        "model": _model_hash(task),
        "pairs": fingerprint(pairs),
        "versions": versions(),
        "code": code_of(CODE),
        "planner": dict(planner),
        "weights": [cost.running, cost.terminal],
        "action_repeat": action_repeat,
        "seed": seed,
    }
    if (known := cache.read(key)) is not None:
        print(f"the oracle's result is from the cache: {address(key)}.json")
        return {**known, "cached": True}
    result = measure_oracle(task, pairs, planner, cost, action_repeat, seed, threads)
    cache.write(key, result)
    return {**result, "cached": False}


def measure_oracle(
    task: Task,
    pairs: Pairs,
    planner: Mapping[str, Any],
    cost: Cost,
    action_repeat: int,
    seed: int,
    threads: int,
) -> dict[str, Any]:
    """Play the oracle on all pairs at once. Its planner is the agent's in every field, on the
    CPU.
    """
    begin, horizon = time.perf_counter(), planner["horizon"]
    oracle = make_oracle(task, planner, cost, action_repeat, seed, threads)
    episodes = play(
        oracle, task, pairs.pairs, pairs.steps, progress=f"the oracle on {task.name}", observe=see
    )
    return {
        "success_end": rate(episodes.end),
        "success_any": rate(episodes.any),
        "planner": GUIDE if oracle.guides else planner["name"],
        "horizon": horizon,
        "horizon_seconds": horizon * action_repeat * task.control_period,
        "distance_end": {"median": float(np.median(episodes.distance[-1])), "unit": task.unit},
        "plan_ms": milliseconds(time_decisions(oracle, task, pairs.pairs, see)),
        "plan_ms_batch": {
            **milliseconds(episodes.decision_s[::action_repeat]),
            "batch": len(pairs.pairs),
        },
        "threads": oracle.simulator.threads,
        "seconds": time.perf_counter() - begin,
        "settings": dict(planner),
    }


def make_oracle(
    task: Task,
    planner: Mapping[str, Any],
    cost: Cost,
    action_repeat: int = 1,
    seed: int = 0,
    threads: int = 0,
) -> Oracle:
    """The oracle with the agent's planner, on the CPU. Raises ValueError where there can be none,
    see `Oracle`.
    """
    fields = dict(planner)
    width, device = task.action_width * action_repeat, torch.device("cpu")
    search = make_planner(
        fields.pop("name"), actions=width, action_repeat=action_repeat, device=device, **fields
    )
    return Oracle(task, search, cost, action_repeat, seed, threads)


def see(state: np.ndarray) -> dict[str, np.ndarray]:
    """The oracle's observation of a simulator state: all of it."""
    return {SEEN: state}


def _model_hash(task: Task) -> str:
    """16 hexadecimal digits of the compiled model."""
    compiled = np.zeros(mujoco.mj_sizeModel(task.model), np.uint8)
    mujoco.mj_saveModel(task.model, None, compiled)
    return hashlib.sha256(compiled.tobytes()).hexdigest()[:16]
