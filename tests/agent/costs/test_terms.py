"""Terms and constraints against slow loops, and what becomes of them: plans, results, refusals."""

import json

import numpy as np
import pytest
import torch

from latent_mpc import Agent
from latent_mpc.agent.build import make_agent
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.costs.cost import PlanCost, plan_cost
from latent_mpc.agent.costs.cost_to_go import CostToGoCost
from latent_mpc.agent.costs.keep_out import KeepOut
from latent_mpc.agent.costs.latent import LatentCost, latent_distance
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.probe import Probe, ProbeConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from tests.agent.costs.test_cost import make_problem


class Straight(Jepa):
    """The latent is the position, and an action is a step."""

    def predict(self, z, action):
        return z + action


class Seen(Probe):
    """The first three numbers of a latent are its position."""

    def __init__(self):
        super().__init__(3, ProbeConfig(hidden=4))

    def forward(self, z):
        return z


def straight(**fields):
    """One problem at rest in the origin, its goal there too."""
    model = Straight(JepaConfig(embedding=2, latent=3, hidden=4), {"state": (1,)}, 3)
    memory = model.memory(1)
    return PlanCost(
        Networks(model, None, Seen()),
        memory,
        torch.zeros(1, 3),
        latent_distance,
        LatentCost(**fields),
    )


# two plans of two steps
PLANS = torch.tensor([[[3.0, 4, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, -1]]])[None]


def test_effort_and_speed_by_hand():
    """Plan 0 moves 5 m, then rests; plan 1 goes up by 1 m and comes back. Efforts 25 / 3 and 0, 1 /
    3 and 1 / 3.
    """
    plain = straight(running=1.0, terminal=2.0)(PLANS)
    effort = straight(running=1.0, terminal=2.0, terms=["effort:0.5"])(PLANS) - plain
    assert effort[0].tolist() == pytest.approx(
        [0.5 * (25 / 3 / 2), 0.5 * (1 / 3 + 2 * 1 / 3)], rel=1e-5
    )
    speed = straight(running=1.0, terminal=2.0, terms=["speed:3"])(PLANS) - plain
    assert speed[0].tolist() == pytest.approx([3 * 2.5, 3 * (1 + 2 * 1)], rel=1e-4)
    both = straight(running=1.0, terminal=2.0, terms=["effort:0.5", "speed:3"])(PLANS)
    torch.testing.assert_close(both, plain + effort + speed)


def test_a_term_without_a_number_weighs_one():
    torch.testing.assert_close(
        straight(terms=["effort"])(PLANS), straight(terms=["effort:1.0"])(PLANS)
    )


def test_keep_out_is_the_deepest_that_a_plan_reaches_in():
    """A cylinder of 2 m round (3, 3): plan 0 ends 1 m from its axis, plan 1 stays 4.24 m away."""
    cost, violation = straight(constraints=["keep_out:3:3:2", "keep_out:9:9:1"])(PLANS)
    assert violation.shape == (1, 2, 2)
    assert violation[0, :, 0].tolist() == pytest.approx([1.0, 2 - 18**0.5], rel=1e-5)
    assert (violation[0, :, 1] < 0).all()
    torch.testing.assert_close(cost, straight()(PLANS))
    points = np.array([[3.0, 4, 9], [3, 5.1, 0]])
    assert KeepOut(3, 3, 2).violated(points).tolist() == [True, False]


@pytest.mark.parametrize("rows", [1, 7, 4096])
def test_chunks_change_neither_costs_nor_violations(rows, monkeypatch):
    model, learned, memory, z_goal, actions = make_problem(B=5, N=5)
    networks = Networks(model, learned, Probe(4, ProbeConfig(hidden=8)))
    config = CostToGoCost(terms=["speed", "effort:2"], constraints=["keep_out:0:0:0.1"])
    whole = plan_cost(networks, memory, z_goal, config)(actions)
    monkeypatch.setattr("latent_mpc.agent.costs.cost.ROWS", rows)
    for one, other in zip(plan_cost(networks, memory, z_goal, config)(actions), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_of_an_ensemble_terms_are_averaged_and_the_worst_violation_counts():
    class Torn(Straight):
        def rollout_ensemble(self, z, actions):
            path = self.rollout(z, actions)
            return torch.stack([path, 2 * path])

    model = Torn(JepaConfig(embedding=2, latent=3, hidden=4), {"state": (1,)}, 3)
    config = LatentCost(terms=["speed"], constraints=["keep_out:3:3:2"], running=0.0)
    made = PlanCost(
        Networks(model, None, Seen()),
        model.memory(1),
        torch.zeros(1, 3),
        lambda z, goal: 0 * z[..., 0],
        config,
    )
    cost, violation = made(PLANS[:, :1, :1])
    assert cost.item() == pytest.approx((5 + 10) / 2, rel=1e-4)
    assert violation.item() == pytest.approx(1.0, rel=1e-5), "at (3, 4), deeper in than at (6, 8)"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"terms": ["hurry"]}, "no cost term 'hurry'; there are: effort, speed"),
        (
            {"terms": ["effort:much"]},
            "a cost term must be written effort:WEIGHT, with finite numbers, got 'effort:much'",
        ),
        ({"terms": ["effort:1:2"]}, "a cost term must be written effort:WEIGHT, "),
        ({"terms": ["effort:nan"]}, "a cost term must be written effort:WEIGHT, "),
        (
            {"constraints": ["keep_out:1:2"]},
            (
                "a constraint must be written keep_out:X:Y:RADIUS, with finite numbers, got"
                " 'keep_out:1:2'"
            ),
        ),
        ({"constraints": ["keep_out:1:2:0"]}, "keep_out must have a radius above 0, got 0.0"),
    ],
)
def test_what_is_none_is_refused_with_what_would_do(fields, message):
    with pytest.raises(ValueError, match=message):
        LatentCost(**fields)


def test_a_term_of_places_needs_a_probe_that_was_fitted():
    parts = load_parts("pointmaze-large-state")
    torch.nn.init.zeros_(parts.probe[-1].weight)
    with pytest.raises(
        ValueError,
        match=(
            "the cost term speed needs to know where a latent is, and .* was fitted to no positions"
        ),
    ):
        make_agent(parts, cost={"name": "latent", "terms": ["speed"]})


def test_the_agent_tells_what_its_last_decision_did():
    agent = Agent.load(
        "pointmaze-large-state",
        device="cpu",
        cost={"name": "cost_to_go", "constraints": ["keep_out:0:0:99"]},
    )
    obs = {"state": np.zeros((2, 4), np.float32)}
    assert agent.last_plan is None
    agent.reset(obs)
    agent.act(obs)
    assert agent.last_plan.info["infeasible"].tolist() == [
        True,
        True,
    ], "the cylinder holds the whole maze"
    assert agent.last_plan.info["evaluations"].tolist() == [384, 384]


@pytest.mark.slow
def test_results_say_how_often_a_constraint_was_violated_and_terms_change_plans(tmp_path):
    words = ["evaluate", "checkpoint=pointmaze-large-state", "episodes=2", "pairs.seed=5"]
    for name, more in (
        ("free", []),
        ("kept", ["cost.constraints=[keep_out:0:0:0.9]"]),
        ("calm", ["cost.terms=[effort:2000]"]),
    ):
        assert cli.main([*words, *more, f"out={tmp_path / name}"]) == 0
    free, kept, calm = (
        json.loads((tmp_path / name / "results.json").read_text())
        for name in ("free", "kept", "calm")
    )
    assert free["constraints"] is calm["constraints"] is None
    assert kept["constraints"].keys() == {"infeasible", "fell_back", "keep_out:0:0:0.9"}
    for share in (
        *list(kept["constraints"].values())[:2],
        *kept["constraints"]["keep_out:0:0:0.9"].values(),
    ):
        assert 0 <= share <= 1
    assert calm["distance_end"]["median"] > 2 * free["distance_end"]["median"], (
        "whoever saves effort stays behind"
    )
