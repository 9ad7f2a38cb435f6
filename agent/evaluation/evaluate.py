"""How often goals are reached: floors on the very same pairs, intervals, time per decision.

Shapes: B episodes, T control steps, A action.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.devices import machine
from latent_mpc.agent.evaluation.cost_to_go_ranking import how_far, rank_correlation
from latent_mpc.agent.evaluation.episodes import (
    Decider,
    Floor,
    Holder,
    Observe,
    Outcome,
    begin,
    outcomes,
    physics,
    play,
)
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.agent.evaluation.results import command, versions
from latent_mpc.agent.evaluation.statistics import rate, thirds
from latent_mpc.configs.schema import PairsConfig
from latent_mpc.envs.task import Pair, Task

TIMED = 30  # decisions timed at B = 1


def evaluate(
    agent: Agent,
    task: Task,
    pairs: Pairs,
    *,
    progress: str = "",
    outcome: Outcome | None = None,
    ends: Mapping[str, np.ndarray] | None = None,
) -> tuple[dict[str, Any], Outcome]:
    """Success, floors, distances and times as `results.json` holds them, and what the agent did.

    Args:
        outcome: what it did, where that is known; else all pairs are played in one batch.
        ends: `floor_ends`, where they are known.
    """
    outcome = outcome or play(agent, task, pairs.pairs, pairs.steps, progress)
    far, measure = how_far(task, pairs.pairs)
    by_third = thirds(outcome.end, far)
    result = {
        "episodes": len(pairs.pairs),
        "success_end": rate(outcome.end),
        "success_any": rate(outcome.any),
        "time_at_goal": outcome.time_at_goal,
        "outcomes": {"pairs": fingerprint(pairs), **outcomes(outcome)},
        "thirds": by_third and {**measure, **by_third},
        "cost_to_go": rank_correlation(agent, task, pairs.pairs),
        "floors": floors(task, pairs, ends),
        "distance_end": {"median": float(np.median(outcome.distance[-1])), "unit": task.unit},
        "plan_ms": milliseconds(time_decisions(agent, task, pairs.pairs)),
        "plan_ms_batch": {
            **milliseconds(outcome.decision_s[:: agent.action_repeat]),
            "batch": outcome.batch,
        },
        "pairs": {"drawn": pairs.drawn, "rejected": pairs.rejected},
        "missed": missed(task, pairs, outcome),
        "lost": lost(task, outcome),
        "constraints": violations(agent, task, outcome),
    }
    return result, outcome


def floors(
    task: Task, pairs: Pairs, ends: Mapping[str, np.ndarray] | None = None
) -> dict[str, dict[str, float]]:
    """Rates of `floor_ends` on these pairs, which are worked out where they are not known."""
    return {name: rate(end) for name, end in (ends or floor_ends(task, pairs)).items()}


def floor_ends(task: Task, pairs: Pairs, first: int = 0) -> dict[str, np.ndarray]:
    """Success at the end (bool `[B]`) of policies that learn nothing: random, standing still and,
    where the task knows it, the command that holds the goal.

    Args:
        first: number of the first pair, on which its random actions depend.
    """
    blind = task if task.obs_keys == ("state",) else task.without_pixels()
    policies = {
        "random": Floor(task.action_width, 0, first),
        "stay": Floor(task.action_width, None),
    }
    ends = {
        name: play(policy, blind, pairs.pairs, pairs.steps).end for name, policy in policies.items()
    }
    if pairs.pairs and blind.holding(pairs.pairs[0].goal) is not None:
        ends["hold"] = play(Holder(blind), blind, pairs.pairs, pairs.steps, observe=physics).end
    return ends


def missed(task: Task, pairs: Pairs, outcome: Outcome) -> dict[str, dict[str, float]]:
    """Of each thing that has to come to the goal: its median distance at the end [tolerances], and
    the share of episodes it was outside in. The worst first; none of a task with one distance.
    """
    each = [
        task.distances(state, pair.goal)
        for state, pair in zip(outcome.states[-1], pairs.pairs, strict=True)
    ]
    values = {name: np.array([one[name] for one in each]) for name in each[0]}
    rows = {
        name: {"median": float(np.median(far)), "outside": float((far > 1).mean())}
        for name, far in values.items()
    }
    return dict(sorted(rows.items(), key=lambda row: -row[1]["outside"]))


def lost(task: Task, outcome: Outcome) -> float | None:
    """Share of episodes that ended where no action leads back from, such as a cup that fell from
    its table; None where there is no such place.
    """
    ends = task.lost(outcome.states[-1])
    return None if ends is None else float(ends.mean())


def violations(agent: Agent, task: Task, outcome: Outcome) -> dict[str, Any] | None:
    """What became of the constraints, all shares in [0, 1]: of decisions whose plan was imagined to
    violate one, or that found nothing feasible; and of states and episodes that violated each in
    truth. None without constraints.
    """
    if not agent.cost.constraints:
        return None
    decided: dict[str, Any] = {
        "infeasible": float(np.mean(outcome.infeasible)),
        "fell_back": float(np.mean(outcome.fell_back)),
    }
    places = task.tracked_point(outcome.states[1:].reshape(-1, outcome.states.shape[-1])).reshape(
        *outcome.states[1:].shape[:2], 3
    )
    for text, constraint in zip(agent.cost.constraints, agent.cost.made_constraints(), strict=True):
        if (violated := constraint.violated(places)) is not None:
            decided[text] = {
                "states": float(violated.mean()),
                "episodes": float(violated.any(axis=0).mean()),
            }
    return decided


def fingerprint(pairs: Pairs) -> str:
    """16 hexadecimal digits; others as soon as any start or goal, their number or the episode's
    length are others.
    """
    digest = hashlib.sha256(str(pairs.steps).encode())
    for pair in pairs.pairs:
        digest.update(pair.start.tobytes() + pair.goal.tobytes())
    return digest.hexdigest()[:16]


def time_decisions(
    agent: Decider, task: Task, pairs: list[Pair], observe: Observe | None = None
) -> list[float]:
    """Seconds of whole decisions at B = 1, encoding included; one episode, its first decisions left
    out as warm-up.
    """
    stream = begin(agent, task, pairs[:1], (TIMED + 3) * agent.action_repeat, observe)
    return [step.seconds for step in stream if step.number % agent.action_repeat == 0][3:]


def milliseconds(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile [ms]."""
    return {
        "median": float(np.median(seconds)) * 1e3,
        "p95": float(np.percentile(seconds, 95)) * 1e3,
    }


def origin(config: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint came from."""
    return {"data": config["data"]["fingerprint"], "seed": config["seed"]}


def measure(
    agent: Agent,
    task: Task,
    pairs: Pairs,
    config: PairsConfig,
    planner: dict[str, Any],
    cost: dict[str, Any],
    oracle: Callable[[Pairs], dict[str, Any]] | None = None,
    outcome: Outcome | None = None,
    ends: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """`results.json` of an agent, its checkpoint aside; with what the oracle reaches on the same
    pairs, if there is one.

    Args:
        pairs: those that `config` asks for.
        outcome, ends: what the agent and the floors did on these pairs, where it is known.
    """
    label = f"evaluating {task.name}"
    result, _ = evaluate(agent, task, pairs, progress=label, outcome=outcome, ends=ends)
    result["pairs"] = {"kind": config.kind, "seed": config.seed, **result["pairs"]}
    return {
        "task": task.name,
        "obs": "+".join(agent.model.shapes),
        "planner": planner["name"],
        "cost": cost["name"],
        "horizon": planner["horizon"],
        "horizon_seconds": planner["horizon"] * agent.action_repeat * task.control_period,
        **result,
        "oracle": oracle(pairs) if oracle else None,
        "settings": {
            "planner": planner,
            "cost": cost,
            "planner_seed": agent.seed,
            "rollouts": agent.search_report,
        },
        "command": command(),
        "versions": versions(),
        "machine": machine(agent.device),
    }
