"""Goal-directed exploration (MEGA, Go-Explore): plan to rarely visited latents, then act randomly.

Goals are latents that were seen, the newest of a few drawn at random: those with the fewest others around them (as MEGA, Pitis et al.
2020), near and far measured in learned steps, for in plain latents speed is what is rare, not places (docs/log.md); or where the
ensemble's members disagree most about what comes next (as Plan2Explore, Sekar et al. 2020). Once there, or after three quarters of an
episode, the behaviour of the random rollouts takes over (Go-Explore, Ecoffet et al. 2021).

Shapes: B episodes, T control steps, A action, D latent, N rows of data, M candidates.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.evaluation.episodes import stack, still_actions
from latent_mpc.agent.models.ensemble import disagreement
from latent_mpc.envs.behaviour import Motion
from latent_mpc.envs.collection.collect import Job, check_physics
from latent_mpc.envs.progress import track
from latent_mpc.envs.rollouts.reader import Arrays, Rollouts, RolloutWriter

CHOICES = 32  # latents drawn for each goal, of which the newest is taken
CROWD, NEIGHBOURS = 1000, 3  # latents that density is measured with, and how many of them count as near
ROWS = 64  # candidates compared with the crowd at a time: beyond it the differences leave the CPU's cache
ARRIVED = 2.0  # [model steps] of learned cost-to-go
LATEST = 0.75  # share of an episode after which random actions take over anyway
GOAL_STREAM = 3  # keeps these random numbers apart from other uses of the same seed

Novelty = Callable[[Agent, Tensor, Tensor, np.random.Generator], Tensor]  # (agent, latents [N, D], candidates [M, D], rng) -> [M]


def sparse(agent: Agent, z: Float[Tensor, "N D"], some: Float[Tensor, "M D"], rng: np.random.Generator) -> Float[Tensor, " M"]:
    """Novelty by latent density: learned cost-to-go [model steps] from the third nearest of 1000 latents."""
    learned, crowd = agent.cost_to_go, z[torch.as_tensor(rng.integers(len(z), size=CROWD), device=z.device)]
    start = learned.embed(crowd)
    chunks = learned.embed(some)[:, None].split(ROWS)
    return torch.cat([learned.between(start, goal).kthvalue(NEIGHBOURS, dim=1).values for goal in chunks])


def disputed(agent: Agent, z: Float[Tensor, "N D"], some: Float[Tensor, "M D"], rng: np.random.Generator) -> Float[Tensor, " M"]:
    """Novelty by ensemble disagreement about where one random action leads."""
    action = torch.as_tensor(rng.uniform(-1, 1, (len(some), 1, agent.model.actions)), dtype=some.dtype, device=some.device)
    return disagreement(agent.model.futures(some, action))[:, 0]


NOVELTIES: dict[str, Novelty] = {"density": sparse, "disagreement": disputed}


def choose_goals(agent: Agent, z: Float[Tensor, "N D"], goals: int, novelty: str, rng: np.random.Generator) -> Float[Tensor, "B D"]:
    """Latents that were seen and are new to the agent."""
    some = z[torch.as_tensor(rng.integers(len(z), size=(goals, CHOICES)), device=z.device)]
    with torch.no_grad():
        score = NOVELTIES[novelty](agent, z, some.flatten(0, 1), rng).view(goals, CHOICES)
    return some[torch.arange(goals, device=z.device), score.argmax(dim=1)]


def explore(agent: Agent, job: Job, rollouts: Rollouts, z: Float[Tensor, "N D"], numbers: range, novelty: str, told: str = "") -> Rollouts:
    """Append the episodes `numbers` that are missing, played by the agent in one batch, to the rollouts.

    Args:
        job: how the random rollouts were collected: task, starts, behaviour and seed.
        z: latents of the rollouts.
        told: what the progress says; none if empty.

    Raises:
        ValueError: the simulation diverged. OSError: the folder cannot be written.
    """
    if len(rollouts) >= numbers.stop:
        return rollouts
    goals = choose_goals(agent, z, len(numbers), novelty, np.random.default_rng([job.seed, GOAL_STREAM, numbers.start]))
    episodes = venture(agent, job, goals, numbers, told)
    said = {key: value for key, value in rollouts.meta.items() if key not in ("format", "version", "arrays")}
    with RolloutWriter(rollouts.path, said) as writer:
        for number, episode in zip(numbers, episodes, strict=True):
            if number >= writer.next_number:
                writer.append(episode, number)
    return Rollouts(rollouts.path)


def venture(agent: Agent, job: Job, goals: Float[Tensor, "B D"], numbers: range, told: str = "") -> list[Arrays]:
    """Goal-directed episodes, from arrival on random; start and random actions of one depend on (task, seed, number) only."""
    task = job.make()
    steps, width = job.steps or task.episode_steps, task.action_width
    streams = [np.random.default_rng(np.random.SeedSequence([zlib.crc32(job.task_name.encode()), job.seed, i])) for i in numbers]
    states = [task.draw_state(rng) for rng in streams]
    period = task.control_period / task.pace
    motions = [Motion(rng, steps, width, period, job.behaviour) for rng in streams]
    observed, physics = [stack([task.observation(state) for state in states])], [np.stack(states)]
    done: list[np.ndarray] = []
    arrived = np.zeros(len(states), dtype=bool)
    agent.reset(goals)
    for t in track(range(steps), told, steps, "control steps", shown=bool(told)):
        planned = None
        if t < LATEST * steps and not arrived.all():
            planned = agent.act(observed[-1], still_actions(task, physics[-1]))
            arrived |= agent.to_go() < ARRIVED
        states, seen, chosen = [], [], []
        for b, state in enumerate(physics[-1]):
            task.restore(state)
            chosen.append(motions[b].action(t, task) if planned is None or arrived[b] else planned[b])
            task.apply(chosen[-1])
            states.append(task.snapshot())
            seen.append(task.observation())
        done.append(np.stack(chosen).astype(np.float32))
        observed.append(stack(seen))
        physics.append(np.stack(states))
    done.append(np.zeros_like(done[0]))  # belongs to no step
    whole = {key: np.stack([seen[key] for seen in observed], axis=1) for key in job.obs}
    whole |= {"action": np.stack(done, axis=1), "physics": np.stack(physics, axis=1)}  # (B, T + 1, ...)
    episodes = [{key: array[b] for key, array in whole.items()} for b in range(len(states))]
    for episode in episodes:
        check_physics(episode)
    return episodes
