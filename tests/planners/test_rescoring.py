"""A cost with an `exact` one beside it: the search uses the first, the plan is judged by the
second.
"""

import pytest
import torch

from latent_mpc import planners

LOW, HIGH = torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 1.0])
SAMPLING = sorted(
    name for name, algorithm in planners.algorithms().items() if not algorithm.differentiates
)


def to(target: float):
    return lambda actions: (actions - target).square().sum((2, 3))


class Misled:
    """Searches towards 0.5; what counts is how near 0.3 a plan comes."""

    def __init__(self, wrong: float = 0.5):
        self.rough, self.exact = to(wrong), to(0.3)

    def __call__(self, actions):
        return self.rough(actions)


@pytest.mark.parametrize("execute", ["best", "mean"])
@pytest.mark.parametrize("name", SAMPLING)
def test_the_returned_cost_is_the_exact_one_of_the_returned_actions(name, execute):
    planner = planners.make(name, low=LOW, high=HIGH, horizon=3, execute=execute)
    plan = planner.plan(Misled(), planner.init(4, 0))
    assert torch.equal(plan.cost, to(0.3)(plan.actions[:, None])[:, 0])


@pytest.mark.parametrize("execute", ["best", "mean"])
@pytest.mark.parametrize("budget", [None, planners.Budget(seconds=0.01)])
@pytest.mark.parametrize("name", SAMPLING)
def test_a_plan_that_only_looks_better_does_not_replace_the_one_in_force(name, budget, execute):
    planner = planners.make(name, low=LOW, high=HIGH, horizon=3, execute=execute)
    warm = planner.init(4, 0)
    best = torch.full_like(warm.mean, 0.3)
    plan = planner.plan(
        Misled(wrong=-0.9), warm._replace(mean=best, known=warm.known + 3), budget=budget
    )
    assert torch.equal(plan.actions, best) and plan.cost.tolist() == [0.0] * 4


def test_of_the_kept_elites_the_exactly_best_is_returned():
    planner = planners.make("cem", low=LOW, high=HIGH, horizon=3)
    warm = planner.init(8, 0)
    plan = planner.plan(Misled(), warm)
    kept = to(0.3)(plan.warm.elites)
    assert torch.equal(
        plan.cost, torch.minimum(kept.min(1).values, to(0.3)(warm.mean[:, None])[:, 0])
    )
    assert (plan.cost < kept[:, 0]).any(), (
        "where the search's favourite is not the best of them, another one is taken"
    )


def test_evaluations_are_those_of_the_search():
    planner = planners.make("cem", low=LOW, high=HIGH, horizon=3)
    plan = planner.plan(Misled(), planner.init(2, 0), budget=planners.Budget(evaluations=100))
    assert plan.info["evaluations"].tolist() == [100, 100]
