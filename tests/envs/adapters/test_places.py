"""Sites, bodies and their vertical axes as goals: distances by hand, what moves them, and what is
refused.
"""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from latent_mpc.envs.adapters.places import split_places
from latent_mpc.envs.registry import make

JOINT = '<joint name="{}" {} range="{}" limited="true" damping=".5"/>'
MOTOR = '<motor joint="{}" gear="{}" ctrlrange="-1 1"/>'
LINK = '<geom type="capsule" fromto="0 0 0 1 0 0" size=".05"/>'
ARM = f"""<mujoco><worldbody><site name="corner"/>
<body name="upper">{JOINT.format("a", 'axis="0 1 0"', "-180 180")}{LINK}
<body name="fore" pos="1 0 0">{JOINT.format("b", 'axis="0 1 0"', "-90 90")}{LINK}<site name="tip" pos="1 0 0"/></body></body>
<body name="crate" pos="5 0 1">{JOINT.format("lift", 'type="slide" axis="0 0 1"', "-1 1")}<geom size=".1"/></body></worldbody>
<actuator>{MOTOR.format("a", 5)}{MOTOR.format("b", 5)}{MOTOR.format("lift", 9)}</actuator></mujoco>"""


@pytest.fixture
def xml(tmp_path: Path) -> str:
    (tmp_path / "arm.xml").write_text(ARM)
    return str(tmp_path / "arm.xml")


def task(xml: str, *success: str):
    return make(
        "mjcf",
        xml=xml,
        obs=("state",),
        success=list(success),
        control_period=0.1,
        episode_steps=20,
        camera="view:0:0:0:5:90:-45",
    )


def posed(one, a: float, b: float, lift: float = 0.0) -> np.ndarray:
    """A state at these positions, whatever the forces there."""
    state = one.snapshot()
    state[1:4] = a, b, lift
    return state


def test_a_site_counts_by_where_it_is_whatever_the_joints_do(xml):
    one = task(xml, "site:tip:0.1")
    # the tip at (2, 0, 0), and at (0, 0, -2)
    here, there = posed(one, 0.0, 0.0), posed(one, np.pi / 2, 0.0)
    assert one.distances(here, there) == pytest.approx({"site:tip": 8**0.5 / 0.1}, rel=1e-6)
    elbow = 0.6
    # the same place, the elbow on either side
    up, down = (posed(one, sign * elbow, -sign * 2 * elbow) for sign in (1, -1))
    assert one.distance(up, down) == pytest.approx(0, abs=1e-9) and one.reached(up, down)
    np.testing.assert_allclose(one.tracked_point(here), [2, 0, 0], atol=1e-9)
    np.testing.assert_allclose(one.tracked_point(there), [0, 0, -2], atol=1e-9)


def test_a_body_counts_by_its_centre_its_horizontal_part_and_its_axis(xml):
    one = task(xml, "body:fore:0.5", "body:fore.xy:0.5", "upright:fore:0.1")
    # its centre at (1.5, 0, 0), and at (0, 0, -1.5)
    here, there = posed(one, 0.0, 0.0), posed(one, np.pi / 2, 0.0)
    far = one.distances(here, there)
    assert far == pytest.approx(
        {"body:fore": 4.5**0.5 / 0.5, "body:fore.xy": 3.0, "upright:fore": (np.pi / 2) / 0.1},
        rel=1e-6,
    )
    assert one.distance(here, there) == max(far.values())


def test_places_and_joints_count_together_and_are_written_as_they_are_read(xml):
    one = task(xml, "joint:b:0.2", "site:tip:0.1")
    assert one.settings()["success"] == ["b:0.2", "site:tip:0.1"]
    (line,) = [line for line in one.about() if "reached:" in line]
    assert "b within 0.2 rad, site:tip within 0.1 m  (task.success='[b:0.2,site:tip:0.1]')" in line
    again = task(xml, *one.settings()["success"])
    here, there = posed(one, 0.1, 0.2), posed(one, 0.4, -0.3)
    assert one.distances(here, there) == again.distances(here, there)
    assert one.distances(here, there)["b"] == pytest.approx(2.5)


def test_what_does_not_carry_a_place_stands_at_the_goal_where_it_stood(xml):
    """The crate does not count: where it is at the goal is where it was at the start."""
    one = task(xml, "site:tip:0.1")
    pair = one.draw_start_and_goal(np.random.default_rng(0))
    assert pair.goal[3] == pytest.approx(pair.start[3], abs=0.05)
    assert abs(pair.goal[1] - pair.start[1]) > 0.05


@pytest.mark.parametrize(
    ("success", "message"),
    [
        ("site:tap:0.1", "no site 'tap' in success; there are: tip"),
        ("body:crat:0.1", "no body 'crat' in success; there are: crate"),
        (
            "site:tip",
            (
                r"a place must be written site:NAME:TOLERANCE, a number above 0, got 'site:tip' in"
                r" success"
            ),
        ),
        ("site:tip:0", "a place must be written site:NAME:TOLERANCE"),
        ("site:corner:0.1", "nothing moves site:corner in success: no joint carries it"),
        ("body:world:0.1", "nothing moves body:world in success"),
    ],
)
def test_what_cannot_be_a_place_is_refused_with_what_there_is(xml, success, message):
    with pytest.raises(ValueError, match=message):
        task(xml, success)


def test_a_joint_whose_name_looks_like_a_place_is_a_joint():
    text = ARM.replace('"b"', '"site:tip"')
    model = mujoco.MjModel.from_xml_string(text)
    joints, places = split_places(model, ["site:tip:0.1"])
    assert (joints, places) == (["site:tip:0.1"], [])


def test_a_body_s_attitude_is_the_angle_by_which_it_is_turned(xml):
    one = task(xml, "attitude:fore:0.2", "upright:fore:0.2")
    here, there = posed(one, 0.3, 0.1), posed(one, 0.5, 0.7)
    both = pytest.approx(0.8 / 0.2, rel=1e-6)
    assert one.distances(here, there) == {"attitude:fore": both, "upright:fore": both}
    assert "attitude:fore within 0.2 rad" in " ".join(one.about())


def test_a_turn_about_the_vertical_is_one_of_attitude_and_none_of_uprightness() -> None:
    xml = """<mujoco><worldbody><body name="top"><joint name="spin" axis="0 0 1"/><geom size=".1"/>
    </body></worldbody><actuator><motor joint="spin"/></actuator></mujoco>"""
    model = mujoco.MjModel.from_xml_string(xml)
    _, (attitude, upright) = split_places(model, ["attitude:top:0.5", "upright:top:0.5"])
    data, values = mujoco.MjData(model), []
    for angle in (0.0, 3.0):
        data.qpos[:] = angle
        mujoco.mj_kinematics(model, data)
        values.append((attitude.value(data), upright.value(data)))
    (turned, axis), (turned_too, axis_too) = values
    assert attitude.distance(turned, turned_too) == pytest.approx(6.0)
    assert upright.distance(axis, axis_too) == 0
