"""Proposed plans: two ways kept apart, wasteful ones unlearned, and what the agent and the
checkpoint make of them.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from latent_mpc import Agent
from latent_mpc.agent.agent import FlatDecision
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.heads.head import FrozenData
from latent_mpc.agent.heads.proposals import LOSERS, Proposals, ProposalsConfig, nearest_loss
from latent_mpc.agent.training.loop import Trainer
from tests.agent.test_agent import HORIZON, WIDTH, make_agent

SIZES = CostToGoConfig(hidden=4, metric=4)


def make_proposals(samples: int = 2, horizon: int = HORIZON, **fields) -> Proposals:
    torch.manual_seed(0)
    return Proposals(
        4, WIDTH, ProposalsConfig(samples=samples, horizon=horizon, hidden=32, **fields)
    )


def flat(agent: Agent) -> FlatDecision:
    assert isinstance(agent.decision, FlatDecision)
    return agent.decision


def fit(proposals: Proposals, cost_to_go: CostToGo, z, last, action, folder: Path) -> None:
    """On latents and actions of one's own."""
    data = FrozenData(z, last)
    data.actions = action
    proposals.fit(data, {"cost_to_go": cost_to_go}, Trainer(folder, 0))


def test_the_loss_by_hand():
    """Heads at 0 and 1, done 0.9: errors 0.81 and 0.01. A second piece, done 0 and one step wasted,
    counts exp(-1) of the first.
    """
    plans = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1).expand(2, -1, -1, -1)
    done, wasted = torch.tensor([0.9, 0.0]).view(2, 1, 1), torch.tensor([0.0, 1.0])
    first, second = (1 - LOSERS) * 0.01 + LOSERS * 0.41, LOSERS * 0.5
    share = 1 / (1 + np.exp(-1))
    assert nearest_loss(plans, done, wasted, 1.0).item() == pytest.approx(
        share * first + (1 - share) * second, rel=1e-5
    )


def test_two_ways_become_two_proposals_and_the_wasteful_one_is_unlearned(tmp_path):
    """One latent, one goal: 1 or -1 is done, and 0.3, which wastes four steps."""

    class Measured(CostToGo):
        # the second number of a latent tells the cost-to-go from there, too small for a network to
        # see
        def forward(self, z, goal):
            return 1e5 * z[:, 1]

    episodes, last = 300, np.repeat(np.arange(300) * 2 + 1, 2)
    way = np.arange(episodes) % 3
    z, action = torch.zeros(2 * episodes, 4), torch.zeros(2 * episodes, WIDTH)
    action[::2] = torch.tensor([1.0, -1.0, 0.3])[way][:, None]
    z[1::2, 1] = torch.tensor([0.0, 0.0, 4e-5])[way]
    z[::2, 1] = 1e-5
    proposals = make_proposals(horizon=1, steps=200, batch=64, learning_rate=5e-3)
    fit(proposals, Measured(4, SIZES), z, last, action, tmp_path)
    with torch.no_grad():
        plans = proposals(z[:1], z[1:2])
    low, high = sorted(plans[0, :, 0].mean(dim=-1).tolist())
    assert low == pytest.approx(-1, abs=0.15) and high == pytest.approx(1, abs=0.15)


def test_goals_lie_behind_the_piece_in_the_same_episode(tmp_path):
    asked = []

    class Recorder(CostToGo):
        def forward(self, z, goal):  # the first number of a latent is its row
            asked.append(torch.stack([z[:, 0], goal[:, 0]], dim=1).int())
            return z[:, 1]

    z, last = torch.arange(12.0)[:, None].expand(-1, 4), np.repeat([6, 11], [7, 5])
    fit(
        make_proposals(steps=4, batch=200),
        Recorder(4, SIZES),
        z,
        last,
        torch.zeros(12, WIDTH),
        tmp_path,
    )
    ends, starts = (torch.cat(asked[i::2]).tolist() for i in (0, 1))
    wanted = {
        (row, goal)
        for first, final in ((0, 6), (7, 11))
        for row in range(first, final - 2)
        for goal in range(row + 3, final + 1)
    }
    assert {(row, goal) for row, goal in starts} == wanted
    assert {(row - 3, goal) for row, goal in ends} == wanted


def test_episodes_shorter_than_a_plan_are_refused(tmp_path):
    z, last = torch.zeros(6, 4), np.repeat([2, 5], 3)
    with pytest.raises(
        ValueError,
        match="proposals need episodes of at least 3 model steps; lower proposals.horizon",
    ):
        fit(make_proposals(), CostToGo(4, SIZES), z, last, torch.zeros(6, WIDTH), tmp_path)


@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_a_planner_of_any_horizon_gets_plans_of_its_own(horizon):
    proposals, z = make_proposals(), torch.randn(4, 4)
    plans, own = proposals.plans(z, z.flip(0), horizon), proposals(z, z.flip(0))
    assert plans.shape == (4, 2, horizon, WIDTH)
    assert torch.equal(plans[:, :, :3], own[:, :, :horizon])
    assert not plans[:, :, 3:].any()


def test_the_planner_gets_rest_and_the_proposals_for_each_episode_at_most_half_of_its_candidates():
    agent, seen, given = (
        make_agent(),
        np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32),
        [],
    )
    plan = agent.planner.plan
    agent.planner.plan = lambda *args, proposals, **kw: (
        given.append(proposals) or plan(*args, proposals=proposals, **kw)
    )
    for samples, P in ((2, 3), (20, 8)):
        flat(agent).proposals = proposals = make_proposals(samples)
        agent.reset({"state": seen})
        agent.act({"state": seen[::-1].copy()})
        assert given[-1].shape == (2, P, HORIZON, WIDTH)
        assert not given[-1][:, 0].any()
        with torch.no_grad():
            expected = proposals(agent.episodes.memory.z, agent.episodes.z_goal)
        assert torch.equal(given[-1][:, 1:], expected[:, : P - 1])


@pytest.mark.slow
def test_a_checkpoint_holds_proposals_where_they_were_trained(tmp_path: Path, monkeypatch):
    sizes = [
        "model.hidden=16",
        "model.latent=8",
        "model.embedding=8",
        "cost_to_go.hidden=16",
        "cost_to_go.metric=8",
    ]
    steps = [
        "training.steps=4",
        "training.batch=8",
        "training.horizon=3",
        "cost_to_go.steps=4",
        "probe.steps=5",
        "cost_to_go.batch=16",
    ]
    plan = [
        "planner.samples=8",
        "planner.iterations=1",
        "planner.elites=4",
        "planner.horizon=2",
        "validation_episodes=1",
    ]
    more = [
        "task=reacher",
        "collect.episodes=4",
        "collect.workers=1",
        *(f"proposals.{x}" for x in ("samples=3", "horizon=2", "hidden=16", "steps=4", "batch=8")),
    ]
    assert cli.main(["train", *sizes, *steps, *plan, *more, f"out={tmp_path / 'run'}"]) == 0
    parts = load_parts(tmp_path / "run")
    assert parts.proposals is not None and parts.proposals.shape == (3, 2, 2)
    assert flat(Agent.load(tmp_path / "run")).proposals is not None
    assert flat(Agent.load("reacher-pixels")).proposals is None
    text = (tmp_path / "run" / "config.yaml").read_text()
    (tmp_path / "run" / "config.yaml").write_text(text.replace("  samples: 3", "  samples: many"))
    with pytest.raises(ValueError, match="proposals.samples must be an integer, got 'many'"):
        load_parts(tmp_path / "run")
    with pytest.raises(ValueError, match="temperature must be positive, got 0.001 and 0.0"):
        ProposalsConfig(temperature=0.0)
