"""Imagination, guidance, memory and replanning against slow loops, closed forms and hand
arithmetic.
"""

import numpy as np
import pytest
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, make_planner
from latent_mpc.agent.costs.latent import LatentCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.evaluation.cache import Cache, address
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.heads.proposals import Proposals, ProposalsConfig
from latent_mpc.agent.horizon import model_quality
from latent_mpc.agent.horizon.cost_quality import traps
from latent_mpc.agent.horizon.model_quality import (
    Latents,
    fit_linear,
    fit_mlp,
    measure_imagination,
    usable,
)
from latent_mpc.agent.horizon.replanning import ReplanEvery
from latent_mpc.agent.horizon.timing import LiveTensors
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.envs.pointmaze import PointMaze


def make_model() -> Jepa:
    torch.manual_seed(0)
    model = Jepa(JepaConfig(embedding=8, latent=4, hidden=16), {"state": (4,)}, 2)
    *_, last = model.predictor.children()
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.normal_(last.weight, std=0.3)
    return model.eval().requires_grad_(False)


def test_traps_are_inner_points_below_their_neighbours_away_from_the_goal():
    grid = np.full((9, 9), 5.0)
    # a trap, a trap, a corner, the goal
    grid[1, 7], grid[6, 2], grid[0, 0], grid[5, 5] = 1.0, 2.0, 0.0, 0.0
    grid[6, 3] = np.nan  # a wall beside a trap
    axes = [np.arange(9.0), np.arange(9.0)]
    assert traps(grid, axes, np.array([5.0, 5.0])).tolist() == [[1, 7], [6, 2]]


@pytest.mark.parametrize(
    ("model", "copy", "mean", "last"),
    [
        ([1, 2, 3], [2, 3, 4], [9, 9, 9], 3),
        ([1, 2, 5], [2, 3, 4], [9, 9, 9], 2),
        ([1, 4, 1], [2, 3, 4], [9, 9, 9], 1),
        ([3], [2], [9], 0),
    ],
)
def test_the_model_is_usable_up_to_the_step_before_its_error_first_meets_another_curve(
    model, copy, mean, last
):
    assert usable(np.array(model), np.array(copy), np.array(mean)) == last


@pytest.mark.slow
def test_a_linear_probe_finds_a_linear_map_and_the_net_also_one_that_is_not(monkeypatch):
    monkeypatch.setattr(model_quality, "PROBE_STEPS", 300)
    z = torch.randn(600, 4, generator=torch.Generator().manual_seed(0))
    straight = z @ torch.tensor([[1.0, 0], [0, 2], [3, 0], [0, 0]]) + 5
    bent = z[:, :1].abs()
    assert (fit_linear(z[:400], straight[:400])(z[400:]) - straight[400:]).abs().max() < 0.05
    assert (fit_mlp(z[:400], bent[:400])(z[400:]) - bent[400:]).square().mean() < 0.1 * bent.var()
    assert (
        fit_linear(z[:400], bent[:400])(z[400:]) - bent[400:]
    ).square().mean() > 0.8 * bent.var()
    torch.testing.assert_close(
        fit_mlp(z, bent, seed=3)(z), fit_mlp(z, bent, seed=3)(z), rtol=0, atol=0
    )


def test_errors_of_imagination_are_those_of_a_slow_loop_over_windows(monkeypatch):
    monkeypatch.setattr(model_quality, "PROBE_STEPS", 2)
    model, task, rng = make_model(), PointMaze("open"), np.random.default_rng(0)
    z, actions = (
        torch.randn(24, 4, generator=torch.Generator().manual_seed(1)),
        torch.rand(24, 2) * 2 - 1,
    )
    physics = np.stack([task.draw_state(rng) for _ in range(24)])
    last = np.repeat([5, 11, 17, 23], 6)  # four episodes of six rows; the last one is for tests
    parts = Parts(model, {})
    found = measure_imagination(
        parts, task, Latents(z, last, actions, physics, np.arange(24) >= 18), steps=3, seed=0
    )
    squares = {name: [[], [], []] for name in ("model", "copy", "mean")}
    for start in range(18, 21):
        guess = z[start]
        for k in range(3):
            guess = model.predict(guess, actions[start + k])
            for name, other in (("model", guess), ("copy", z[start]), ("mean", z[:18].mean(0))):
                squares[name][k].append(float((other - z[start + k + 1]).square().mean()))
    assert found["windows"] == 3
    for name, columns in squares.items():
        assert found["latent"][name] == pytest.approx(
            [np.mean(column) ** 0.5 for column in columns], rel=1e-5
        )
    moved = [
        task.tracked_point(physics[s + 1]) - task.tracked_point(physics[s]) for s in range(18, 21)
    ]
    assert found["position"]["mlp"]["copy"][0] == pytest.approx(
        np.mean(np.square(moved).sum(1)) ** 0.5, rel=1e-5
    )
    assert (found["position"]["unit"], found["velocity"]["unit"]) == ("m", "m/s")


def test_windows_longer_than_an_episode_are_refused():
    latents = Latents(
        torch.zeros(4, 4), np.full(4, 3), torch.zeros(4, 2), np.zeros((4, 9)), np.ones(4, bool)
    )
    with pytest.raises(
        ValueError, match="no test episode is 9 model steps long; give shorter horizons"
    ):
        measure_imagination(Parts(make_model(), {}), PointMaze("open"), latents, 9, 0)


def test_memory_counts_what_is_alive_at_once_and_views_once():
    with LiveTensors() as live:
        a = torch.zeros(1000)  # 4 kB
        b = a + 1  # 8 kB
        del a  # 4 kB
        c = b.view(10, 100)  # a view: 4 kB still
        d = torch.cat([c, c])  # 12 kB
        del b, c
    assert (live.peak, live.now) == (12_000, 8_000)
    assert d.shape == (20, 100)


def make_agent(horizon: int, proposals: Proposals | None = None) -> Agent:
    planner = make_planner(
        "cem",
        actions=2,
        horizon=horizon,
        action_repeat=1,
        device=torch.device("cpu"),
        samples=8,
        iterations=1,
    )
    return Agent(
        Networks(make_model(), CostToGo(4, CostToGoConfig(hidden=8, metric=4))),
        planner,
        LatentCost(),
        1,
        proposals=proposals,
    )


def replanning(agent: Agent, every: int) -> Agent:
    return agent.deciding(ReplanEvery(agent.decision, every))


def run(agent: Agent, steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    agent.reset({"state": rng.normal(size=(3, 4)).astype(np.float32)})
    return np.stack(
        [agent.act({"state": rng.normal(size=(3, 4)).astype(np.float32)}) for _ in range(steps)]
    )


def test_a_plan_is_followed_for_as_long_as_it_was_said_and_observed_all_the_while():
    agent = replanning(make_agent(3), 2)
    acted = run(agent, 1)
    first = agent.episodes.plan.numpy().copy()
    memory = agent.episodes.memory.frames.clone()
    np.testing.assert_array_equal(acted[0], first[:, 0])
    second = agent.act({"state": np.ones((3, 4), np.float32)})
    np.testing.assert_array_equal(second, first[:, 1])
    assert not torch.equal(agent.episodes.memory.frames[:, -1], memory[:, -1])
    agent.act({"state": np.ones((3, 4), np.float32)})
    assert not np.array_equal(agent.episodes.plan.numpy()[:, 0], first[:, 2])  # planned anew


def test_planning_at_every_step_is_the_agent_itself():
    np.testing.assert_array_equal(run(replanning(make_agent(3), 1), 4), run(make_agent(3), 4))


def test_an_agent_that_plans_less_often_keeps_its_proposals():
    torch.manual_seed(0)
    proposals = Proposals(4, 2, ProposalsConfig(samples=4, hidden=8)).eval().requires_grad_(False)
    with_them, without = run(make_agent(3, proposals), 4), run(make_agent(3), 4)
    assert not np.array_equal(with_them, without), "the proposals must matter here"
    np.testing.assert_array_equal(run(replanning(make_agent(3, proposals), 1), 4), with_them)
    np.testing.assert_array_equal(run(replanning(make_agent(3, proposals), 2), 1), with_them[:1])


def test_a_plan_cannot_be_followed_beyond_its_end():
    with pytest.raises(
        ValueError, match="every must lie within the plan's 1 to 2 model steps, got 4"
    ):
        replanning(make_agent(2), 4)


def test_a_result_comes_back_from_its_own_folder_or_another_and_a_damaged_one_does_not(tmp_path):
    told = {"b": 1, "a": [2.5]}
    here, there = Cache(tmp_path / "a"), Cache(tmp_path / "b", [tmp_path / "a"])
    assert there.read(told) is None
    here.write(told, {"end": [1, 0]}, {"states": np.arange(3.0)})
    assert there.read({"a": [2.5], "b": 1}) == {"end": [1, 0]}
    assert there.arrays(told)["states"].tolist() == [0, 1, 2]
    assert there.read({**told, "b": 2}) is None
    (tmp_path / "a" / f"{address(told)}.json").write_text("{")
    assert there.read(told) is None
