"""Do tasks made of OGBench's environments call success what OGBench itself does? `python -m
benchmarks.robustness.ogbench` (extra `ogbench`) draws states near the border, asks both, prints a
table, and ends with 1 if they differ.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from latent_mpc.envs import registry
from latent_mpc.envs.adapters.gymnasium_task import GymnasiumTask

NAMES = (
    "pointmaze-medium-v0",
    "antmaze-medium-v0",
    "antsoccer-arena-v0",
    "cube-single-v0",
    "cube-double-v0",
)
STATES = 30
SPREAD = 0.7  # of the states round the goal [tolerances]: about half are inside


def compare(name: str) -> tuple[int, int, int]:
    """Of STATES states: how many we call reached, how many OGBench does, and of how many the two
    differ.
    """
    task = registry.make(
        "gymnasium",
        id=f"ogbench:{name}",
        control_period=0.6 if "point" in name else 0.1,
        episode_steps=20,
    )
    assert isinstance(task, GymnasiumTask)
    rng, ours, theirs = np.random.default_rng(0), [], []
    for _ in range(STATES):
        goal, state = task.draw_state(rng), task.draw_state(rng)
        counted = task.success.coordinates
        qpos = 1 + counted.index  # behind the time
        state[qpos] = goal[qpos] + rng.normal(size=len(qpos)) * counted.tolerance * SPREAD
        ours.append(task.reached(state, goal))
        theirs.append(ogbench_says(task, state, goal))
    return sum(ours), sum(theirs), sum(a != b for a, b in zip(ours, theirs, strict=True))


def ogbench_says(task: GymnasiumTask, state: np.ndarray, goal: np.ndarray) -> bool:
    """Its own answer, its goal put at ours."""
    env: Any = task.env
    place = task.qpos_qvel(goal)[0][task.success.coordinates.index]
    task.restore(state)
    if not hasattr(env, "_compute_successes"):
        env.cur_goal_xy = place
        return bool(env.compute_success())
    env._data.mocap_pos[env._cube_target_mocap_ids] = place.reshape(-1, 3)
    return all(env._compute_successes())


def main() -> int:
    differences = 0
    print(
        "| environment | states | reached, ours | reached, OGBench's | different |\n| --- | ---: |"
        " ---: | ---: | ---: |"
    )
    for name in NAMES:
        try:
            ours, theirs, different = compare(name)
        except ValueError as error:  # not installed
            print(f"benchmarks: {error}", file=sys.stderr)
            return 2
        print(f"| {name} | {STATES} | {ours} | {theirs} | {different} |", flush=True)
        differences += different
    return int(differences > 0)


if __name__ == "__main__":
    sys.exit(main())
