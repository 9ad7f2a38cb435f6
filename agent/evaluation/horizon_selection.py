"""Choose the planning horizon by validation: long plans see past thin walls and brake in time, but
a model's errors add up along them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from latent_mpc.agent.build import Parts, make_agent
from latent_mpc.agent.evaluation.episodes import Outcome, play
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.envs.task import Task

# Plan lengths to choose from [model steps]: noisy models stop best with 3, thin walls of mazes need
# 5 to 8 (docs/log.md).
HORIZONS = (3, 5, 8)


def play_lengths(
    parts: Parts, task: Task, pairs: Pairs, seed: int, horizons: Iterable[int] = HORIZONS
) -> dict[int, Outcome]:
    """What the agent does on the pairs with plans of each length, the shortest first. Once all
    pairs are reached, longer plans are tried for as long as they are better. Leaves the planner's
    horizon in `parts` at the best.

    Args:
        seed: of the planner's random numbers.
    """
    planner, episodes = parts.config["planner"], dict[int, Outcome]()
    for horizon in horizons:
        planner["horizon"] = horizon
        message = f"evaluating {task.name}, plans of {horizon}"
        episodes[horizon] = play(
            make_agent(parts, seed=seed), task, pairs.pairs, pairs.steps, progress=message
        )
        best = best_length(episodes)
        if best != horizon and episodes[best].end.all():
            break
    planner["horizon"] = best_length(episodes)
    return episodes


def play_costs(
    parts: Parts,
    task: Task,
    pairs: Pairs,
    seed: int,
    horizons: Iterable[int],
    costs: Sequence[Mapping[str, Any]],
) -> dict[str, dict[int, Outcome]]:
    """What the agent does with each cost, by name and length, until one is there from beginning to
    end. Leaves the best cost and its best length in `parts`.
    """
    played, chosen = dict[str, dict[int, Outcome]](), dict[str, int]()
    for cost in costs:
        parts.config["cost"] = dict(cost)
        played[cost["name"]] = play_lengths(parts, task, pairs, seed, horizons)
        chosen[cost["name"]] = parts.config["planner"]["horizon"]
        if played[cost["name"]][chosen[cost["name"]]].end.all():
            break
    best = max(played, key=lambda name: _merit(played[name][chosen[name]]))
    parts.config["cost"] = next(dict(cost) for cost in costs if cost["name"] == best)
    parts.config["planner"]["horizon"] = chosen[best]
    return played


def best_length(episodes: dict[int, Outcome]) -> int:
    """The length that is at the goal most often at the end, then most of the time, to the percent;
    the first of equals.
    """
    return max(episodes, key=lambda horizon: _merit(episodes[horizon]))


def _merit(outcome: Outcome) -> tuple[float, float]:
    return float(outcome.end.mean()), round(outcome.time_at_goal, 2)
