"""Reacher's geometry and physics against hand arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.envs.reacher import COAST, TOP_SPEED, Reacher

PI = np.pi


@pytest.fixture(scope="module")
def task() -> Reacher:
    return Reacher()


def pose(task: Reacher, shoulder: float, elbow: float) -> np.ndarray:
    return task.rest_state(np.array([shoulder, elbow]))


@pytest.mark.parametrize(
    ("joints", "tip"),
    [
        ((0, 0), (0.3, 0)),
        ((PI / 2, 0), (0, 0.3)),
        ((0, PI / 2), (0.15, 0.15)),
        ((PI / 2, -PI / 2), (0.15, 0.15)),
        ((PI, PI / 2), (-0.15, -0.15)),
    ],
)
def test_the_fingertip_is_where_hand_arithmetic_and_mujoco_put_it(task, joints, tip):
    state = pose(task, *joints)
    np.testing.assert_allclose(task.tracked_point(state)[:2], tip, atol=1e-12)
    task.restore(state)
    np.testing.assert_allclose(
        task.tracked_point(state), task.data.site("fingertip").xpos, atol=1e-12
    )


def test_distances_by_hand(task):
    straight = pose(task, 0, 0)
    assert task.distance(straight, pose(task, PI, 0)) == pytest.approx(0.6)
    assert task.distance(straight, pose(task, PI / 2, 0)) == pytest.approx(0.3 * np.sqrt(2))
    assert task.distance(straight, pose(task, 0, PI / 2)) == pytest.approx(0.15 * np.sqrt(2))
    assert task.distance(pose(task, 0, PI / 2), pose(task, PI / 2, -PI / 2)) == pytest.approx(
        0.0, abs=1e-12
    )


def test_the_same_fingertip_with_the_elbow_on_the_other_side_is_not_reached(task):
    assert not task.reached(pose(task, 0, PI / 2), pose(task, PI / 2, -PI / 2))


def test_the_shoulder_wraps_and_the_elbow_does_not(task):
    assert task.reached(pose(task, PI - 0.02, 0.3), pose(task, -PI + 0.02, 0.3))
    assert task.reached(pose(task, 0.3 + 6 * PI, 0.3), pose(task, 0.3, 0.3))
    assert not task.reached(pose(task, 0.3, 0.3 + 2 * PI), pose(task, 0.3, 0.3))
    assert task.steps_to_go(pose(task, PI - 0.02, 0)[None], pose(task, -PI + 0.02, 0))[0] < 0.2


@pytest.mark.parametrize(
    ("shoulder", "elbow", "reached"),
    [
        (0.049, 0, True),
        (0.051, 0, False),
        (0, -0.049, True),
        (0, -0.051, False),
        (0.04, 0.04, True),
    ],
)
def test_reached_is_five_hundredths_of_a_radian_in_both_joints(task, shoulder, elbow, reached):
    assert task.reached(pose(task, 1.0 + shoulder, 0.5 + elbow), pose(task, 1.0, 0.5)) == reached


def test_the_state_is_cos_and_sin_of_the_shoulder_then_elbow_and_velocities(task):
    task.restore(pose(task, PI / 3, -0.7))
    task.data.qvel[:] = 1.5, -2.5
    np.testing.assert_allclose(
        task.state_vector(), [0.5, np.sqrt(3) / 2, -0.7, 1.5, -2.5], rtol=1e-6
    )


def test_the_elbows_limit_closes_the_way_through_the_folded_elbow(task):
    task.restore(pose(task, 0.0, 2.5))
    highest = 2.5
    for _ in range(50):
        task.apply(np.array([0.0, 1.0]))
        highest = max(highest, task.data.qpos[1])
    assert 2.58 < highest < 2.7  # the limit is 2.6; through the fold, -2.5 would be at 3.78
    open_way = task.steps_to_go(pose(task, 0, 2.5)[None], pose(task, 0, -2.5))[0]
    assert open_way >= 5.0 / TOP_SPEED[1] / task.control_period  # 5 rad back, not 1.28 rad through


def test_without_torque_the_arm_is_at_rest_within_a_second_or_so(task):
    task.restore(pose(task, 0.0, 0.5))
    task.data.qvel[:] = 3.0, -3.0
    for _ in range(15):
        task.apply(np.zeros(2))
    assert np.abs(task.data.qvel).max() < 0.15


@pytest.mark.parametrize("joint", [0, 1])
def test_a_joint_coasts_as_far_as_coast_says(task, joint):
    """The median over the elbow's range: 0.27 s and 0.40 s measured."""
    way = []
    for elbow in np.linspace(*task.model.jnt_range[1], 21):
        task.restore(pose(task, 0.0, elbow))
        task.data.qvel[joint] = 1.0
        for _ in range(30):
            task.apply(np.zeros(2))
        way.append(task.data.qpos[joint] - (0.0, elbow)[joint])
    assert COAST[joint] == pytest.approx(np.median(way), rel=0.2)


@pytest.mark.parametrize("joint", [0, 1])
def test_full_torque_brings_a_joint_to_its_top_speed(task, joint):
    assert TOP_SPEED[joint] == pytest.approx(
        task.model.actuator_gear[joint, 0] / task.model.dof_damping[joint]
    )
    task.restore(pose(task, 0.0, (0.0, -2.5)[joint]))
    speed = []
    for _ in range(30):
        task.apply(np.eye(2)[joint])
        speed.append(task.data.qvel[joint])
    assert max(speed) == pytest.approx(TOP_SPEED[joint], rel=0.2)


def test_steps_to_go_by_hand(task):
    """2.5 rad of shoulder and 1 rad of elbow at 5 rad/s, 0.1 s a step: the slower 5 steps, and a
    tenth of the sum 5 + 2.
    """
    assert task.steps_to_go(pose(task, 0, 0)[None], pose(task, 2.5, 1.0))[0] == pytest.approx(
        5.0 + 0.1 * 7.0
    )
