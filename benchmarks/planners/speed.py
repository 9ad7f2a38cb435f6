"""Times: bare rollouts, our planners and the peers' on one model, the floor that matrix products
set; deadlines; whole decisions.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.planners import shipped
from benchmarks.planners.ours import Contender, Ours
from benchmarks.planners.peers import PytorchMPPI, StableWorldModel, TorchRL, missing
from benchmarks.planners.problems import Network, RolloutCost
from benchmarks.planners.store import Job
from latent_mpc.planners import Budget, Planner

SAMPLES, ITERATIONS, ELITES = 512, 6, 64
BATCHES = (1, 32, 100)
REPEATS = {1: 30, 32: 4, 100: 2}
MODELS = ("network", "shipped")
DEADLINE = 0.020  # [s]


def times(quick: bool) -> list[Job]:
    """Milliseconds of one decision of B problems, median and least: the floor, bare rollouts,
    planners.
    """
    network, jobs = Network(), []
    for B in (1, 2) if quick else BATCHES:
        repeats = 1 if quick else REPEATS[B]
        for name, make in (
            bare(network, B) | {name: planning(c, B) for name, c in contenders(network).items()}
        ).items():
            jobs.append(Job(("time", str(B), name), partial(milliseconds, make, repeats)))
    return jobs


def bare(network: Network, B: int) -> dict[str, Callable[[], Callable[[], object]]]:
    """What no planner can be faster than: the matrix products alone, and the rollouts alone with
    the chunks that planners get.
    """
    return {
        "GEMM floor": lambda: partial(floor, network, B),
        "bare rollouts": lambda: rollouts(network, B),
    }


def floor(network: Network, B: int) -> None:
    """The three products of a step, for as many rows at a time as the rollouts take, for every step
    and iteration.
    """
    rows = min(B * SAMPLES, RolloutCost.rows)
    inputs = [torch.ones(rows, w.shape[1]) for w in network.weights]
    outputs = [torch.empty(rows, w.shape[0]) for w in network.weights]
    for _ in range(ITERATIONS * network.horizon * -(-B * SAMPLES // rows)):
        for x, w, out in zip(inputs, network.weights, outputs, strict=True):
            torch.mm(x, w.T, out=out)


def rollouts(network: Network, B: int) -> Callable[[], object]:
    cost = RolloutCost(network, network.starts(B, 0))
    plans = torch.rand(B, SAMPLES, network.horizon, network.actions) * 2 - 1
    return lambda: [cost(plans) for _ in range(ITERATIONS)]


def contenders(network: Network) -> dict[str, Contender]:
    """Every planner with the same candidates, iterations and elites."""
    split, n = (SAMPLES, ITERATIONS), SAMPLES * ITERATIONS
    size = {"samples": SAMPLES, "iterations": ITERATIONS}
    found: dict[str, Contender] = {
        "cem": Ours(network, "cem", n, {**size, "elites": ELITES}),
        "mppi": Ours(network, "mppi", n, size),
        "predictive_sampling": Ours(network, "predictive_sampling", n, size),
    }
    if missing():
        return found
    swm = {
        f"swm {kind}": StableWorldModel(network, kind, split, together=1)
        for kind in ("cem", "icem", "mppi")
    }
    rl = {f"torchrl {kind}": TorchRL(network, kind, split) for kind in ("cem", "mppi")}
    return (
        found
        | swm
        | {"swm cem, one batch": StableWorldModel(network, "cem", split)}
        | rl
        | {"pytorch-mppi": PytorchMPPI(network, split)}
    )


def planning(contender: Contender, B: int) -> Callable[[], Callable[[], object]]:
    def make() -> Callable[[], object]:
        network = Network()
        contender.reset(B, 0)
        cost = RolloutCost(network, network.starts(B, 0))
        return lambda: contender.act(cost)

    return make


def ratios(quick: bool) -> list[Job]:
    """Our default planner beside bare rollouts in turns, so that a busy machine slows both."""
    batches = (1,) if quick else BATCHES
    return [
        Job(("ratio", model, str(B)), partial(over_rollouts, model, B, 1 if quick else REPEATS[B]))
        for model in MODELS
        for B in batches
    ]


def over_rollouts(model: str, B: int, repeats: int) -> dict[str, float]:
    """N = 512, H = 16: a decision, and the cost called as often on plans that are there already;
    medians [ms].
    """
    planner, cost = at_size(model, B)
    warm, plans = planner.init(B, 0), torch.rand(B, SAMPLES, 16, len(planner.low)) * 2 - 1
    calls = (lambda: planner.plan(cost, warm), lambda: [cost(plans) for _ in range(ITERATIONS)])
    with torch.no_grad():
        # the first one loads what is loaded once
        pairs = [[1e3 * once(call) for call in calls] for _ in range(repeats + 1)][1:]
    plan, rolled = (statistics.median(each) for each in zip(*pairs, strict=True))
    return {"plan": plan, "rollouts": rolled}


def at_size(model: str, B: int) -> tuple[Planner, Any]:
    """`cem` with 512 candidates, and the cost of B problems: the shipped agent's own, or the
    network's.
    """
    size = {"samples": SAMPLES, "iterations": ITERATIONS, "elites": ELITES}
    if model == "shipped":
        return shipped.planner("cem", 16, **size), shipped.costs(B)
    network = Network()
    return Ours(network, "cem", SAMPLES * ITERATIONS, size).planner, RolloutCost(
        network, network.starts(B, 0)
    )


def deadlines(quick: bool) -> list[Job]:
    """How far a budget in seconds is overshot, and how long an iteration is."""
    return [
        Job(("deadline", name), partial(overshoot, name, 20 if quick else 500)) for name in MODELS
    ]


def overshoot(name: str, decisions: int) -> dict[str, float]:
    """Of a deadline of 20 ms at B = 1, with the default planner [ms]: on the shipped model, or with
    512 candidates on the network.
    """
    planner, cost = (
        (shipped.planner("cem", 3), shipped.costs(1)) if name == "shipped" else at_size(name, 1)
    )
    warm, over, each = planner.init(1, 0), [], []
    for _ in range(decisions + 5):
        begin = time.perf_counter()
        plan = planner.plan(cost, warm, budget=Budget(seconds=DEADLINE))
        spent = time.perf_counter() - begin
        warm = plan.warm.shift(1)
        over.append(1e3 * (spent - DEADLINE))
        each.append(1e3 * spent / plan.info["best"].shape[1])
    return {
        "p99": quantile(over[5:], 0.99),
        "median": statistics.median(over[5:]),
        "iteration": statistics.median(each[5:]),
    }


def decisions(quick: bool) -> list[Job]:
    """Whole decisions of the shipped Reacher: pixels in, action out."""
    return [Job(("decision", "reacher-pixels"), partial(shipped.decision, 1 if quick else 10))]


def milliseconds(make: Callable[[], Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median and least of some calls after a first one [ms]."""
    call = make()
    with torch.no_grad():
        spent = [1e3 * once(call) for _ in range(repeats + 1)][1:]
    return {"median": statistics.median(spent), "least": min(spent)}


def once(call: Callable[[], object]) -> float:
    """Wall time of a call [s]."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def quantile(values: list[float], q: float) -> float:
    return float(torch.tensor(values).quantile(q))
