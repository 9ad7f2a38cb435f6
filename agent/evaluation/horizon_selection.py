"""Choose the planning horizon, and the cost, by validation: long plans see past thin walls and
brake in time, but a model's errors add up along them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, make_agent
from latent_mpc.agent.evaluation.episodes import Outcome, play
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.envs.task import Task

# Plan lengths to choose from [model steps]: noisy models stop best with 3, thin walls of mazes need
# 5 to 8 (docs/log.md).
HORIZONS = (3, 5, 8)
# and where an object is to be pushed: the robot first has to come to its right side
PUSHING = (5, 8, 12)
# share of the pairs from which on no other cost is tried, and longer plans only while better
NEARLY_ALL = 0.95

Playing = Callable[[Agent, str], Outcome]  # (agent, label of the progress bar) -> what it does


def play_settings(
    parts: Parts,
    task: Task,
    pairs: Pairs,
    seed: int,
    costs: Sequence[dict[str, Any]],
    horizons: Sequence[int] = HORIZONS,
    playing: Playing | None = None,
) -> dict[str, dict[int, Outcome]]:
    """What the agent does on the pairs: with one cost after another and the shortest plans, until
    nearly all pairs are reached, then with the best of them, the first of equals, and longer ones.
    Leaves the best cost and horizon in `parts`.

    Args:
        playing: what plays the pairs; None = this process, in one batch.
    """
    shortest, *longer = horizons
    played: dict[str, dict[int, Outcome]] = {}
    for cost in costs:
        parts.config["cost"] = cost
        played[cost["name"]] = play_lengths(parts, task, pairs, seed, [shortest], playing=playing)
        if played[cost["name"]][shortest].end.mean() >= NEARLY_ALL:
            break
    tried = [cost for cost in costs if cost["name"] in played]
    best = max(tried, key=lambda cost: _success(played[cost["name"]][shortest]))
    parts.config["cost"], outcomes = best, played[best["name"]]
    outcomes.update(play_lengths(parts, task, pairs, seed, longer, outcomes, playing))
    return played


def play_lengths(
    parts: Parts,
    task: Task,
    pairs: Pairs,
    seed: int,
    horizons: Iterable[int] = HORIZONS,
    known: Mapping[int, Outcome] | None = None,
    playing: Playing | None = None,
) -> dict[int, Outcome]:
    """What the agent does on the pairs with plans of each length, the shortest first. Once nearly
    all pairs are reached, longer plans are tried for as long as they are better. Leaves the
    planner's horizon in `parts` at the best.

    Args:
        seed: of the planner's random numbers.
        known: what shorter plans did.
        playing: as of `play_settings`.
    """
    planner, episodes = parts.config["planner"], dict(known or {})
    for horizon in horizons:
        planner["horizon"] = horizon
        label = f"evaluating {task.name}, {parts.config['cost']['name']}, plans of {horizon}"
        agent = make_agent(parts, seed=seed)
        episodes[horizon] = (
            playing(agent, label)
            if playing
            else play(agent, task, pairs.pairs, pairs.steps, progress=label)
        )
        best = best_length(episodes)
        if best != horizon and episodes[best].end.mean() >= NEARLY_ALL:
            break
    planner["horizon"] = best_length(episodes)
    return episodes


def best_length(episodes: Mapping[int, Outcome]) -> int:
    """The length that is at the goal most often at the end, then most of the time, to the percent;
    the first of equals.
    """
    return max(episodes, key=lambda horizon: _success(episodes[horizon]))


def _success(one: Outcome) -> tuple[float, float]:
    return float(one.end.mean()), round(one.time_at_goal, 2)
