"""How well the cost guides: does it rank states as the true steps to the goal do? And a picture of
it over the plane the robot moves in.

The planner compares states for one goal, so ranks are compared goal by goal. Every registered cost
that the checkpoint has learned enough for is measured, with its default fields.

Shapes: G goals, M states, D latent, n simulator state.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_mpc.agent.build import Parts
from latent_mpc.agent.costs.cost import Cost, usable_costs
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.evaluation.cost_to_go_ranking import encode_rest
from latent_mpc.agent.evaluation.statistics import THIRDS, spearman, third_of
from latent_mpc.agent.horizon.model_quality import Latents
from latent_mpc.agent.oracle import privileged
from latent_mpc.configs.seeding import LANDSCAPE, stream
from latent_mpc.envs.adapters.joints import HINGE
from latent_mpc.envs.task import Task

GOALS, STATES = 50, 300  # goals at rest, and states of random episodes that are ranked for each
GRID = 48  # points on each side of the landscape
DRAWS = 500  # states from which the plane's extent is taken

Between = Callable[[Tensor, Tensor], Tensor]  # (latents [M, D], goal [D]) -> distance [M]


def costs(parts: Parts) -> dict[str, Between]:
    """Each cost's distance from latents to a goal's."""
    networks = parts.networks
    return {
        name: partial(_between, kind(), networks) for name, kind in usable_costs(networks).items()
    }


@torch.no_grad()
def measure_guidance(
    parts: Parts, task: Task, latents: Latents, repeat: int, seed: int
) -> dict[str, Any]:
    """Spearman's rank correlation of each cost with the true steps, all states together and near,
    middle and far ones alone.

    Returns per cost `{"all": …, "near": …, "middle": …, "far": …}`, means over goals; and how many
    steps these thirds lie away.
    """
    rng = stream(seed, LANDSCAPE)
    true = privileged(task)
    test = np.flatnonzero(latents.test)
    result: dict[str, dict[str, list[float]]] = {
        name: {part: [] for part in ("all", *THIRDS)} for name in costs(parts)
    }
    away: list[np.ndarray] = []
    for _ in range(GOALS):
        goal = task.draw_state(rng)
        rows = rng.choice(test, min(STATES, len(test)), replace=False)
        steps = true(latents.physics[rows], goal) / repeat
        z_goal, third = encode_rest(parts.model, task, goal[None])[0], third_of(steps)
        away.append(np.array([np.median(steps[third == i]) for i in range(3)]))
        for name, between in costs(parts).items():
            cost = between(latents.z[rows], z_goal).cpu().numpy()
            for i, part in enumerate(THIRDS):
                result[name][part].append(_rank_correlation(cost[third == i], steps[third == i]))
            result[name]["all"].append(_rank_correlation(cost, steps))
    means = {
        name: {part: float(np.nanmean(values)) for part, values in parts_.items()}
        for name, parts_ in result.items()
    }
    distances = {
        name: float(value) for name, value in zip(THIRDS, np.mean(away, axis=0), strict=True)
    }
    return {
        "spearman": means,
        "steps_away": distances,
        "goals": GOALS,
        "states": min(STATES, len(test)),
    }


@torch.no_grad()
def landscape(
    parts: Parts, task: Task, goal: np.ndarray, repeat: int, seed: int
) -> dict[str, Any] | None:
    """Each cost and the true steps towards one goal, over the plane of a task's two positions, at
    rest; None if it has not two.

    Returns axes `x`, `y` with names, `goal`, and values `[GRID, GRID]`, rows along y, null where
    the robot does not fit; and `traps`: inner points of the grid below all 8 neighbours, the goal's
    own surroundings left out, where a greedy agent would get stuck.
    """
    if task.model.nq != 2:
        return None
    rng = stream(seed, LANDSCAPE, 1)
    states = np.stack([task.qpos_qvel(task.draw_state(rng))[0] for _ in range(DRAWS)])
    axes = [
        np.linspace(low, high, GRID)
        for low, high in zip(states.min(axis=0), states.max(axis=0), strict=True)
    ]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    states = np.stack([task.rest_state(point) for point in points])
    true = privileged(task)(states, goal) / repeat
    free = np.isfinite(true)
    z, (z_goal,) = (encode_rest(parts.model, task, some) for some in (states[free], goal[None]))
    values = {"true": true}
    for name, between in costs(parts).items():
        values[name] = np.full(len(points), np.nan)
        values[name][free] = between(z, z_goal).cpu().numpy()
    grids = {name: value.reshape(GRID, GRID) for name, value in values.items()}
    at = task.qpos_qvel(goal)[0]
    names = [task.model.joint(i).name or f"joint {i}" for i in range(2)]
    units = ["rad" if kind == HINGE else "m" for kind in task.model.jnt_type]
    return {
        "x": {"name": names[0], "unit": units[0], "values": axes[0].tolist()},
        "y": {"name": names[1], "unit": units[1], "values": axes[1].tolist()},
        "goal": at.tolist(),
        "values": {
            name: [[float(v) if np.isfinite(v) else None for v in row] for row in grid]
            for name, grid in grids.items()
        },
        "traps": {name: len(traps(grid, axes, at)) for name, grid in grids.items()},
    }


def traps(grid: np.ndarray, axes: list[np.ndarray], goal: np.ndarray) -> np.ndarray:
    """Inner points (row, column) `[…, 2]` below all 8 neighbours and more than two points away from
    the goal; walls count as high.
    """
    high = np.where(np.isfinite(grid), grid, np.inf)
    around = np.stack(
        [
            np.roll(high, (dy, dx), (0, 1))
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if (dy, dx) != (0, 0)
        ]
    )
    lowest = np.isfinite(high) & (high < around.min(axis=0))
    lowest[[0, -1]] = lowest[:, [0, -1]] = False
    result = np.argwhere(lowest)
    nearest = np.array([np.abs(axes[1] - goal[1]).argmin(), np.abs(axes[0] - goal[0]).argmin()])
    return result[np.abs(result - nearest).max(axis=1) > 2]


def _between(cost: Cost, networks: Networks, z: Tensor, z_goal: Tensor) -> Tensor:
    """Distance `[M]` of latents `[M, D]` from one goal's `[D]`."""
    goal, distance = cost.towards(networks, z_goal[None])
    return distance(z[None, None], goal[:, None, None])[0, 0]


def _rank_correlation(cost: np.ndarray, steps: np.ndarray) -> float:
    """Spearman's, NaN where there is none, to be left out of the mean over goals."""
    result = spearman(cost, steps)
    return float("nan") if result is None else result
