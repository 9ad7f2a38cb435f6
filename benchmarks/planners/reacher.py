"""The shipped Reacher with planners of ours at several budgets, and with the peer's default: 300 x
30 cold candidates, five steps ahead.

The same pairs, model, cost and closed loop (`agent/evaluation/evaluate.py`) for all. The peer
executes all five steps before it plans again, as it ships; "every step" is the same solver asked at
every step, which is dearer and better.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.planners import shipped
from benchmarks.planners.ours import enlarged
from benchmarks.planners.peers import missing, swm_configure, swm_solve, swm_solver
from benchmarks.planners.store import Job
from latent_mpc.agent.agent import Agent, FlatDecision
from latent_mpc.agent.evaluation.episodes import play
from latent_mpc.agent.evaluation.evaluate import rate, time_decisions
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.planners import Budget, Plan, Planner, Warm, algorithms

PLANNERS = ("cem", "icem", "mppi", "predictive_sampling", "gradient", "hybrid")
BUDGETS = (96, 384, 900)
DEFAULT = "as shipped"
PEER, PEER_EVERY = "swm CEM 300 x 30, its default", "swm CEM 300 x 30, every step"
SAMPLES, ITERATIONS, HORIZON = 300, 30, 5  # stable-worldmodel's CEM for Le-WM


def jobs(quick: bool, seed: int) -> list[Job]:
    """The agent as it ships and the peer as it ships first, then every planner at every budget,
    then the peer at every step.
    """
    count, budgets = (4, BUDGETS[:1]) if quick else (50, BUDGETS)
    measured = partial(measure, count=count, seed=seed)
    out = [Job(("reacher", DEFAULT, "default"), partial(measured, shipped.agent))]
    n, size = str(SAMPLES * ITERATIONS), (30, 3) if quick else (SAMPLES, ITERATIONS)
    peers = (
        []
        if missing()
        else [Job(("reacher", PEER, n), partial(measured, partial(peer, HORIZON, size)))]
    )
    peers += (
        []
        if missing()
        else [Job(("reacher", PEER_EVERY, n), partial(measured, partial(peer, 1, size)))]
    )
    out += peers[:1]
    for evaluations in budgets:
        out += [
            Job(
                ("reacher", name, str(evaluations)),
                partial(measured, partial(ours, name, evaluations)),
            )
            for name in PLANNERS
        ]
    return [*out, *peers[1:]]


def ours(name: str, evaluations: int) -> Agent:
    """The shipped agent with another planner and this many evaluations per decision; `cem` with the
    fields it ships with.
    """
    agent = shipped.agent()
    old = agent.planner
    algorithm = (
        old.algorithm
        if name == "cem"
        else enlarged(algorithms()[name](block=agent.action_repeat), evaluations)
    )
    budgeted = shipped.Budgeted(algorithm, low=old.low, high=old.high, horizon=old.horizon)
    budgeted.evaluations = evaluations
    return agent.deciding(FlatDecision(budgeted, agent.plan_cost))


def peer(every: int, size: tuple[int, int]) -> Agent:
    """The shipped agent with stable-worldmodel's solver as its planner."""
    agent = shipped.agent()
    old = agent.planner
    planner = Peer(old.algorithm, low=old.low, high=old.high, horizon=HORIZON)
    planner.every, planner.size = every, size
    return agent.deciding(FlatDecision(planner, agent.plan_cost))


class Peer(Planner):
    """stable-worldmodel's CEM where the agent expects a planner. It plans cold, every so many
    steps, and is obeyed in between.

    Its candidates know no bounds; they are clipped before the model sees them, which is to its
    advantage.
    """

    every: int
    size: tuple[int, int]

    def init(self, B: int, seed: int) -> Warm:
        self.solver = swm_solver("cem", *self.size, std=1.0, together=B, seed=seed)
        swm_configure(self.solver, B=B, actions=len(self.low), horizon=self.horizon)
        self.step = 0
        return super().init(B, seed)

    def plan(
        self,
        cost: Any,
        warm: Warm,
        *,
        proposals: Tensor | None = None,
        budget: Budget | None = None,
    ) -> Plan:
        if self.step % self.every == 0:
            actions = swm_solve(
                self.solver,
                lambda _, candidates: cost(self._clip(candidates)),
                len(warm.mean),
                None,
            )
            self.actions = self._clip(actions)
        else:
            self.actions = self.actions.roll(-1, 1)
        self.step += 1
        return Plan(self.actions, torch.full((len(warm.mean),), torch.nan), warm, {})


def measure(make: Any, *, count: int, seed: int) -> dict[str, Any]:
    """Success at the end on the pairs, and the time of one decision at B = 1 [ms], steps that only
    go on with a plan left out.
    """
    task, agent = shipped.task(), make()
    drawn = draw_pairs(task, count, seed)
    played = play(agent, task, drawn.pairs, drawn.steps)
    spent = 1e3 * np.array(time_decisions(agent, task, drawn.pairs))
    every = getattr(agent.planner, "every", 1)
    first = -3 % every  # its first three decisions are left out of the times
    return {
        "success_end": rate(played.end),
        "success_any": rate(played.any),
        "decision_ms": statistics.median(spent[first::every].tolist()),
        "evaluations": evaluations(agent),
    }


def evaluations(agent: Agent) -> int:
    """What one decision spends."""
    planner = agent.planner
    if isinstance(planner, Peer):
        return planner.size[0] * planner.size[1]
    if isinstance(planner, shipped.Budgeted):
        return planner.evaluations
    return sum(Budget().counts(planner.algorithm))
