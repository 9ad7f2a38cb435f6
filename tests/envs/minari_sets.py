"""Minari data sets as other libraries write them, for tests."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import minari
import numpy as np
from gymnasium.spaces import Box
from minari.data_collector.episode_buffer import EpisodeBuffer

FREE = Box(-np.inf, np.inf, (4,), np.float32)
RNG = np.random.default_rng(0)


def save(
    name: str,
    observations: Any,
    actions: Any,
    episodes: Sequence[tuple[Any, ...]],
    environment: str | None = None,
) -> str:
    """Write `[(observations [T + 1, ...], actions [T, ...], infos if any)]` as a local data set;
    returns its name as `data` takes it.
    """
    buffers = []
    for number, (shown, action, *infos) in enumerate(episodes):
        steps = len(shown) - 1
        flags = {
            "terminations": np.zeros(steps, bool),
            "truncations": np.arange(steps) == steps - 1,
            "rewards": np.zeros(steps),
        }
        buffers.append(
            EpisodeBuffer(
                id=number,
                observations=shown,
                actions=action,
                infos=infos[0] if infos else None,
                **flags,
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Minari asks for an author, an address and more
        minari.create_dataset_from_buffers(
            name, buffers, env=environment, observation_space=observations, action_space=actions
        )
    return f"minari:{name}"


def walk(*shape: int) -> np.ndarray:
    """Numbers that mean nothing."""
    return RNG.normal(size=shape).astype(np.float32)


def walks(actions: np.ndarray, episodes: int = 4) -> list[tuple[Any, Any]]:
    return [(walk(len(actions) + 1, 4), actions) for _ in range(episodes)]


def play(
    id: str,
    low: float | None = None,
    high: float | None = None,
    apply: Callable[[Any], Any] = lambda a: a,
    steps: int = 30,
    **options: Any,
) -> tuple[gymnasium.Env[Any, Any], list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]]]:
    """Six episodes `(observations, actions, infos)` by the environment's own step; `apply` is what
    a wrapper does to actions.
    """
    env: Any = gymnasium.make(id, disable_env_checker=True, **options).unwrapped
    space, episodes = env.action_space, []
    for seed in range(6):
        shown, infos = (
            [env.reset(seed=seed)[0]],
            {"qpos": [env.data.qpos.copy()], "qvel": [env.data.qvel.copy()]},
        )
        lowest, highest = space.low if low is None else low, space.high if high is None else high
        actions = RNG.uniform(lowest, highest, (steps, *space.shape)).astype(np.float32)
        for action in actions:
            shown.append(env.step(apply(action))[0])
            infos["qpos"].append(env.data.qpos.copy())
            infos["qvel"].append(env.data.qvel.copy())
        episodes.append(
            (np.stack(shown), actions, {key: np.stack(rows) for key, rows in infos.items()})
        )
    return env, episodes
