"""How the learned cost-to-go compares with the true one, the task's privileged `steps_to_go`. For
reports only: nothing is trained or planned with what stands here.

Shapes: M states, n simulator state, B pairs.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.evaluation.statistics import spearman
from latent_mpc.agent.models.base import WorldModel
from latent_mpc.envs.task import Pair, Task

GOALS = 10  # of the first pairs, each measured from every start


def learned_and_true(
    agent: Agent, task: Task, states: Float[np.ndarray, "M n"], goals: Float[np.ndarray, "M n"]
) -> tuple[Float[np.ndarray, " M"], Float[np.ndarray, " M"]]:
    """The learned cost-to-go and the task's `steps_to_go` from states to goals, simulator states at
    rest, both [control steps].

    Raises NotImplementedError if the task has no `steps_to_go`.
    """
    with torch.inference_mode():
        learned = (
            agent.cost_to_go(_latents(agent, task, states), _latents(agent, task, goals))
            .cpu()
            .numpy()
        )
    true = np.empty(len(states))
    # the task works a goal out once for all states
    kinds, which = np.unique(goals, axis=0, return_inverse=True)
    for k, goal in enumerate(kinds):
        rows = which.reshape(-1) == k
        true[rows] = task.steps_to_go(states[rows], goal)
    return agent.action_repeat * learned.astype(np.float64), true


def rank_correlation(
    agent: Agent, task: Task, pairs: list[Pair]
) -> dict[str, float | int | None] | None:
    """Spearman's correlation of the two from every start to each of the first goals, and over how
    many. None where there is no true one.
    """
    if not task.has_steps_to_go:
        return None
    goals = np.stack([pair.goal for pair in pairs[:GOALS]])
    starts = np.stack([pair.start for pair in pairs])
    learned, true = learned_and_true(
        agent, task, np.repeat(starts, len(goals), axis=0), np.tile(goals, (len(starts), 1))
    )
    return {"rank_correlation": spearman(learned, true), "pairs": len(true)}


def how_far(task: Task, pairs: list[Pair]) -> tuple[Float[np.ndarray, " B"], dict[str, str]]:
    """How far starts are from goals: by `steps_to_go` where the task has it, else its distance; and
    which it was, in what unit.
    """
    if task.has_steps_to_go:
        steps = [task.steps_to_go(pair.start[None], pair.goal)[0] for pair in pairs]
        return np.array(steps), {"by": "steps_to_go", "unit": "control steps"}
    return np.array([task.distance(pair.start, pair.goal) for pair in pairs]), {
        "by": "distance",
        "unit": task.unit,
    }


def encode_rest(
    model: WorldModel, task: Task, states: Float[np.ndarray, "M n"]
) -> Float[Tensor, "M D"]:
    """Latents of simulator states at rest, a few hundred pictures at a time."""
    latents, device = [], next(model.parameters()).device
    for some in np.array_split(states, max(1, len(states) // 256)):
        seen = [task.observation(state) for state in some]
        obs = {
            key: torch.as_tensor(np.stack([one[key] for one in seen]), device=device)
            for key in model.shapes
        }
        latents.append(model.encode_goal(obs))
    return torch.cat(latents)


def _latents(agent: Agent, task: Task, states: np.ndarray) -> Tensor:
    """Latents `[M, D]` of states at rest; equal ones are observed once."""
    kinds, which = np.unique(states, axis=0, return_inverse=True)
    return encode_rest(agent.model, task, kinds)[
        torch.as_tensor(which.reshape(-1), device=agent.device)
    ]
