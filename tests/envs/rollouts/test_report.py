"""What is said of rollouts is what was written into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.reacher import Reacher
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from latent_mpc.envs.rollouts.report import (
    CELLS,
    coverage,
    frames,
    known_task,
    object_motion,
    positions,
    report,
)
from latent_mpc.envs.tabletop import Tabletop


def write(path: Path, episodes: Sequence[Mapping[str, Any]], meta: dict | None = None) -> Rollouts:
    with RolloutWriter(path, meta or {}) as writer:
        for episode in episodes:
            writer.append(dict(episode))
    return Rollouts(path)


def episode(seed: int, steps: int = 20) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "state": rng.normal(size=(steps + 1, 4)).astype(np.float32),
        "action": (
            np.concatenate([rng.uniform(-0.9, 0.9, (steps, 2)), np.full((1, 2), 7)]).astype(
                np.float32
            )
        ),
    }


def test_ranges_shares_and_anomalies_are_those_that_were_put_in(tmp_path: Path) -> None:
    first, second, third = episode(0), episode(1), episode(2)
    for one in (first, second, third):
        one["state"][:, 2] = 5.0
        one["action"][:4] = 0.0
    second["action"][10:18] = (1.0, -1.0)
    third["state"][3, 1] = np.nan
    third["state"][4, 0] = 50.0
    found = report(write(tmp_path / "r", [first, second, third, first]))
    assert found.resting == 4 / 20
    assert found.clipped == pytest.approx(16 / (4 * 40))
    assert found.ranges["state"].high[[0, 2]].tolist() == [50.0, 5.0]
    assert found.ranges["state"].low[2] == 5.0
    assert found.ranges["action"].high.tolist() == [
        1.0,
        max(one["action"][:-1, 1].max() for one in (first, second, third)),
    ]
    assert found.anomalies() == [
        "state is not finite in episodes 2",
        "state never changes in dimensions 2 of 4",
        "1 episodes repeat earlier ones: 3 = 0",
    ]


def test_clipped_actions_and_still_pictures_are_worth_a_word(tmp_path: Path) -> None:
    one: dict[str, np.ndarray] = {
        "action": np.ones((4, 2), np.float32),
        "pixels": np.full((4, 16, 16, 3), 9, np.uint8),
    }
    lines = report(write(tmp_path / "r", [one])).anomalies()
    assert lines == [
        "action never changes in dimensions 0, 1 of 2",
        "pixels never change",
        "100% of action numbers are clipped at a bound",
    ]


def test_coverage_counts_cells_by_hand() -> None:
    line = np.stack([np.linspace(0, 1, 1000), np.linspace(0, 1, 1000)], axis=1)
    assert coverage(line) == CELLS / CELLS**2
    assert coverage(np.random.default_rng(0).uniform(size=(100_000, 2))) == 1.0


def test_the_robot_is_where_its_simulator_states_say_else_where_its_states_do(
    tmp_path: Path,
) -> None:
    rollouts = collect(
        "reacher",
        {"size": 64},
        ("state",),
        BehaviourConfig(),
        2,
        0,
        tmp_path / "r",
        workers=1,
        progress=False,
        steps=9,
    )
    task = known_task(rollouts)
    assert isinstance(task, Reacher)
    found = positions(rollouts, task)
    assert found is not None
    np.testing.assert_array_equal(found[0], task.tracked_point(rollouts.arrays["physics"])[:, :2])
    assert found[1] == "x [m] and y [m]"
    found = positions(rollouts, None)
    assert found is not None
    np.testing.assert_array_equal(found[0], rollouts.arrays["state"][:, :2])
    assert found[1] == "state 0 and state 1"


def test_frames_are_the_recorded_ones_else_rendered_from_the_simulator_states(
    tmp_path: Path,
) -> None:
    seen = collect(
        "reacher",
        {"size": 16},
        ("pixels",),
        BehaviourConfig(),
        1,
        0,
        tmp_path / "p",
        workers=1,
        progress=False,
        steps=9,
    )
    (line,) = frames(seen, None, [0], 4)
    assert [frame.tobytes() for frame in line] == [
        seen.episode(0)["pixels"][t].tobytes() for t in (0, 3, 6, 9)
    ]
    blind = collect(
        "reacher",
        {},
        ("state",),
        BehaviourConfig(),
        1,
        0,
        tmp_path / "s",
        workers=1,
        progress=False,
        steps=9,
    )
    task = known_task(blind)
    assert task is not None
    (line,) = frames(blind, task, [0], 4)
    assert line[1].tobytes() == task.observation(blind.episode(0)["physics"][3])["pixels"].tobytes()
    assert frames(blind, None, [0], 4) == []


@pytest.mark.parametrize("said", [{}, {"name": "elsewhere"}])
def test_a_task_that_is_not_known_is_none(tmp_path: Path, said: dict) -> None:
    physics: dict[str, np.ndarray] = {
        "physics": np.zeros((4, 29)),
        "action": np.zeros((4, 2), np.float32),
    }
    assert known_task(write(tmp_path / "r", [physics], {"task": said})) is None


def test_in_how_many_frames_an_object_moved_and_how_far(tmp_path: Path) -> None:
    task = Tabletop("t")
    poses = [(0.3, 0.3, 0.0, 0.0, 0.0), (0.2, 0.3, 0.0, 0.0, 0.0)]  # the puck moves
    poses += [(0.2, 0.3, 0.1, 0.0, 0.0), (0.2, 0.3, 0.1, 0.0, 0.5)]  # the T moves, and turns
    poses += [(0.2, 0.3, 0.1003, 0.0, 0.5)]  # by less than counts
    physics = np.stack([task.rest_state(np.array(pose)) for pose in poses])
    rollouts = write(tmp_path / "a", [{**episode(0, steps=4), "physics": physics}] * 2)
    assert (
        object_motion(rollouts, task) == "an object moved in 50% of 8 frames, 0.10 m in an episode"
    )
    assert object_motion(rollouts, Reacher()) is None
    assert object_motion(rollouts, None) is None
