"""Measures the episode lengths of PointMaze and Tabletop: `python -m
benchmarks.tables.episode_lengths [TASK ...]` prints the rows of `EPISODE_STEPS`.

A pair's need is the first control step from which the task's controller stays at the goal; the
length is 1.5 times the need of 95 % of pairs.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from latent_mpc.envs.mazes import MAPS
from latent_mpc.envs.pointmaze import PointMaze, follow
from latent_mpc.envs.registry import make
from latent_mpc.envs.tabletop import OBJECTS
from latent_mpc.envs.task import Task

WATCHED = 300  # control steps of one try, far above every need
NAMES = [*(f"pointmaze-{maze}" for maze in MAPS), *(f"tabletop-{name}" for name in OBJECTS)]


def steps_needed(task: Task, index: int) -> float:
    """Control steps the controller needs for pair `index` of seed 0; inf if it is not at the goal
    in the end.
    """
    pair = task.draw_pair(np.random.default_rng(np.random.SeedSequence([0, index])))
    task.restore(pair.start)
    act = task.guide(pair.goal)
    if isinstance(task, PointMaze):
        act = partial(follow, task, goal=pair.goal)
    assert act is not None
    away = 0
    for step in range(1, WATCHED + 1):
        task.apply(act(task.snapshot()))
        if not task.reached(task.snapshot(), pair.goal):
            away = step
    return away + 1 if away < WATCHED else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=NAMES, help="all of them if none is named")
    parser.add_argument("--pairs", type=int, default=200)
    asked = parser.parse_args()
    for name in asked.tasks:
        task = make(name)
        needs = np.array([steps_needed(task, i) for i in range(asked.pairs)])
        median, most = np.percentile(needs, [50, 95])
        length = int(np.ceil(1.5 * most / 10 - 1e-9) * 10)
        print(f'    "{name}": {length},  # {median:.0f} / {most:.1f} / {needs.max():.0f}')


if __name__ == "__main__":
    main()
