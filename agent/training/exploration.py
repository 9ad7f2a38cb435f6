"""Goal-directed exploration (MEGA, Go-Explore): the agent plans to rarely visited latents, then
acts randomly.

Goals are latents that were seen, the newest of a few drawn at random: those with the fewest others
around them (as MEGA, Pitis et al. 2020), near and far measured in learned steps, for in plain
latents speed is what is rare, not places (docs/log.md); or where the ensemble's members disagree
most about what comes next (as Plan2Explore, Sekar et al. 2020). Once there, or after three quarters
of an episode, the behaviour of the random rollouts takes over (Go-Explore, Ecoffet et al. 2021).

Shapes: B episodes, T control steps, A action, D latent, N rows of data, M candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent import ranks
from latent_mpc.agent.agent import Agent
from latent_mpc.agent.evaluation.episodes import Observed, stack, steps
from latent_mpc.agent.models.ensemble import disagreement
from latent_mpc.configs.seeding import GOALS, stream
from latent_mpc.envs.behaviour import Motion
from latent_mpc.envs.collection.collect import Job, check_physics
from latent_mpc.envs.rollouts.reader import Arrays, Rollouts, RolloutWriter
from latent_mpc.envs.task import Task

CHOICES = 32  # latents drawn for each goal, of which the newest is taken
# latents that density is measured with, and how many of them count as near
CROWD, NEIGHBOURS = 1000, 3
# candidates compared with the crowd at a time: beyond it the differences leave the CPU's cache
ROWS = 64
ARRIVED = 2.0  # [model steps] of learned cost-to-go
LATEST = 0.75  # share of an episode after which random actions take over anyway
SIMULATOR = "simulator"  # key of the simulator state beside the observations

# (agent, latents [N, D], candidates [M, D], rng) -> [M]
Novelty = Callable[[Agent, Tensor, Tensor, np.random.Generator], Tensor]


def latent_density(
    agent: Agent, z: Float[Tensor, "N D"], some: Float[Tensor, "M D"], rng: np.random.Generator
) -> Float[Tensor, " M"]:
    """Novelty by latent density: learned cost-to-go [model steps] from the third nearest of 1000
    latents.
    """
    learned, crowd = (
        agent.cost_to_go,
        z[torch.as_tensor(rng.integers(len(z), size=CROWD), device=z.device)],
    )
    start = learned.embed(crowd)
    chunks = learned.embed(some)[:, None].split(ROWS)
    return torch.cat(
        [learned.between(start, goal).kthvalue(NEIGHBOURS, dim=1).values for goal in chunks]
    )


def ensemble_disagreement(
    agent: Agent, z: Float[Tensor, "N D"], some: Float[Tensor, "M D"], rng: np.random.Generator
) -> Float[Tensor, " M"]:
    """Novelty by ensemble disagreement about where one random action leads."""
    action = torch.as_tensor(
        rng.uniform(-1, 1, (len(some), 1, agent.model.actions)),
        dtype=some.dtype,
        device=some.device,
    )
    return disagreement(agent.model.rollout_ensemble(some, action))[:, 0]


NOVELTIES: dict[str, Novelty] = {"density": latent_density, "disagreement": ensemble_disagreement}


def choose_goals(
    agent: Agent, z: Float[Tensor, "N D"], goals: int, novelty: str, rng: np.random.Generator
) -> Float[Tensor, "B D"]:
    """Latents that were seen and are new to the agent."""
    some = z[torch.as_tensor(rng.integers(len(z), size=(goals, CHOICES)), device=z.device)]
    with torch.no_grad():
        score = NOVELTIES[novelty](agent, z, some.flatten(0, 1), rng).view(goals, CHOICES)
    return some[torch.arange(goals, device=z.device), score.argmax(dim=1)]


def explore(
    agent: Agent,
    job: Job,
    rollouts: Rollouts,
    z: Float[Tensor, "N D"],
    numbers: range,
    novelty: str,
    progress: str = "",
) -> Rollouts:
    """Append the episodes `numbers` that are missing, played by the agent in one batch, to the
    rollouts; of several ranks the first does.

    Args:
        job: how the random rollouts were collected: task, starts, behaviour and seed.
        z: latents of the rollouts.
        progress: label of the progress bar; none if empty.

    Raises:
        ValueError: the simulation diverged. OSError: the folder cannot be written.
    """
    if len(rollouts) >= numbers.stop:
        return rollouts

    def append() -> None:
        rng = stream(job.seed, GOALS, numbers.start)
        goals = choose_goals(agent, z, len(numbers), novelty, rng)
        episodes = collect_goal_directed(agent, job, goals, numbers, progress)
        metadata = {
            key: value
            for key, value in rollouts.meta.items()
            if key not in ("format", "version", "arrays")
        }
        with RolloutWriter(rollouts.path, metadata) as writer:
            for number, episode in zip(numbers, episodes, strict=True):
                if number >= writer.next_number:
                    writer.append(episode, number)

    ranks.by_first(append)
    return Rollouts(rollouts.path)


class Explorer:
    """Goes towards latents as the agent does, then at random: once an episode has arrived, or late
    in it.

    Args:
        motions: the random behaviour of each episode.
        steps: of an episode [control steps].
        keys: what the agent observes; the simulator state stands beside it, as the behaviour may
            depend on it.
    """

    def __init__(
        self, agent: Agent, task: Task, motions: list[Motion], steps: int, keys: tuple[str, ...]
    ) -> None:
        self.agent, self.task, self.motions, self.keys = agent, task, motions, keys
        self.latest, self.step = LATEST * steps, 0
        self.arrived = np.zeros(len(motions), dtype=bool)

    def reset(self, goal: Any) -> None:
        """Begin towards latents `[B, D]`."""
        self.agent.reset(goal)

    def act(self, obs: Observed, still: np.ndarray | None = None) -> np.ndarray:
        """Actions `[B, A]`; leaves the task at the last simulator state."""
        planned = None
        if self.step < self.latest and not self.arrived.all():
            planned = self.agent.act({key: obs[key] for key in self.keys}, still)
            self.arrived |= self.agent.to_go() < ARRIVED
        chosen = []
        for b, state in enumerate(obs[SIMULATOR]):
            self.task.restore(state)
            chosen.append(
                self.motions[b].action(self.step, self.task)
                if planned is None or self.arrived[b]
                else planned[b]
            )
        self.step += 1
        return np.stack(chosen)


def collect_goal_directed(
    agent: Agent, job: Job, goals: Float[Tensor, "B D"], numbers: range, progress: str = ""
) -> list[Arrays]:
    """Episodes towards latents, then at random; start and random actions of an episode depend on
    (task, seed, number) only.
    """
    task = job.make()
    count, width = job.steps or task.episode_steps, task.action_width
    streams = [stream(job.task_name, job.seed, i) for i in numbers]
    states = np.stack([task.draw_state(rng) for rng in streams])
    period = task.control_period / task.pace
    explorer = Explorer(
        agent,
        task,
        [Motion(rng, count, width, period, job.behaviour) for rng in streams],
        count,
        job.obs,
    )
    explorer.reset(goals)
    episode_steps = list(
        steps(
            explorer,
            task,
            states,
            count,
            lambda state: {**task.observation(state), SIMULATOR: state},
            progress,
        )
    )
    seen = [
        *(step.obs for step in episode_steps),
        stack([task.observation(state) for state in episode_steps[-1].after]),
    ]
    actions = [
        *(step.action.astype(np.float32) for step in episode_steps),
        np.zeros((len(states), width), np.float32),
    ]  # of no step
    whole = {
        **{key: np.stack([obs[key] for obs in seen], axis=1) for key in job.obs},
        "action": np.stack(actions, axis=1),
        # (B, T + 1, n)
        "physics": np.stack([states, *(step.after for step in episode_steps)], axis=1),
    }
    episodes = [{key: array[b] for key, array in whole.items()} for b in range(len(states))]
    for episode in episodes:
        check_physics(episode)
    return episodes
