"""Pairs of start and goal for evaluation, never from training data, never already solved.

Pair i depends on (task, seed, i) only, so that 100 pairs are the first 100 of 200.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.names import PAIR_KINDS
from latent_mpc.configs.schema import PairsConfig
from latent_mpc.configs.seeding import PAIRS, stream
from latent_mpc.envs.behaviour import BehaviourConfig, Motion
from latent_mpc.envs.progress import Progress
from latent_mpc.envs.task import Pair, Task

JUDGED = 20  # draws by which a task is judged, at least


@dataclass
class Pairs:
    """Pairs and how they came about."""

    pairs: list[Pair]
    steps: int  # control steps that an episode has
    drawn: int = 0
    rejected: dict[str, int] = field(default_factory=lambda: {"at_start": 0, "stay": 0})


def draw_pairs(
    task: Task,
    episodes: int,
    seed: int,
    kind: str = "independent",
    offset: int = 25,
    *,
    first: int = 0,
    watch: Callable[[], None] = lambda: None,
) -> Pairs:
    """`episodes` pairs of a seed, from number `first` on.

    Args:
        kind: "independent": both drawn from the task's distribution. "same_trajectory": both on one
            fresh random rollout, `offset` control steps apart, brought to rest; the episode then
            has twice `offset` steps, as published.
        offset: [control steps].
        watch: called after each pair: one of a slow model takes half a second.

    Raises:
        ValueError: an unknown kind, or more than half of the drawn pairs, or of the first JUDGED,
            solved by standing still: the task is too loose.
    """
    if kind not in PAIR_KINDS:
        raise LatentMPCError(f"pairs.kind must be one of {', '.join(PAIR_KINDS)}; got {kind!r}")
    along = kind == "same_trajectory"
    result = Pairs([], 2 * offset if along else task.episode_steps)
    draw: Callable[[np.random.Generator], Pair] = (
        (lambda rng: _along(task, rng, offset)) if along else task.draw_start_and_goal
    )
    for i in range(episodes):
        rng = stream(task.name, seed, PAIRS, first + i)
        while len(result.pairs) == i:
            pair = draw(rng)
            result.drawn += 1
            reason = solved(task, pair, result.steps)
            if reason:
                result.rejected[reason] += 1
            else:
                result.pairs.append(pair)
                watch()
            rejected = sum(result.rejected.values())
            if rejected > max(result.drawn, JUDGED) / 2:
                raise LatentMPCError(
                    f"{task.name}: {rejected} of {result.drawn} pairs were solved by standing still"
                    " (at most half may be); its tolerance is too loose, or its goals too near"
                )
    return result


def pairs_of(task: Task, episodes: int, pairs: PairsConfig) -> Pairs:
    """The pairs that are asked for, with progress: a hundred of a slow model take a minute. Raises
    as `draw_pairs`.
    """
    with Progress(f"drawing pairs of {task.name}", episodes, "pairs") as progress:
        return draw_pairs(
            task, episodes, pairs.seed, pairs.kind, pairs.offset, watch=progress.advance
        )


def solved(task: Task, pair: Pair, steps: int) -> str:
    """ "at_start" or "stay" if standing still reaches the goal, else ""."""
    if task.reached(pair.start, pair.goal):
        return "at_start"
    task.restore(pair.start)
    still = task.still()
    for _ in range(steps):
        task.apply(still)
    return "stay" if task.reached(task.snapshot(), pair.goal) else ""


def _along(task: Task, rng: np.random.Generator, offset: int) -> Pair:
    """Two states of one random rollout, `offset` steps apart, at rest."""
    task.restore(task.draw_state(rng))
    begin = int(rng.integers(offset + 1))
    states = [task.snapshot()]
    motion = Motion(
        rng, begin + offset, task.action_width, task.control_period / task.pace, BehaviourConfig()
    )
    for t in range(begin + offset):
        task.apply(motion.action(t, task))
        states.append(task.snapshot())
    start, goal = (task.rest_state(task.qpos_qvel(states[t])[0]) for t in (begin, begin + offset))
    return Pair(start, goal)
