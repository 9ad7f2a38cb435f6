"""Tabletop's geometry, success, contacts and falls against hand arithmetic, and its controller."""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.envs.pushing import Shape
from latent_mpc.envs.tabletop import HALF, OBJECTS, PUCK, ROOM, T_BOXES, TOP_SPEED, Tabletop, turned

WALLED = ["disc", "cube", "t"]
RIGHT = np.array([1.0, 0.0])


def placed(
    task: Tabletop, puck: tuple[float, float], place: tuple[float, float], yaw: float = 0.0
) -> np.ndarray:
    return task.rest_state(np.concatenate([puck, task._pose(np.array(place), yaw)]))


def pushed(task: Tabletop, action: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        task.apply(action)
    return task.snapshot()


def by_distance(
    task: Tabletop, near: float, yaw: float = 0.0, direction: float = 0.7
) -> tuple[np.ndarray, np.ndarray]:
    """A state and a goal whose objects are `near` apart, and turned by `yaw`."""
    there = near * np.cos(direction), near * np.sin(direction)
    return placed(task, (0.3, 0.3), (0.0, 0.0)), placed(task, (-0.3, 0.3), there, yaw)


@pytest.mark.parametrize("name", OBJECTS)
def test_only_the_objects_place_within_4_cm_counts_wherever_the_puck_is(name: str) -> None:
    task = Tabletop(name)
    for direction in (0.0, 0.7, 2.0, 4.5):
        assert task.reached(*by_distance(task, 0.0399, direction=direction))
        assert not task.reached(*by_distance(task, 0.0401, direction=direction))
    assert task.distance(*by_distance(task, 0.123)) == pytest.approx(0.123)


def test_of_the_t_the_angle_within_20_degrees_counts_too() -> None:
    t, cube = Tabletop("t"), Tabletop("cube")
    for sign in (-1, 1):
        assert t.reached(*by_distance(t, 0.039, sign * np.deg2rad(19.9)))
        assert not t.reached(*by_distance(t, 0.0, sign * np.deg2rad(20.1)))
        assert cube.reached(*by_distance(cube, 0.0, sign * np.deg2rad(45)))
    state, goal = (placed(t, (0.3, 0.3), (0, 0), yaw) for yaw in (np.pi - 0.1, -np.pi + 0.1))
    assert t.distances(state, goal)["angle"] == pytest.approx(0.2 / np.deg2rad(20))
    assert t.reached(state, goal), "the angle wraps"


@pytest.mark.parametrize(
    ("tilt", "reached", "lost"), [(19, True, False), (21, False, False), (61, False, True)]
)
def test_the_cup_has_to_stand_and_one_that_lies_is_lost(
    tilt: float, reached: bool, lost: bool
) -> None:
    task = Tabletop("cup")
    goal = placed(task, (0.3, 0.3), (0.0, 0.0))
    half = np.deg2rad(tilt) / 2
    qpos = task.qpos_qvel(goal)[0].copy()
    qpos[5:] = np.cos(half), np.sin(half) * 0.6, np.sin(half) * 0.8, 0.0
    state = task.rest_state(qpos)
    assert task.reached(state, goal) is reached
    assert task.lost(state) == lost
    assert task.distances(state, goal)["tilt"] == pytest.approx(tilt / 20)


@pytest.mark.parametrize("name", OBJECTS)
def test_what_counts_is_what_success_depends_on(name: str) -> None:
    task = Tabletop(name)
    state = placed(task, (0.3, 0.1), (0.2, -0.1), 0.5)
    moved = placed(task, (-0.3, 0.2), (0.2, -0.1), 0.5)  # the puck elsewhere
    more = {"t": [np.cos(0.5), np.sin(0.5)], "cup": [task._height, 0.0, 0.0, 1.0]}.get(name, [])
    counted = task.counted(np.stack([state, moved]))
    np.testing.assert_allclose(counted, [[0.2, -0.1, *more]] * 2, atol=1e-12)


@pytest.mark.parametrize("name", OBJECTS)
def test_states_are_drawn_all_over_the_table_with_room_for_the_puck_around_the_object(
    name: str,
) -> None:
    task, rng = Tabletop(name), np.random.default_rng(0)
    states = np.stack([task.draw_state(rng) for _ in range(400)])
    puck, places, yaws = task.qpos_qvel(states)[0][:, :2], task._places(states), task._yaws(states)
    assert (np.abs(puck).max(axis=0) > HALF - PUCK - 0.02).all()
    for place, at, yaw in zip(places[:, :2], puck, yaws, strict=True):
        outline = place + turned(task.object.shape.corners(), yaw)
        assert np.abs(outline).max() <= HALF - ROOM
        assert task.object.shape.distance(turned(at - place, -yaw)[None])[0] >= PUCK + 0.01
    reach = np.abs(task.object.shape.corners()).max()
    assert (places[:, :2].std(axis=0) > 0.5 * (HALF - ROOM - reach) / 3**0.5).all()


def test_shapes_measure_distances_to_their_outline() -> None:
    disc, t = Shape(np.zeros((0, 4)), 0.08, 0.0), Shape(T_BOXES, 0.0, 0.0)
    assert disc.distance(np.array([[0.3, 0.4], [0.0, 0.01]])) == pytest.approx([0.42, 0.0])
    top = 0.051428571 + 0.03
    points = np.array([[0.0, top + 0.1], [0.12 + 0.03, top + 0.04], [0.07, 0.0], [0.0, 0.0]])
    assert t.distance(points) == pytest.approx([0.1, 0.05, 0.021428571, 0.0], abs=1e-8)


@pytest.mark.parametrize("name", OBJECTS)
def test_a_push_moves_the_object_along_and_it_stops_when_the_puck_does(name: str) -> None:
    task = Tabletop(name)
    task.restore(placed(task, (-0.3, 0.0), (-0.05, 0.0)))
    place, speed = task._places(pushed(task, RIGHT, 12)), task.data.qvel[0]
    assert place[0] > 0.1
    assert abs(place[1]) < 0.02
    assert 0.3 < speed < TOP_SPEED - 0.05, "friction slows the puck"
    stopped = task._places(pushed(task, np.zeros(2), 8))
    assert np.linalg.norm(stopped - place) < 0.1
    assert np.abs(task.data.qvel).max() < 0.02


def test_without_a_touch_the_object_stays_and_the_puck_comes_to_its_top_speed() -> None:
    task = Tabletop("t")
    task.restore(start := placed(task, (-0.4, 0.4), (0.0, -0.1), 1.0))
    state = pushed(task, RIGHT, 8)
    np.testing.assert_array_equal(task._places(state), task._places(start))
    assert task.data.qvel[0] == pytest.approx(TOP_SPEED, rel=0.01)


def test_a_push_beside_the_middle_turns_the_t() -> None:
    turns = []
    for aside in (-0.08, 0.08):
        task = Tabletop("t")
        task.restore(placed(task, (aside, 0.25), (0.0, 0.0)))
        turns.append(float(task._yaws(pushed(task, -RIGHT[::-1], 6))))
    assert turns[0] == pytest.approx(-turns[1], abs=0.02)
    assert turns[0] > 0.3, "a push down at the left turns it to the left"


@pytest.mark.parametrize("name", WALLED)
def test_walls_hold_object_and_puck(name: str) -> None:
    task = Tabletop(name)
    for direction in np.linspace(0, 2 * np.pi, 7)[:-1]:
        push = np.array([np.cos(direction), np.sin(direction)])
        task.restore(placed(task, tuple(-0.3 * push), (0.0, 0.0), 0.3))
        state = pushed(task, np.clip(1.4 * push, -1, 1), 40)
        outline = task._places(state) + turned(task.object.shape.corners(), task._yaws(state))
        assert np.abs(outline).max() < HALF + (0.035 if name == "disc" else 0.01)
        assert np.abs(task.data.qpos[:2]).max() < HALF - PUCK + 0.005
        assert task.lost(state) is None


def test_a_cup_pushed_over_the_edge_falls_and_is_lost_for_good() -> None:
    task = Tabletop("cup")
    task.restore(start := placed(task, (0.15, 0.0), (0.3, 0.0)))
    goal = placed(task, (0.0, 0.0), (0.37, 0.0))
    assert not task.lost(start)
    state = pushed(task, RIGHT, 40)
    assert task.lost(state)
    assert task._places(state)[2] < -0.3, "it lies on the floor"
    near, far = task.steps_to_go(np.stack([start, state]), goal)
    assert far > near + 900
    assert task.lost(pushed(task, -RIGHT, 60))
    assert not task.reached(task.snapshot(), goal)


def test_a_cup_that_nobody_touches_stands_still() -> None:
    task = Tabletop("cup")
    task.restore(start := placed(task, (-0.4, 0.0), (0.2, 0.1), 0.4))
    np.testing.assert_allclose(
        task.qpos_qvel(pushed(task, np.zeros(2), 60))[0], task.qpos_qvel(start)[0], atol=2e-4
    )


def test_the_way_to_the_far_side_of_a_disc_leads_around_it() -> None:
    """Tangent, arc of the ring, and the last centimetre: hand arithmetic."""
    task = Tabletop("disc")
    states = np.stack([placed(task, at, (0.0, 0.0)) for at in ((-0.4, 0.0), (0.4, 0.0))])
    goal = placed(task, (0.0, 0.4), (0.2, 0.0))
    ring = 0.115 + 0.01
    tangent = np.sqrt(0.4**2 - ring**2)
    around = tangent + ring * (np.pi - np.arccos(ring / 0.4)) + 0.01
    straight, detour = task.steps_to_go(states, goal)
    assert detour - straight == pytest.approx((around - (0.4 - 0.115)) / TOP_SPEED / 0.1, abs=0.3)
    assert straight == pytest.approx((0.285 / TOP_SPEED + 0.2 / 0.39) / 0.1, rel=0.02)


@pytest.mark.parametrize("name", OBJECTS)
def test_the_controller_brings_the_object_to_the_goal_and_stays_there(name: str) -> None:
    task, ends = Tabletop(name), []
    for index in range(4):
        pair = task.draw_pair(np.random.default_rng([0, index]))
        task.restore(pair.start)
        act = task.guide(pair.goal)
        for _ in range(task.episode_steps):
            task.apply(act(task.snapshot()))
        ends.append(task.reached(task.snapshot(), pair.goal))
    assert all(ends)


def test_an_unknown_object_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(KeyError, match="no object 'ball'; there are: cube, cup, disc, t"):
        Tabletop("ball")
