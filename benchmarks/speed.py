"""Times: bare rollouts, our planners and the peers' on one model, the floor that matrix products set; deadlines; whole decisions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from benchmarks import shipped
from benchmarks.ours import Contender, Ours
from benchmarks.peers import PytorchMPPI, StableWorldModel, TorchRL, missing
from benchmarks.problems import Network, RolloutCost
from benchmarks.store import Job

SAMPLES, ITERATIONS, ELITES = 512, 6, 64
BATCHES = (1, 32, 100)
REPEATS = {1: 30, 32: 5, 100: 3}
DEADLINE = 0.020  # [s]


def times(quick: bool) -> list[Job]:
    """Milliseconds of one decision of B problems, median and least: the floor, bare rollouts, planners."""
    network, jobs = Network(), []
    for B in BATCHES[:2] if quick else BATCHES:
        repeats = 1 if quick else REPEATS[B]
        for name, make in (bare(network, B) | {name: planning(c, B) for name, c in contenders(network).items()}).items():
            jobs.append(Job(("time", str(B), name), partial(milliseconds, make, repeats)))
        jobs.append(Job(("time", str(B), "shipped"), partial(over_rollouts, B, repeats)))
    return jobs


def bare(network: Network, B: int) -> dict[str, Callable[[], Callable[[], object]]]:
    """What no planner can be faster than: the matrix products alone, and the rollouts alone with the chunks that planners get."""
    return {"GEMM floor": lambda: partial(floor, network, B), "bare rollouts": lambda: rollouts(network, B)}


def floor(network: Network, B: int) -> None:
    """The three products of a step, for as many rows at a time as the rollouts take, for every step and iteration."""
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
    swm = {f"swm {kind}": StableWorldModel(network, kind, split, together=1) for kind in ("cem", "icem", "mppi")}
    rl = {f"torchrl {kind}": TorchRL(network, kind, split) for kind in ("cem", "mppi")}
    return (
        found | swm | {"swm cem, one batch": StableWorldModel(network, "cem", split)} | rl | {"pytorch-mppi": PytorchMPPI(network, split)}
    )


def planning(contender: Contender, B: int) -> Callable[[], Callable[[], object]]:
    def make() -> Callable[[], object]:
        network = Network()
        contender.reset(B, 0)
        cost = RolloutCost(network, network.starts(B, 0))
        return lambda: contender.act(cost)

    return make


def over_rollouts(B: int, repeats: int) -> dict[str, float]:
    """The default planner at N = 512, H = 16 on the shipped model, against its cost called as often on plans that are there already."""
    cost, actions = shipped.costs(B), torch.rand(B, SAMPLES, 16, 2) * 2 - 1
    planner = shipped.planner("cem", 16, samples=SAMPLES, iterations=ITERATIONS, elites=ELITES)
    warm = planner.init(B, 0)
    with torch.no_grad():
        pair = [
            (once(lambda: planner.plan(cost, warm)), once(lambda: [cost(actions) for _ in range(ITERATIONS)])) for _ in range(repeats + 1)
        ]
    plan, rolled = (statistics.median(x) for x in zip(*pair[1:], strict=True))
    return {"plan": 1e3 * plan, "rollouts": 1e3 * rolled}


def deadlines(quick: bool) -> list[Job]:
    """How far a budget in seconds is overshot, and how long an iteration is."""
    return [Job(("deadline", name), partial(overshoot, name, 20 if quick else 500)) for name in ("shipped", "network")]


def overshoot(name: str, decisions: int) -> dict[str, float]:
    """Of a deadline of 20 ms at B = 1, with the default planner [ms]: on the shipped model, or with 512 candidates on the network."""
    from latent_mpc.planners import Budget

    if name == "shipped":
        planner, cost = shipped.planner("cem", 3), shipped.costs(1)
    else:
        problem = Network()
        planner, cost = Ours(problem, "cem", 2, {"samples": SAMPLES, "elites": ELITES}).planner, RolloutCost(problem, problem.starts(1, 0))
    warm, over, each = planner.init(1, 0), [], []
    for _ in range(decisions + 5):
        begin = time.perf_counter()
        plan = planner.plan(cost, warm, budget=Budget(seconds=DEADLINE))
        spent = time.perf_counter() - begin
        warm = plan.warm.shift(1)
        over.append(1e3 * (spent - DEADLINE))
        each.append(1e3 * spent / plan.info["best"].shape[1])
    return {"p99": quantile(over[5:], 0.99), "median": statistics.median(over[5:]), "iteration": statistics.median(each[5:])}


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
