"""The rule that sets a control period and an episode, on motions that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.envs.adapters.coordinates import Coordinates
from latent_mpc.envs.adapters.time_scale import TimeScale, follow_rule, probe


def coordinates(count: int) -> Coordinates:
    return Coordinates(
        tuple("abc"[:count]),
        np.arange(count),
        np.zeros(count, bool),
        np.ones(count),
        ("m",) * count,
    )


def test_steps_are_a_sixth_of_the_time_to_a_third_of_the_range_and_an_episode_seven_of_the_slowest() -> (
    None
):
    """Uniform motion covers its range in 3.6 s: a third of it in 1.2 s. The other coordinate needs
    three times as long.
    """
    time = np.arange(0, 6.01, 0.05)
    fast, slow = np.clip(time / 3.6, 0, 1), time / 10.8
    slow_range = slow[-1]  # in 6 s it covers 6 / 10.8, and a third of that after 2 s
    poses = np.stack([fast, slow], axis=-1)[None]
    found = follow_rule(poses, coordinates(2), 0.05)
    assert slow_range == pytest.approx(6 / 10.8)
    # 0.2667 s in steps of 0.05 s
    assert found.control_period == pytest.approx(round((1.2 + 2.0) / 2 / 6 / 0.05) * 0.05)
    assert found.episode_steps == 60  # 7 x 2.0 s / 0.25 s = 56, in tens


def test_the_rule_gives_whole_steps_of_the_environment_and_at_least_one() -> None:
    time = np.arange(0, 6.01, 0.5)
    assert (
        follow_rule(np.clip(time / 0.5, 0, 1)[None, :, None], coordinates(1), 0.5).control_period
        == 0.5
    )


def test_a_robot_that_nothing_moves_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match="full actions of 6 s move none of a by a third of its range"
    ):
        follow_rule(np.zeros((2, 5, 1)), coordinates(1), 0.1)


def test_a_probe_holds_one_full_action() -> None:
    told: list[np.ndarray] = []

    def advance(action: np.ndarray) -> np.ndarray:
        told.append(action)
        return np.zeros(1)

    assert probe(np.random.default_rng(0), lambda rng: np.zeros(1), advance, 2, 1.0).shape == (
        16,
        7,
        1,
    )
    held = np.array(told).reshape(16, 6, 2)
    assert (held == held[:, :1]).all()
    assert (np.abs(held) == 1).all()
    assert len(np.unique(held[:, 0], axis=0)) == 4  # every corner comes up


def test_the_first_four_probes_are_looked_at_and_may_end_it() -> None:
    moves: list[int] = []

    def look(poses: np.ndarray) -> None:
        assert poses.shape == (4 * 7, 1)
        raise ValueError("seen")

    def advance(action: np.ndarray) -> np.ndarray:
        moves.append(0)
        return np.zeros(1)

    with pytest.raises(ValueError, match="seen"):
        probe(np.random.default_rng(0), lambda rng: np.zeros(1), advance, 1, 1.0, look)
    assert len(moves) == 4 * 6


def test_actions_that_drag_a_tool_get_control_steps_of_a_fifth_in_whole_steps() -> None:
    assert TimeScale(0.2, 60, 160).finer(0.04) == TimeScale(0.04, 60, 800)
    assert TimeScale(0.2, 60, 160).finer(0.1) == TimeScale(0.1, 60, 320)
    assert TimeScale(0.2, 20, 10).finer(0.002) == TimeScale(0.04, 50, 50)


def test_on_the_far_sides_of_a_wide_maze_the_time_is_that_at_the_pace_of_the_furthest() -> None:
    """37.8 m at 0.8 m/s: a third of it would take 15.75 s, of which 6 s are seen."""
    time = np.arange(0, 6.01, 0.5)
    poses = np.stack([at + speed * time for at, speed in ((0.0, 0.8), (33.0, 0.8), (5.0, 0.1))])
    poses = poses[:, :, None]
    found = follow_rule(poses, coordinates(1), 0.5)
    assert found.control_period == 2.5  # 2.625 s in steps of 0.5 s
    assert found.uncut_steps == 50  # 7 x 15.75 s / 2.5 s = 44.1, in tens
    with pytest.raises(ValueError, match="move none of a"):
        follow_rule(poses[:, :3], coordinates(1), 0.5)  # of these not a ninth is seen
