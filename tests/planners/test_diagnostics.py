"""What is drawn of a decision is what its info says."""

from __future__ import annotations

import io

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners.diagnostics import draw


def decision(name: str, cost=lambda a: (a - 0.3).square().sum((-2, -1))) -> planners.Plan:
    p = planners.make(name, low=-torch.ones(2), high=torch.ones(2), horizon=3, iterations=4)
    return p.plan(cost, p.init(3, seed=0))


@pytest.mark.parametrize("name", sorted(planners.algorithms()))
def test_the_lines_are_the_entries_of_info_for_every_planner(name):
    info = decision(name).info
    figure = draw(info, problem=2)
    lines = {line.get_label(): line.get_ydata() for axes in figure.axes for line in axes.lines}
    assert lines["best so far"].tolist() == info["best"][2].tolist()
    assert len(lines) == sum(x.ndim == 2 for x in info.values()) - ("temperature" in info)
    assert str(info["evaluations"][2].item()) in figure.get_suptitle()
    figure.savefig(io.BytesIO())


def test_cost_of_best_elite_and_mean_and_the_effective_sample_size_have_their_panels():
    figure = draw(decision("mppi").info)
    assert [axes.get_title() for axes in figure.axes] == [
        "cost",
        "standard deviation",
        "effective sample size",
    ]
    assert len(figure.axes[0].lines) == 3


def test_a_decision_without_anything_feasible_is_drawn_and_says_so():
    figure = draw(decision("cem", lambda a: torch.full(a.shape[:2], torch.inf)).info)
    assert figure.get_suptitle().endswith("nothing feasible")
    figure.savefig(io.BytesIO())
    violated = draw(decision("cem", lambda a: (a.sum((-2, -1)), torch.ones(*a.shape[:2], 1))).info)
    assert violated.get_suptitle().endswith("a constraint is violated")


def test_a_problem_that_there_is_not_is_refused():
    with pytest.raises(IndexError, match=r"problem must be within \[0, 2\], got 3"):
        draw(decision("cem").info, problem=3)
