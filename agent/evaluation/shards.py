"""Evaluation in shards of pairs, each a batch of its own on one thread, so that the digits are the
same whatever the number of processes: a product of matrices has other last bits in another batch,
and on other threads.

Shapes: B episodes, of which S are in a shard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.agent import Agent, Decision
from latent_mpc.agent.build import make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.checkpoints.shipped import anywhere
from latent_mpc.agent.devices import one_thread
from latent_mpc.agent.evaluation.episodes import Outcome, Step, begin, play
from latent_mpc.agent.evaluation.evaluate import floor_ends
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.agent.evaluation.spread import PATIENCE, evaluations, imagined_steps, processes
from latent_mpc.agent.models.base import Memory
from latent_mpc.envs.collection.engines import Engine
from latent_mpc.envs.collection.workers import Abandoned, Failed
from latent_mpc.envs.progress import Progress
from latent_mpc.envs.task import Task
from latent_mpc.planners import Plan, Planner

SHARD = 25  # a hundred fill one, two or four cores


class Played(NamedTuple):
    """What became of pairs."""

    outcome: Outcome
    floors: dict[str, np.ndarray]  # success at the end of what learns nothing, bool [B]


class Made(NamedTuple):
    """How another process makes the agent."""

    checkpoint: str
    planner: dict[str, Any]
    cost: dict[str, Any]
    seed: int  # of the planner's random numbers
    task_id: str = ""  # that allows the import of a task's module


@dataclass
class Numbered:
    """`decision` of the episodes from number `first` on: what it draws is what it would draw for
    them among all.
    """

    decision: Decision
    first: int

    @property
    def planner(self) -> Planner:
        return self.decision.planner

    def init(self, B: int, seed: int) -> Any:
        everyone = self.decision.init(self.first + B, seed)
        return everyone.select(torch.arange(self.first, self.first + B))

    def decide(
        self,
        memory: Memory,
        z_goal: Float[Tensor, "S D"],
        rest: Float[Tensor, "S 1 H A"],
        warm: Any,
    ) -> tuple[Plan, Any]:
        return self.decision.decide(memory, z_goal, rest, warm)


def play_shard(
    agent: Agent,
    task: Task,
    pairs: Pairs,
    size: int,
    floors: bool,
    number: int,
    watch: Callable[[], None] = lambda: None,
) -> Played:
    """The pairs of shard `number`; `watch` is called after each control step."""
    first = number * size
    some = replace(pairs, pairs=pairs.pairs[first : first + size])
    numbered = agent.deciding(Numbered(agent.decision, first))
    with one_thread():
        stream = begin(numbered, task, some.pairs, some.steps)
        outcome = Outcome.collect(_watched(stream, watch), task, some.pairs)
    return Played(outcome, floor_ends(task, some, first) if floors else {})


def player(made: Made, pairs: Pairs, size: int, floors: bool) -> Callable[[int], Played]:
    """What a process plays shards with, by their number."""
    parts = load_parts(made.checkpoint, torch.device("cpu"))
    agent = make_agent(parts, planner=made.planner, cost=made.cost, seed=made.seed)
    task = make_task(parts.config, task_id=made.task_id)
    return partial(play_shard, agent, task, pairs, size, floors)


def play_in_shards(
    agent: Agent,
    task: Task,
    pairs: Pairs,
    made: Made,
    engine: Engine,
    size: int = SHARD,
    *,
    label: str = "",
    floors: bool = True,
) -> Played:
    """All pairs, by the engine's processes where they are worth it; in one batch on an accelerator.

    Args:
        agent, task: as `made` says, to play with in this process.
        label: of the progress bar, if not one that names the task.
        floors: whether what learns nothing plays too.
    """
    numbers, asked = range(-(-len(pairs.pairs) // size)), evaluations(agent.planner.algorithm)
    work = imagined_steps(len(pairs.pairs), asked, agent.planner.horizon)
    count = processes(engine, agent.device, len(numbers), work)
    label = label or f"evaluating {task.name}"
    if agent.device.type != "cpu":
        outcome = play(agent, task, pairs.pairs, pairs.steps, label)
        return Played(outcome, floor_ends(task, pairs) if floors else {})
    elsewhere = made._replace(checkpoint=anywhere(made.checkpoint))
    label += f" on {count} cores" if count else ""
    with Progress(label, len(numbers) * pairs.steps) as progress:
        here = partial(play_shard, agent, task, pairs, size, floors, watch=progress.advance)
        if not count:
            return join([here(number) for number in numbers])
        played = list[Played]()
        replies = engine.run(
            partial(player, elsewhere, pairs, size, floors), numbers, count, PATIENCE
        )
        for number, reply in zip(numbers, replies, strict=True):
            # what a process could not play is left to this one, which will say why
            left = isinstance(reply, Failed | Abandoned)
            played.append(here(number) if left else reply)
            progress.advance(0 if left else pairs.steps)
    return join(played)


def join(played: Sequence[Played]) -> Played:
    """The shards in one."""
    floors = {
        name: np.concatenate([one.floors[name] for one in played]) for name in played[0].floors
    }
    return Played(Outcome.join([one.outcome for one in played]), floors)


def _watched(stream: Iterable[Step], watch: Callable[[], None]) -> Iterator[Step]:
    for step in stream:
        yield step
        watch()
