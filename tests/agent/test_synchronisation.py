"""The planner's loop never asks a GPU for a number: the host would wait for all that was queued.

Where there is no GPU, torch's profiler is read for what would make it wait: a tensor's value as a
number, and indices of unknown count.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_planner
from latent_mpc.agent.costs.cost_to_go import CostToGoCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.planners import Planner, algorithms

B, ACTIONS, HORIZON = 3, 2, 3
WAITING = ("aten::item", "aten::_local_scalar_dense", "aten::nonzero")


def make_agent(name: str, device: torch.device) -> Agent:
    """A tiny agent with the default cost."""
    torch.manual_seed(0)
    config = JepaConfig(embedding=8, latent=4, hidden=16)
    model = Jepa(config, {"state": (3,)}, ACTIONS).eval().requires_grad_(False).to(device)
    learned = CostToGo(4, CostToGoConfig(hidden=16, metric=4)).requires_grad_(False).to(device)
    planner = make_planner(
        name, actions=ACTIONS, horizon=HORIZON, action_repeat=1, device=device, samples=16
    )
    return Agent(Networks(model, learned), planner, CostToGoCost())


def with_iterations(planner: Planner, iterations: int) -> Planner:
    """The same with another number of iterations."""
    algorithm = replace(planner.algorithm, iterations=iterations)
    return Planner(algorithm, low=planner.low, high=planner.high, horizon=planner.horizon)


def prepared(name: str, device: torch.device, iterations: int):
    """A decision, ready to be searched for; what is made once has been made."""
    agent = make_agent(name, device)
    planner = with_iterations(agent.planner, iterations)
    memory = agent.model.memory(B)
    cost = agent.plan_cost(memory, torch.ones(B, 4, device=device))
    rest = torch.zeros(B, 1, HORIZON, ACTIONS, device=device)
    warm = planner.plan(cost, planner.init(B, 0), proposals=rest).warm.shift(1)
    return lambda: planner.plan(cost, warm, proposals=rest)


def waits(name: str, iterations: int) -> Counter[str]:
    """What a decision calls that would make a GPU wait, on the CPU."""
    decide = prepared(name, torch.device("cpu"), iterations)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        decide()
    called = Counter(event.name for event in profiler.events())
    assert called["aten::topk"] or called["aten::min"]  # it has seen the loop
    return Counter({key: called[key] for key in WAITING if called[key]})


@pytest.mark.parametrize("name", sorted(algorithms()))
def test_no_iteration_asks_for_a_number(name: str) -> None:
    assert waits(name, 2) == waits(name, 5) == Counter()


def synchronisations(name: str, iterations: int) -> int:
    """How often a decision makes the host wait for the GPU."""
    decide = prepared(name, torch.device("cuda"), iterations)
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            decide()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in seen)


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(algorithms()))
def test_no_iteration_makes_the_host_wait_for_the_gpu(name: str) -> None:
    # its random numbers come from the CPU in one piece: one copy a decision, whatever the iterations
    assert synchronisations(name, 2) == synchronisations(name, 5) <= 1
