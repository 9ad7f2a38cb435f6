"""Exploration for data: how many places each way of collecting has been to after equally many
steps.

    python -m benchmarks.tables.coverage            docs/coverage.*; goes on where it stopped
    python -m benchmarks.tables.coverage --quick    small numbers, under runs/, to see that it runs
    python -m benchmarks.tables.coverage --fresh    forget what was collected

Collects as `latent-mpc train` does and stops before the training proper. Places are squares seen
from above: 0.25 m of the maze's free space for the ball, 0.05 m of a fixed box for the pusher's
fingertip and for the object that it may push. No velocities.

Shapes: N frames, Q joint positions, X and Y squares.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
import torch

from benchmarks.planners.store import Job, Store, machine
from benchmarks.running import tell
from benchmarks.tables.coverage_page import write_page
from latent_mpc.agent.build import open_task
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.training.pipeline import describe, explore_once, gathered, initialise
from latent_mpc.envs.mazes import walls_of

ROOT = Path(__file__).parents[2]
# episodes before the rounds and in each, updates in each
AMOUNTS = {"random": 200, "rounds": 1, "episodes": 100, "updates": 1000}
QUICK = {"random": 8, "rounds": 2, "episodes": 2, "updates": 10}
WAYS = {  # settings of `train`; the planner's rounds begin with coloured noise
    "random": ["collect.behaviour.name=random"],
    "coloured": [],
    "goal-directed": ["explore.novelty=density"],
    "disagreement": ["explore.novelty=disagreement", "model.ensemble=5"],
}
PLANNED = ("goal-directed", "disagreement")


class Places(NamedTuple):
    """The squares in which a body can be."""

    body: str  # of the MuJoCo model
    low: tuple[float, float]  # corner of the first square, x and y [m]
    side: float  # of a square [m]
    inside: np.ndarray  # those that count, bool [X, Y]


class Place(NamedTuple):
    """A task and what is looked at."""

    settings: list[str]
    places: dict[str, Places]


def maze(name: str, parts: int) -> Places:
    """Free cells of 1 m, `parts` squares a side; with up to 4 the ball's middle, 0.2 m or more from
    every wall, gets into each.
    """
    free = ~walls_of(name)[::-1].T  # x to the right, y up
    columns, rows = free.shape
    return Places(
        "ball", (-columns / 2, -rows / 2), 1 / parts, free.repeat(parts, 0).repeat(parts, 1)
    )


TASKS = {
    "pointmaze-large": Place(
        ["task=pointmaze-large", "collect.start=[1,1]"], {"ball": maze("large", 4)}
    ),
    "Pusher-v5": Place(
        ["task=gymnasium", "task.id=Pusher-v5"],
        {
            # the arm's reach of 0.82 m round its shoulder
            "fingertip": Places("tips_arm", (-0.85, -1.45), 0.05, np.ones((34, 34), bool)),
            # its starts take 8 x 6 of them
            "object": Places("object", (0.0, -0.7), 0.05, np.ones((18, 20), bool)),
        },
    ),
}


def gather(settings: list[str], folder: Path) -> tuple[mujoco.MjModel, np.ndarray, np.ndarray]:
    """The data that `latent-mpc train` would train on: the model, joint positions `[N, Q]` and the
    episode `[N]` that each is of.
    """
    config = compose_config("train", settings)
    task, completed = open_task(config.task, config.observations)
    config = replace(config, task=completed)
    rollouts, parts = (
        gathered(config, folder / "data"),
        initialise(describe(config, task), config.seed),
    )
    for number in range(config.explore.rounds):
        rollouts = explore_once(parts, task, rollouts, config, folder / f"round-{number}", number)
    episodes = [task.qpos_qvel(rollouts.episode(i)["physics"])[0] for i in range(len(rollouts))]
    return (
        task.model,
        np.concatenate(episodes),
        np.repeat(np.arange(len(episodes)), [len(one) for one in episodes]),
    )


def visited(model: mujoco.MjModel, qpos: np.ndarray, body: str) -> np.ndarray:
    """Where a body is, x and y `[N, 2]` [m]."""
    data, points = mujoco.MjData(model), np.empty((len(qpos), 2))
    for point, joints in zip(points, qpos, strict=True):
        data.qpos[:] = joints
        mujoco.mj_kinematics(model, data)
        point[:] = data.body(body).xpos[:2]
    return points


def first_visits(points: np.ndarray, episode: np.ndarray, places: Places, never: int) -> np.ndarray:
    """The episode in which each square was first visited, int `[X, Y]`; `never` where none was, and
    where squares do not count.
    """
    square = np.floor((points - places.low) / places.side).astype(int)
    within = ((square >= 0) & (square < places.inside.shape)).all(axis=1)
    first = np.full(places.inside.shape, never)
    np.minimum.at(first, tuple(square[within].T), episode[within])
    return np.where(places.inside, first, never)


def measure(task: str, way: str, amounts: dict[str, int], folder: Path) -> dict[str, Any]:
    """One way on one task."""
    rounds = amounts["rounds"] if way in PLANNED else 0
    episodes = amounts["random"] + amounts["rounds"] * amounts["episodes"]
    more = [
        f"collect.episodes={episodes - rounds * amounts['episodes']}",
        "collect.workers=1",
        f"explore.rounds={rounds}",
    ]
    more += [f"explore.episodes={amounts['episodes']}", f"explore.steps={amounts['updates']}"]
    model, qpos, episode = gather([*TASKS[task].settings, *WAYS[way], *more], folder)
    found: dict[str, Any] = {
        "episodes": episodes,
        "steps": len(qpos) - len(np.unique(episode)),
        "places": {},
    }
    starts = np.flatnonzero(np.diff(episode, prepend=-1))
    for name, places in TASKS[task].places.items():
        points = visited(model, qpos, places.body)
        begun = first_visits(points[starts], episode[starts], places, episodes) < episodes
        first = first_visits(points, episode, places, episodes)
        found["places"][name] = {
            "squares": int(places.inside.sum()),
            "starts": int(begun.sum()),
            "first": first.tolist(),
        }
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="small numbers; everything under runs/"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget what was collected and measured"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of coverage.json, .md and .png; default: docs"
    )
    wanted = parser.parse_args(arguments)
    amounts, runs = (
        (QUICK, ROOT / "runs" / "coverage-quick")
        if wanted.quick
        else (AMOUNTS, ROOT / "runs" / "coverage")
    )
    out = wanted.out or (runs if wanted.quick else ROOT / "docs")
    torch.set_num_threads(1)  # so that the same sums are made in the same order
    if wanted.fresh:
        shutil.rmtree(runs, ignore_errors=True)
    try:
        store = Store(
            out / "coverage.json",
            {**machine(), **amounts},
            forget=list(TASKS) if wanted.fresh else [],
        )
        for task in TASKS:
            jobs = [
                Job((task, way), partial(measure, task, way, amounts, runs / f"{task}-{way}"))
                for way in WAYS
            ]
            store.run(jobs, task)
            write_page(store.results, {name: place.places for name, place in TASKS.items()}, out)
    except (Exception, KeyboardInterrupt) as error:
        return tell(error)
    print(f"wrote {out / 'coverage.json'}, .md and .png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
