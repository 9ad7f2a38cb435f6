"""The problems against hand arithmetic, the figures from a small json, and measurements that are
made once.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
import torch

from benchmarks.planners.figures import figures
from benchmarks.planners.ours import Ours, enlarged
from benchmarks.planners.problems import DoubleIntegrator, Pendulum, RolloutCost
from benchmarks.planners.quality import closed_loop, enough
from benchmarks.planners.report import markdown
from benchmarks.planners.store import Job, Store
from benchmarks.planners.textbook import Textbook
from latent_mpc.planners import algorithms


def test_one_step_of_the_pendulum_is_what_the_equations_say() -> None:
    state = Pendulum().step(torch.tensor([math.pi / 2, 1.0]), torch.tensor([0.5]))
    # gravity at a right angle, a torque of 1 N m
    velocity = 1.0 + 0.05 * (1.5 * 10 * 1.0 + 3 * 1.0)
    torch.testing.assert_close(state, torch.tensor([math.pi / 2 + 0.05 * velocity, velocity]))


def test_the_pendulum_costs_nothing_upright_however_often_it_has_turned() -> None:
    cost = Pendulum().cost(
        torch.tensor([[0.0, 0.0], [4 * math.pi, 0.0], [3 * math.pi, 0.0]]), torch.zeros(3, 1)
    )
    torch.testing.assert_close(cost, torch.tensor([0.0, 0.0, math.pi**2]), atol=1e-5, rtol=1e-5)


def test_actions_beyond_the_bounds_do_what_the_bound_does_and_cost_no_more() -> None:
    for problem in (Pendulum(), DoubleIntegrator()):
        state = problem.starts(3, seed=0)
        wide, bound = torch.full((3, problem.actions), 7.0), torch.ones(3, problem.actions)
        assert torch.equal(problem.step(state, wide), problem.step(state, bound))
        assert torch.equal(problem.cost(state, wide), problem.cost(state, bound))


def test_one_step_of_the_double_integrator_is_what_the_equations_say() -> None:
    action = torch.tensor([-1.0, 0, 0, 0, 0, 0.5])
    state = DoubleIntegrator().step(torch.tensor([2.0, 0, 0, 0, 0, 0] + 6 * [0.0]), action)
    torch.testing.assert_close(
        state, torch.tensor([1.99, 0, 0, 0, 0, 0.005, -0.1, 0, 0, 0, 0, 0.05])
    )
    # 0.2 m from the centre of a ball of 0.6 m
    inside = torch.tensor([0.9, 0.2, 0, 0, 0, 0] + 6 * [0.0])
    assert DoubleIntegrator().cost(inside, torch.zeros(6)) == pytest.approx(0.81 + 0.04 + 50 * 0.4)


def test_a_plan_costs_the_sum_of_its_steps_whatever_is_rolled_out_together() -> None:
    problem = Pendulum()
    states, plans = problem.starts(5, seed=0), torch.rand(5, 3, 4, 1) * 2 - 1
    cost = RolloutCost(problem, states)
    cost.rows = 6  # two problems at a time
    found = cost(plans)
    for i in range(5):
        for j in range(3):
            state, total = states[i], torch.zeros(())
            for action in plans[i, j]:
                state = problem.step(state, action)
                total = total + problem.cost(state, action)
            torch.testing.assert_close(found[i, j], total)
    assert cost.evaluations == 3


@pytest.mark.parametrize(
    "name", ["cem", "icem", "mppi", "predictive_sampling", "gradient", "hybrid", "random"]
)
def test_a_contender_spends_the_evaluations_that_its_column_says(name: str) -> None:
    problem = DoubleIntegrator()
    contender = Ours(problem, name, 120)
    contender.reset(2, seed=0)
    cost = RolloutCost(problem, problem.starts(2, seed=0))
    contender.act(cost)
    assert cost.evaluations == 120


def test_a_larger_budget_goes_into_candidates_and_leaves_the_iterations() -> None:
    assert enlarged(algorithms()["mppi"](), 3000).samples == 500  # 6 iterations
    assert enlarged(algorithms()["mppi"](), 40).samples == algorithms()["mppi"]().samples


def test_an_episode_costs_what_its_states_cost_and_each_seed_counts() -> None:
    problem = Pendulum()
    problem.steps = 2
    costs, evaluations = closed_loop(
        problem, Textbook(problem, 40), problem.starts(3, seed=0), seeds=2
    )
    assert costs.shape == (2, 3) and evaluations == 40
    least = 2 * (math.pi - 1.2) ** 2  # hanging within 1 rad, two steps cannot turn it far
    assert bool((costs > least).all()) and not torch.equal(costs[0], costs[1])


def test_the_yardstick_finds_the_least_of_a_parabola() -> None:
    class Parabola(DoubleIntegrator):
        def step(self, state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
            return state

        def cost(self, state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
            return (action - 0.3).square().sum(-1)

    problem = Parabola()
    problem.horizon = 2  # in more dimensions the textbook is slow
    contender, cost = Textbook(problem, 900), RolloutCost(problem, problem.starts(2, seed=0))
    contender.reset(2, seed=0)
    for _ in range(10):  # warm
        actions = contender.act(cost)
    torch.testing.assert_close(actions, torch.full((2, 6), 0.3), atol=0.05, rtol=0)


def test_a_budget_is_enough_if_no_larger_one_is_worse_than_the_reference() -> None:
    cells = {
        "300": {"mean": 9.0, "starts": [8.0, 10.0]},
        "40": {"mean": 12.0, "starts": [12.0, 12.0]},
        "120": {"mean": 10.0, "starts": [9.0, 11.0]},
    }
    found = enough(cells, {"mean": 10.5, "starts": [10.0, 11.0]})
    assert found == {"evaluations": 120, "difference": -0.5, "se": pytest.approx(0.5)}
    assert (
        enough(
            {**cells, "60": {"mean": 9.9, "starts": []}, "80": {"mean": 11.0, "starts": []}},
            {"mean": 10.5, "starts": [10.0, 11.0]},
        )
        == found
    )
    assert enough(cells, {"mean": 8.0, "starts": [8.0, 8.0]}) is None


def toy() -> dict:
    rate = {"rate": 0.98, "low": 0.9, "high": 1.0}
    quality = {"cem": {"150": {"mean": 5.0, "se": 0.1, "starts": [5.0, 5.0]}}}
    quality["textbook CEM, warm"] = {"900": {"mean": 5.0, "se": 0.1, "starts": [5.0, 5.0]}}
    return {
        "settings": {"cpu": "a CPU", "cores": 2, "threads": 2, "torch": "2.13"},
        "quality": {"pendulum": quality},
        "reacher": {
            "as shipped": {
                "default": {"success_end": rate, "decision_ms": 20.0, "evaluations": 384}
            },
            "swm CEM 300 x 30, its default": {
                "9000": {"success_end": rate, "decision_ms": 190.0, "evaluations": 9000}
            },
        },
        "ratio": {
            "network": {
                "1": {"plan": 11.0, "rollouts": 10.0},
                "32": {"plan": 12.0, "rollouts": 10.0},
            }
        },
        "deadline": {"shipped": {"p99": 1.0, "median": 0.5, "iteration": 2.0}},
        "rollouts": {"eager fp32": 10.0, "bf16": 4.0},
    }


def test_figures_are_computed_from_the_measurements() -> None:
    found = {figure.name.split(":")[0]: figure for figure in figures(toy())}
    assert found["pendulum"].met is True and found["pendulum"].measured.startswith("150")
    assert (
        found["double integrator"].met is None
        and found["double integrator"].measured == "not measured"
    )
    peer = found["Reacher as shipped against swm CEM 300 x 30, its default"]
    # less than ten times faster
    assert peer.measured == "98% and 98%, 23.4x, 9.5x" and peer.met is False
    ratio = found[
        "planner over bare rollouts, N = 512, H = 16, 6 iterations, network; B = 1, 32, 100"
    ]
    assert ratio.measured == "1.10, 1.20" and ratio.met is False  # the worst batch decides
    assert found["deadline of 20 ms, shipped"].met is True
    assert found["rollouts in the fastest mode against eager fp32"].measured == "2.50x (bf16)"


def test_the_page_has_a_line_for_every_figure_and_names_the_machine() -> None:
    page = markdown(toy())
    assert "Machine: a CPU, 2 cores, 2 threads, torch 2.13." in page
    for figure in figures(toy()):
        assert f"| {figure.name} | {figure.asked} | {figure.measured} |" in page


def test_a_measurement_is_made_once_and_survives_the_process(tmp_path: Path) -> None:
    made: list[str] = []
    job = Job(("time", "1", "cem"), partial(_note, made, "cem"))
    path = tmp_path / "runs" / "x.json"
    Store(path, {"threads": 1}).run([job], "time")
    again = Store(path, {"threads": 1})
    again.run([job], "time")
    assert made == ["cem"] and again.get("time", "1", "cem") == [1, 2.5]
    Store(path, {"threads": 1}, forget=["time"]).run([job], "time")
    assert made == ["cem", "cem"]


def test_measurements_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    Store(path, {"threads": 1}).put(1.0, "time")
    with pytest.raises(ValueError, match=r"other settings \(threads\): time; --fresh begins anew"):
        Store(path, {"threads": 2})


def _note(made: list[str], name: str) -> list[float]:
    made.append(name)
    return [1, 2.5]
