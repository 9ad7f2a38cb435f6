"""What counts as reached: which joints, how near, the short way round; and how a state is brought
to rest.
"""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from latent_mpc.envs.adapters.coordinates import read_coordinates
from latent_mpc.envs.adapters.settle import control_range, hold, settle
from latent_mpc.envs.registry import make

XML = """<mujoco><compiler angle="radian"/><option timestep="0.01"/><worldbody>
<body pos="0 0 1"><joint name="spin" axis="0 0 1" damping="1"/><geom size=".1" pos=".3 0 0"/>
  <body pos=".5 0 0"><joint name="bend" axis="0 1 0" range="-1 1" limited="true" damping="1"/><geom size=".1" pos=".3 0 0"/></body></body>
<body pos="0 3 0"><joint name="idle" axis="0 0 1" range="-2 2" limited="true"/><geom size=".1"/></body>
<body pos="3 0 .1"><freejoint name="cube"/><geom type="box" size=".1 .1 .1"/></body>
<geom type="plane" size="9 9 .1" pos="0 0 0"/>
</worldbody><actuator>{}</actuator></mujoco>"""
MOTORS = '<motor joint="spin" gear="3"/><motor joint="bend" ctrlrange="-20 20" ctrllimited="true"/>'
SERVOS = '<position joint="spin" kp="20" ctrlrange="-9 9"/><position joint="bend" kp="200"/>'


def model_of(actuators: str = MOTORS) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(XML.format(actuators))


def test_a_tolerance_that_is_not_given_is_five_percent_of_the_range() -> None:
    model = model_of()
    poses = np.tile(model.qpos0, (2, 1))
    poses[1, :6] += [9.0, 2.5, 0.0, 0.4, 1.0, 0.0]  # where the cube was seen: 1 m apart at most
    found = read_coordinates(model, ["spin", "bend", "cube"], poses)
    assert found.names == ("spin", "bend", "cube", "cube", "cube")
    assert found.wraps.tolist() == [True, False, False, False, False]
    np.testing.assert_allclose(found.tolerance, [0.1, 0.1, 0.05, 0.05, 0.05])
    assert found.written() == ["spin:0.1", "bend:0.1", "cube:0.05"]
    again = read_coordinates(model, found.written())  # what a checkpoint stores needs no poses
    np.testing.assert_array_equal(again.tolerance, found.tolerance)
    assert read_coordinates(model, []).names == ()


def test_distance_is_the_largest_difference_in_tolerances_the_short_way_round_where_a_hinge_has_no_limit() -> (
    None
):
    found = read_coordinates(model_of(), ["spin:0.1", "bend:0.2"])
    start, goal = np.zeros(10), np.zeros(10)
    start[0], goal[0] = 3.1, -3.1 - 2 * np.pi  # 0.0832 rad apart, over the seam and once round
    assert found.distances(start, goal).max() == pytest.approx((2 * np.pi - 6.2) / 0.1)
    goal[1] = 0.5
    assert found.distances(start, goal).max() == pytest.approx(2.5)
    start[2] = 9.0  # a joint that does not count
    assert found.distances(np.stack([start, goal]), goal).max(axis=-1) == pytest.approx([2.5, 0.0])


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["bent"], "no joint 'bent' in success; there are: bend"),
        (["bent:0.1"], "no joint 'bent' in success; there are: bend"),
        (["bend:near"], "a tolerance must be a number above 0, got 'bend:near'"),
        (["bend.xy:1"], r"only a free joint has \.xy, got bend\.xy in success"),
        (
            ["bend+cube:1"],
            r"what is written with \+ must be all angles or all lengths, got 'bend\+cube'",
        ),
        (["bend+bent:1"], "no joint 'bent' in success; there are: bend"),
        (["bend:0"], "a tolerance must be a number above 0, got 'bend:0'"),
        (
            ["cube"],
            (
                r"nothing moves 'cube', or it has no limits: give its tolerance,"
                r" task.success=\[cube:TOLERANCE\]"
            ),
        ),
    ],
)
def test_a_success_that_cannot_be_is_refused_with_what_would_do(
    written: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_coordinates(model_of(), written)


@pytest.mark.parametrize("actuators", [MOTORS, SERVOS])
def test_holding_controls_carry_the_arm_against_gravity_and_a_falling_cube_comes_to_rest(
    actuators: str,
) -> None:
    model = model_of(actuators)
    data = mujoco.MjData(model)
    data.qpos[:2], data.qpos[5], data.qvel[:] = [2.0, 0.4], 0.5, 1.0
    settle(model, data)
    assert data.qpos[:2] == pytest.approx([2.0, 0.4], abs=1e-3)
    assert data.qpos[5] == pytest.approx(0.1, abs=2e-3)  # half an edge above the floor
    assert not data.qvel.any()
    assert data.time == 0
    slack = mujoco.MjData(model)
    slack.qpos[:] = data.qpos
    slack.ctrl[:] = hold(model, slack).control * [1, 0]
    mujoco.mj_step(model, slack, 100)
    assert abs(slack.qpos[1] - 0.4) > 0.1  # without its actuator's hold the joint falls


def test_controls_without_limits_are_a_servos_joint_range_or_one() -> None:
    unlimited = '<motor joint="spin"/><position joint="bend" kp="20" ctrllimited="false"/>'
    np.testing.assert_array_equal(control_range(model_of(unlimited)), [[-1, 1], [-1, 1]])
    wide = unlimited.replace("bend", "idle")
    np.testing.assert_array_equal(control_range(model_of(wide)), [[-1, 1], [-2, 2]])


def test_coordinates_of_one_name_count_together_by_their_distance() -> None:
    found = read_coordinates(model_of(), ["spin+bend:0.5", "cube:2", "cube.xy:1"])
    assert found.names == ("spin+bend", "spin+bend", "cube", "cube", "cube", "cube.xy", "cube.xy")
    assert found.written() == ["spin+bend:0.5", "cube:2", "cube.xy:1"]
    assert found.described() == [
        "spin+bend within 0.5 rad",
        "cube within 2 m",
        "cube.xy within 1 m",
    ]
    start, goal = np.zeros(10), np.zeros(10)
    goal[:2] = [0.3, 0.4]
    assert found.distances(start, goal).max() == pytest.approx(1.0)
    goal[3:6] = [0.6, 0.8, 2.4]  # 2.6 m away, 1 m of it horizontally
    assert found.distances(start, goal).max() == pytest.approx(1.3)
    assert found.distances(np.stack([start, goal]), goal).max(axis=-1) == pytest.approx([1.3, 0.0])


def test_how_far_apart_positions_are_at_most_by_what_was_met_and_by_what_limits_allow() -> None:
    model = model_of()
    found = read_coordinates(model, ["spin:0.5", "bend:0.25"])
    poses = np.zeros((3, 10))
    poses[1, :2], poses[2, :2] = [0.4, -0.1], [0.1, 0.2]
    assert found.spread(poses) == pytest.approx(1.2)  # bend: 0.3 rad of 0.25; spin: 0.4 of 0.5
    assert (
        max(found.distances(a, b).max() for a in poses for b in poses) <= found.spread(poses) + 1e-9
    )
    # as many turns as there may be, no two poses are more than half a turn apart
    poses[2, 0] = 40.0
    assert found.spread(poses) == pytest.approx(np.pi / 0.5)
    bend = float(np.ptp(model.jnt_range[1]))
    assert read_coordinates(model, ["bend:0.25"]).longest(model) == pytest.approx(
        bend * 1.02 / 0.25
    )
    assert read_coordinates(model, ["spin+bend:0.5"]).longest(model) == pytest.approx(
        np.hypot(np.pi, bend * 1.02) / 0.5
    )
    assert read_coordinates(model, ["bend:9", "cube:1"]).longest(model) == np.inf


@pytest.mark.parametrize(
    "success", ["[nosuch:0.1]", "[root:abc]", "[root+right_knee:0.1]", "[root.z:0.1]"]
)
def test_a_goal_that_cannot_be_is_refused_before_anything_is_simulated(success, monkeypatch):
    def probe(*_):
        raise AssertionError("it was probed")

    monkeypatch.setattr("latent_mpc.envs.adapters.time_scale.probe", probe)
    with pytest.raises(ValueError, match="success"):
        make("gymnasium", id="Humanoid-v5", obs=("state",), success=success[1:-1].split(","))
