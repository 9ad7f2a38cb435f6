"""Choose the planning horizon, and the cost, by validation: long plans see past thin walls and
brake in time, but a model's errors add up along them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def best_length(episodes: dict[int, Outcome]) -> int:
    """The length that is at the goal most often at the end, then most of the time, to the percent;
    the first of equals.
    """
    return max(episodes, key=lambda horizon: _success(episodes[horizon]))


def best_cost(played: Mapping[str, dict[int, Outcome]]) -> tuple[str, int]:
    """The cost, and its length, that is at the goal most often, as `best_length` has it."""
    lengths = {name: best_length(episodes) for name, episodes in played.items()}
    name = max(lengths, key=lambda name: _success(played[name][lengths[name]]))
    return name, lengths[name]


def _success(one: Outcome) -> tuple[float, float]:
    return float(one.end.mean()), round(one.time_at_goal, 2)
