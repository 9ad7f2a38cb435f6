"""Goals set by hand: places are met, what is no state of the robot is refused."""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs import mazes
from latent_mpc.envs.posing import Poser, bring
from latent_mpc.envs.registry import make

TASKS = ("reacher", "pointmaze-medium", "tabletop-t", "tabletop-cup")


def poser_of(name: str) -> Poser:
    return Poser(make(name), np.random.default_rng(0))


@pytest.mark.parametrize("name", TASKS)
def test_places_that_the_task_draws_are_met(name):
    poser, rng = poser_of(name), np.random.default_rng(1)
    state = poser.task.draw_state(rng)
    for _ in range(5):
        place = poser.task.tracked_point(poser.task.draw_state(rng))
        goal = poser.place_goal(place, state)
        assert poser.task.tracked_point(goal) == pytest.approx(place, abs=2e-3)
        assert np.abs(poser.task.qpos_qvel(goal)[1]).max() == 0  # at rest


@pytest.mark.parametrize(
    ("name", "place", "why"),
    [
        ("reacher", (0.4, 0.4, 0.03), "is out of reach: goals lie between"),
        ("reacher", (0.31, 0.02, 0.03), "is out of reach: the nearest found is 0.01"),
        ("pointmaze-medium", (9.0, 0.0, 0.2), "is out of reach"),
        ("tabletop-t", (0.45, 0.45, 0.03), "is out of reach"),
    ],
)
def test_places_that_nothing_reaches_are_refused(name, place, why):
    poser = poser_of(name)
    state = poser.task.draw_state(np.random.default_rng(1))
    with pytest.raises(LatentMPCError, match=why):
        poser.place_goal(np.array(place), state)


def test_a_wall_is_no_place_for_a_ball():
    poser = poser_of("pointmaze-umaze")
    walls = poser.task.walls
    rows, columns = np.array(walls.shape) - 1
    inner = [(r, c) for r, c in np.argwhere(walls).tolist() if 0 < r < rows and 0 < c < columns]
    place = mazes.centre(walls, np.array(inner[0]))
    with pytest.raises(LatentMPCError, match="things overlap by .* mm there"):
        poser.place_goal(np.array([*place, 0.2]), poser.task.draw_state(np.random.default_rng(0)))


def test_of_a_robot_that_pushes_only_the_object_is_where_it_was_asked_for():
    poser = poser_of("tabletop-disc")
    task = poser.task
    state = task.rest_state(np.array([0.12, 0.1, -0.2, -0.2]))
    goal = poser.place_goal(np.array([0.1, 0.1, 0.03]), state)  # where the puck is
    qpos = task.qpos_qvel(goal)[0]
    assert qpos[2:4] == pytest.approx([0.1, 0.1], abs=1e-3)
    assert np.linalg.norm(qpos[:2] - qpos[2:4]) > 0.1


def test_a_pose_of_another_size_or_not_of_numbers_is_refused():
    poser = poser_of("reacher")
    for qpos in ([0.0], [0.0, 1.0, 2.0], [np.nan, 0.0], [[0.0, 1.0]]):
        with pytest.raises(LatentMPCError, match="a pose must be 2 finite numbers, the positions"):
            poser.pose_goal(np.array(qpos))


@pytest.mark.parametrize("name", TASKS)
def test_every_slider_spans_what_the_task_draws(name):
    poser, rng = poser_of(name), np.random.default_rng(2)
    states = [poser.task.draw_state(rng) for _ in range(10)]
    for one in poser.sliders():
        drawn = [poser.task.qpos_qvel(state)[0][one.position] for state in states]
        assert one.low < one.high and one.low < np.median(drawn) < one.high


def test_a_ray_means_the_plane_in_which_goals_lie():
    poser = poser_of("reacher")
    goal = poser.task.draw_state(np.random.default_rng(0))
    place = poser.on_ray(np.array([0.0, -1.0, 1.03]), np.array([0.1, 1.0, -1.0]), goal)
    assert place == pytest.approx([0.1, 0.0, 0.03])
    with pytest.raises(LatentMPCError, match="a click must meet the plane"):
        poser.on_ray(np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]), goal)


def test_the_way_to_a_place_keeps_to_the_limits_of_joints():
    task = make("reacher")
    state = task.rest_state(np.array([0.0, 2.5]))
    moved, missed = bring(task, state, np.array([0.01, 0.0, 0.03]))
    low, high = task.model.jnt_range[1]
    assert low <= task.qpos_qvel(moved)[0][1] <= high and missed > 0.01
