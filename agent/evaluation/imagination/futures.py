"""What is imagined about: B moments of a simulated robot, what was done from each on, and what came
of it. No learning here.

Shapes: B futures, L model steps before the moment, K model steps ahead, R control steps in a model
step, A control action, n simulator state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.evaluation.episodes import begin
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.seeding import IMAGINED, stream
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import begin as begin_motion
from latent_mpc.envs.collection.collect import suited
from latent_mpc.envs.progress import track
from latent_mpc.envs.task import Task

LEAD = 10  # L: of random actions, so that the robot moves when imagining begins
TRIES = 20  # episodes of which one must not diverge


@dataclass(frozen=True)
class Futures:
    """B futures from simulator states.

    Attributes:
        lead: states of the model steps up to the moment, which the model has seen; the first counts
            as seen at rest `[B, L + 1, n]`.
        states: of the model steps from the moment on, which is the first `[B, K + 1, n]`.
        actions: in between, in [-1, 1] `[B, K R, A]`.
    """

    lead: np.ndarray
    states: np.ndarray
    actions: np.ndarray

    def __len__(self) -> int:
        return len(self.states)

    @property
    def steps(self) -> int:
        """K."""
        return self.states.shape[1] - 1

    def first(self, count: int) -> Futures:
        """The first of them."""
        return Futures(self.lead[:count], self.states[:count], self.actions[:count])


def random_futures(
    task: Task, behaviour: Mapping[str, Any], count: int, steps: int, repeat: int, seed: int
) -> Futures:
    """Futures under the actions that rollouts are made of, each L model steps after its start.

    Args:
        behaviour: fields of the `BehaviourConfig`.
        steps: K [model steps].
        repeat: R.
    """
    config, length = suited(BehaviourConfig(**behaviour), task), (LEAD + steps) * repeat
    played = [
        _play(task, config, length, seed, i)
        for i in track(range(count), "simulating", count, "futures", shown=count > 1)
    ]
    states = np.stack([states for states, _ in played])[:, ::repeat]
    actions = np.stack([actions for _, actions in played])
    return Futures(states[:, : LEAD + 1], states[:, LEAD:], actions[:, LEAD * repeat :])


def planned_futures(agent: Agent, task: Task, pairs: Pairs, steps: int) -> Futures:
    """Futures under what the agent does on its way to goals, from its start on."""
    states, actions = [np.stack([pair.start for pair in pairs.pairs])], []
    for step in begin(agent, task, pairs.pairs, steps * agent.action_repeat, progress="planning"):
        states.append(step.after)
        actions.append(step.action)
    seen = np.stack(states, axis=1)[:, :: agent.action_repeat]
    return Futures(seen[:, :1], seen, np.stack(actions, axis=1))


def given_futures(task: Task, file: str, count: int, steps: int, repeat: int, seed: int) -> Futures:
    """Futures under the actions of a file, from drawn states at rest. Raises as `read_actions`."""
    starts = np.stack([task.draw_state(stream(task.name, seed, IMAGINED, i)) for i in range(count)])
    return simulated(task, starts, read_actions(file, task, count, steps * repeat), repeat)


def simulated(task: Task, starts: np.ndarray, actions: np.ndarray, repeat: int) -> Futures:
    """What comes of actions `[B, K R, A]` from snapshots `[B, n]`."""
    futures = []
    for start, row in zip(starts, actions, strict=True):
        task.restore(start)
        states = [start]
        for action in row:
            task.apply(action)
            states.append(task.snapshot())
        futures.append(np.stack(states)[::repeat])
    return Futures(starts[:, None], np.stack(futures), actions)


def counterfactual(futures: Futures, what_if: str, task: Task, repeat: int) -> Futures:
    """The same moments, other actions: `zero`, the `reverse` of what was done, what was done in
    `other` futures (the next one), or those of a file. The simulator goes on from the same
    snapshots.
    """
    done = futures.actions
    if what_if == "zero":
        actions = np.zeros_like(done)
    elif what_if == "reverse":
        actions = -done
    elif what_if == "other":
        actions = np.roll(done, -1, axis=0)
    else:
        actions = read_actions(what_if, task, len(done), done.shape[1], "what_if")
    return replace(simulated(task, futures.states[:, 0], actions, repeat), lead=futures.lead)


def read_actions(
    file: str,
    task: Task,
    count: int,
    length: int,
    key: str = "actions",
) -> np.ndarray:
    """Actions of a .npy file, `[T, A]` for all futures or `[B, T, A]`, as `[B, length, A]`.

    Raises:
        FileNotFoundError: no such file.
        LatentMPCError: it holds something else, or too little.
    """
    try:
        actions = np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise LatentMPCError(f"{key}: {file} is not a .npy file of numbers: {error}") from error
    wanted = f"[T, {task.action_width}] or [{count}, T, {task.action_width}] with T >= {length}"
    whole = actions.dtype.kind in "fiu" and actions.ndim in (2, 3)
    if not whole or actions.shape[-1] != task.action_width or actions.shape[-2] < length:
        raise LatentMPCError(
            f"{key}: {file} must hold actions {wanted}, got {actions.dtype} {list(actions.shape)}"
        )
    if actions.ndim == 3 and len(actions) < count:
        raise LatentMPCError(
            f"{key}: {file} must hold actions {wanted}, got {list(actions.shape)}; or give"
            f" measured={len(actions)}"
        )
    if not (np.abs(actions) <= 1).all():  # NaN is not either
        raise LatentMPCError(f"{key}: {file} must hold numbers in [-1, 1]")
    actions = actions.astype(np.float32)[..., :length, :]
    return (
        np.broadcast_to(actions, (count, *actions.shape)) if actions.ndim == 2 else actions[:count]
    )


def _play(
    task: Task, config: BehaviourConfig, length: int, seed: int, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """States `[length + 1, n]` and actions `[length, A]` of an episode that did not diverge."""
    for attempt in range(TRIES):
        rng = stream(task.name, seed, IMAGINED, number, attempt)
        task.restore(task.draw_beginning(rng))
        motion = begin_motion(rng, length, task, config)
        states, actions = [task.snapshot()], []
        for t in range(length):
            actions.append(motion.action(t, task))
            task.apply(actions[-1])
            states.append(task.snapshot())
        if np.isfinite(states).all() and (np.diff([state[0] for state in states]) > 0).all():
            return np.stack(states), np.stack(actions)
    raise LatentMPCError(f"{task.name}: the simulation diverged in each of {TRIES} random episodes")
