"""The learned cost-to-go beside the true one: against one pair at a time, and with a distance that
is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_planner
from latent_mpc.agent.costs.latent import LatentCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.evaluation.cost_to_go_ranking import (
    GOALS,
    how_far,
    learned_and_true,
    rank_correlation,
)
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.agent.evaluation.statistics import spearman
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.envs.pointmaze import PointMaze
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Task


def make_agent(repeat: int = 1, shapes: Any = None, learned: CostToGo | None = None) -> Agent:
    torch.manual_seed(0)
    model = Jepa(
        JepaConfig(embedding=8, latent=4, hidden=16, width=4), shapes or {"state": (4,)}, 2 * repeat
    )
    planner = make_planner(
        "random", actions=2 * repeat, horizon=2, action_repeat=repeat, device=torch.device("cpu")
    )
    learned = learned or CostToGo(4, CostToGoConfig(hidden=16, metric=4))
    return Agent(
        Networks(model.eval().requires_grad_(False), learned), planner, LatentCost(), repeat
    )


class Unprivileged(PointMaze):
    steps_to_go = Task.steps_to_go


class Seeing(Jepa):
    """A world whose latent is the place of the ball."""

    def encode_goal(self, obs: Any) -> torch.Tensor:
        return obs["state"][:, :2]


class Straight(CostToGo):
    """A distance that is known: the straight way, times a sign."""

    def __init__(self, sign: float) -> None:
        super().__init__(2, CostToGoConfig(hidden=4, metric=2))
        self.sign = sign

    def forward(self, z: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
        return self.sign * (z - goal).norm(dim=-1)


def test_each_pair_gets_what_it_would_alone_in_control_steps() -> None:
    task, agent, rng = PointMaze("umaze"), make_agent(repeat=3), np.random.default_rng(0)
    states, goals = (np.stack([task.draw_state(rng) for _ in range(7)]) for _ in range(2))
    states[5], goals[3], goals[6] = states[1], goals[0], goals[0]  # equal ones are worked out once
    learned, true = learned_and_true(agent, task, states, goals)
    for i in range(7):
        z, z_goal = (
            agent.model.encode_goal({"state": torch.tensor(task.observation(s[i])["state"][None])})
            for s in (states, goals)
        )
        # small ones are rounded more
        assert learned[i] == pytest.approx(
            3 * float(agent.cost_to_go(z, z_goal).detach()), rel=1e-3
        )
        assert true[i] == pytest.approx(task.steps_to_go(states[i][None], goals[i])[0])
    assert len(np.unique(learned)) == 7


def test_pixels_are_looked_at_where_the_model_sees_them() -> None:
    task = PointMaze("open", obs=("pixels",), size=16)
    pairs = draw_pairs(task, 2, seed=0).pairs
    states, goals = (
        np.stack([pair.start for pair in pairs]),
        np.stack([pair.goal for pair in pairs]),
    )
    learned, _ = learned_and_true(make_agent(shapes={"pixels": (16, 16, 3)}), task, states, goals)
    assert (learned > 0).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_straight_way_ranks_as_the_true_one_in_the_open_and_less_so_round_a_wall(
    sign: float,
) -> None:
    agent = make_agent(learned=Straight(sign))
    agent.model = Seeing(JepaConfig(embedding=8, latent=2, hidden=16), {"state": (4,)}, 2)
    found = {}
    for maze in ("open", "umaze"):
        task = PointMaze(maze)
        pairs = draw_pairs(task, 20, seed=0).pairs
        told = rank_correlation(agent, task, pairs)
        # every start to the first goals
        both = [(start.start, goal.goal) for start in pairs for goal in pairs[:GOALS]]
        ways = [
            (sign * task.distance(*one), task.steps_to_go(one[0][None], one[1])[0]) for one in both
        ]
        expected = spearman(*np.array(ways).T)
        # observed in float32
        assert told == {"rank_correlation": pytest.approx(expected, abs=1e-3), "pairs": 20 * GOALS}
        found[maze] = expected or 0.0
    assert sign * found["open"] > 0.95
    assert 0.2 < sign * found["umaze"] < 0.9


def test_a_task_without_steps_to_go_has_no_rank_correlation_and_is_measured_by_its_distance() -> (
    None
):
    task = Unprivileged("open")
    pairs = draw_pairs(task, 3, seed=0).pairs
    assert rank_correlation(make_agent(), task, pairs) is None
    far, measure = how_far(task, pairs)
    assert measure == {"by": "distance", "unit": "m"}
    assert far.tolist() == [task.distance(pair.start, pair.goal) for pair in pairs]


def test_other_tasks_are_measured_by_steps_to_go() -> None:
    task = make("reacher")
    pairs = draw_pairs(task, 3, seed=0).pairs
    far, measure = how_far(task, pairs)
    assert measure == {"by": "steps_to_go", "unit": "control steps"}
    assert far.tolist() == [task.steps_to_go(pair.start[None], pair.goal)[0] for pair in pairs]
