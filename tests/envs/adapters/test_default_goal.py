"""What has to come to the goal where nothing is said, entry by entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.default_goal import default_success, objects_not_counted
from latent_mpc.envs.adapters.places import split_places
from latent_mpc.envs.adapters.possible import strays
from latent_mpc.envs.adapters.roles import read_roles
from latent_mpc.envs.registry import make
from tests.envs.adapters import robots
from tests.envs.adapters.robots import FLOOR, arm, hinge, link, model_of, slide

WEIGHTLESS = '<option gravity="0 0 0"/>'
SITE = '<site name="{}" pos=".4 0 0"/>'


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        # half of the radius: a ball of 0.1 m with a leg to 0.42 m is 0.52 m long
        (model_of(robots.PLANAR, "hip"), ["body:trunk.xy:0.13", "upright:trunk:0.5"]),
        (
            model_of(FLOOR + robots.QUADRUPED, "hip0 hip1 hip2 hip3"),
            ["body:trunk.xy:0.21", "upright:trunk:0.5"],
        ),
        (model_of(robots.DRONE, tail=robots.THRUST), ["body:drone:0.14", "upright:drone:0.5"]),
        # with a floor it flies all the same, and without gravity it cannot fall over
        (
            model_of(FLOOR + robots.DRONE, tail=robots.THRUST, head=WEIGHTLESS),
            ["body:drone:0.14"],
        ),
        # 0.8 m: a twentieth would be 0.04
        (model_of(arm(SITE.format("tip")), "a b"), ["site:tip:0.02"]),
        (model_of(arm(SITE.format("elastic")), "a b"), ["body:fore:0.02"]),
        (model_of(arm(SITE.format("left_ee")), "a b"), ["site:left_ee:0.02"]),
        (
            model_of(arm(robots.GRIPPER.format("<site name='tcp'/>")), "a b finger0 finger1"),
            ["site:tcp:0.02"],
        ),
        (model_of(arm(robots.GRIPPER.format("")), "a b finger0 finger1"), ["body:palm:0.02"]),
        (model_of(arm(robots.JAW), "a b w Jaw"), ["body:wrist:0.02"]),
        (
            model_of(arm(prefix="l_") + arm(prefix="r_", at="0 1 1"), "l_a l_b r_a r_b"),
            ["body:l_fore:0.02", "body:r_fore:0.02"],
        ),
        (model_of(arm() + robots.MOCAP, tail=robots.WELD), ["body:fore:0.02"]),
        # 180 degrees: 5 % are 9
        (
            model_of(arm(robots.HAND), "a b knuckle0 knuckle1 knuckle2"),
            [f"joint:{j}:0.16" for j in ("a", "b", "knuckle0", "knuckle1", "knuckle2")],
        ),
        (
            model_of(robots.GRIPPER.format(""), "finger0 finger1"),
            ["joint:finger0:0.002", "joint:finger1:0.002"],
        ),
        (model_of(robots.CARTPOLE, "slider"), ["joint:slider:0.1"]),
        (model_of(robots.ROPE, tail=robots.ROPED), ["joint:arm:0.16"]),
        (model_of(arm() + robots.SPINNER, "a b"), ["joint:spin:0.2"]),
        (model_of(arm() + robots.PUCK + robots.GHOST, "a b"), ["body:puck.xy:0.05"]),
        # half the diagonal of a cube of 6 cm
        (model_of(FLOOR + arm() + robots.CUBE.format("cube", 1), "a b"), ["body:cube:0.052"]),
    ],
)
def test_the_goal_is_what_the_robot_is_for(model, expected):
    assert default_success(model) == expected
    split_places(model, expected)  # can be read


def test_of_several_objects_none_counts_and_all_are_named():
    model = model_of(arm() + robots.CUBE.format("cube", 1) + robots.PUCK, "a b")
    roles = read_roles(model)
    assert default_success(model, roles) == ["body:fore:0.02"]
    assert objects_not_counted(model, roles) == [
        "objects that can be the goal too, by task.success: body:cube:0.052, body:puck.xy:0.05"
    ]
    assert objects_not_counted(model_of(arm(), "a b"), read_roles(model_of(arm(), "a b"))) == []


def test_tolerances_of_joints_have_a_floor_and_a_ceiling():
    """2 and 15 degrees; of slides 5 % of their range, or of the model where they have none."""
    bodies = "".join(
        f'<body name="{name}" pos="0 {i} 0">{joint}<geom size=".1"/></body>'
        for i, (name, joint) in enumerate(
            {
                "narrow": hinge("narrow", limits='range="-1 1"'),
                "wide": hinge("wide", limits='range="-900 900"'),
                "round": hinge("round", limits=""),
                "short": slide("short", "1 0 0", 'range="0 .1"'),
                "long": slide("long", "1 0 0"),
            }.items()
        )
    )
    model = model_of(bodies, "narrow wide round short long")
    extent = float(f"{0.05 * model.stat.extent:.2g}")
    assert default_success(model) == [
        "joint:narrow:0.035",
        "joint:wide:0.26",
        "joint:round:0.1",
        "joint:short:0.005",
        f"joint:long:{extent:g}",
    ]


def test_a_tool_of_a_small_arm_has_a_twentieth_of_its_reach_and_of_a_large_one_an_eightieth():
    def reaching(length: float) -> list[str]:
        tip = f'<site name="tip" pos="{length / 2} 0 0"/>'
        fore = link("fore", hinge("b"), tip, length / 2, f"{length / 2} 0 0")
        return default_success(model_of(link("upper", hinge("a"), fore, length / 2), "a b"))

    assert reaching(0.2) == ["site:tip:0.01"]
    assert reaching(1.2) == ["site:tip:0.02"]
    assert reaching(4.0) == ["site:tip:0.05"]


@pytest.mark.parametrize(
    ("site", "expected"),
    [("left/gripper", "site:left/gripper:0.02"), ("attachment_site", "body:palm:0.02")],
)
def test_a_site_of_what_carries_the_gripper_rigidly_counts_but_no_flange(site, expected):
    end = f'<site name="{site}" pos=".4 0 0"/>{robots.GRIPPER.format("")}'
    assert default_success(model_of(arm(end), "a b finger0 finger1")) == [expected]


def test_balls_alone_are_compared_by_where_they_lead():
    ball = '<body name="wrist" pos="0 0 1"><joint name="w" type="ball"/><geom type="capsule" fromto="0 0 0 .3 0 0" size=".03"/></body>'
    assert default_success(model_of(ball, tail='<actuator><motor joint="w"/></actuator>')) == [
        "body:wrist:0.0075"
    ]


def test_what_falls_for_ever_is_refused_and_named():
    with pytest.raises(
        ValueError, match=r"'trunk' falls for ever: .*; add a floor .*task\.success"
    ):
        default_success(model_of(robots.QUADRUPED, "hip0 hip1"))
    assert default_success(model_of(robots.QUADRUPED, "hip0 hip1", head=WEIGHTLESS))


def test_a_model_whose_actuators_move_no_joint_is_refused_with_the_joints_that_there_are():
    still = '<body><geom size=".1"/><site name="s"/></body>'
    rail = f'<body>{slide("rail", "1 0 0")}<geom size=".1" contype="0" conaffinity="0"/></body>'
    model = model_of(still + rail, tail='<actuator><motor site="s"/></actuator>')
    with pytest.raises(ValueError, match=r"no joint that actuators move.*joints there are: rail"):
        default_success(model)


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("Hopper-v5", ["body:torso.xy:0.39", "upright:torso:0.5"]),
        ("HalfCheetah-v5", ["body:torso.xy:0.41", "upright:torso:0.5"]),
        ("Ant-v5", ["body:torso.xy:0.61", "upright:torso:0.5"]),
        ("Pusher-v5", ["body:object.xy:0.071"]),
        ("Reacher-v5", ["body:fingertip:0.011"]),
        ("Swimmer-v5", ["body:torso.xy:0.1"]),
        ("InvertedPendulum-v5", ["joint:slider:0.1"]),
    ],
)
def test_gymnasium_s_own(id, expected):
    model = gymnasium.make(id).unwrapped.model
    assert isinstance(model, mujoco.MjModel)
    assert default_success(model) == expected


MOTORS = "".join(f'<motor joint="{j}" gear="5" ctrlrange="-1 1"/>' for j in "ab")


def task_of(folder: Path, bodies: str, actuators: str = MOTORS, **options: Any) -> CoordinateTask:
    """A task of a file in a folder."""
    path = folder / "robot.xml"
    path.write_text(
        f"<mujoco><worldbody>{bodies}</worldbody><actuator>{actuators}</actuator></mujoco>"
    )
    task = make("mjcf", xml=str(path), obs=("state",), **options)
    assert isinstance(task, CoordinateTask)
    return task


def damped(bodies: str) -> str:
    return bodies.replace("<joint", '<joint damping="1"')


def test_an_object_that_no_probe_moves_is_said_with_the_robot_s_own_goal(tmp_path):
    bodies = FLOOR + damped(arm()) + robots.CUBE.format("cube", 5)
    (line,) = [one for one in task_of(tmp_path, bodies).about() if "beware" in one]
    assert "never moved body:cube by its tolerance" in line
    assert line.endswith("the robot's own goal would be task.success='[body:fore:0.02]'")


@pytest.mark.slow
def test_the_time_scale_is_the_arm_s_whether_or_not_a_cube_settles_beside_it(tmp_path):
    falling = robots.CUBE.format("cube", 5).replace(" .05", " 3")
    alone = task_of(tmp_path, FLOOR + damped(arm()))
    beside = task_of(tmp_path, FLOOR + damped(arm()) + falling)
    named = task_of(tmp_path, FLOOR + damped(arm()) + falling, success=["body:cube:0.1"])
    for one in (beside, named):
        assert one.control_period == pytest.approx(alone.control_period, abs=0.011)
        assert one.episode_steps == pytest.approx(alone.episode_steps, abs=10)
    assert not any("beware" in line for line in named.about())
    assert named.pushes and beside.pushes and not alone.pushes


def test_a_drone_is_timed_by_a_few_of_its_lengths_and_where_it_flew_to_is_said(tmp_path):
    """Full thrust is up to 28 N for 1 kg: it flies some hundred metres in 6 s."""
    task = task_of(tmp_path, robots.QUADROTOR, robots.LIFTED)
    assert task.control_period < 0.2
    (line,) = [line for line in task.about() if "beware" in line]
    assert "'drone'" in line and "in 6 s of full actions, so goals may lie as far" in line


def test_of_many_default_entries_seven_are_shown(tmp_path):
    legs = "".join(
        robots.QUADRUPED.replace('"trunk"', f'"trunk{i}"')
        .replace('"hip', f'"{i}_hip')
        .replace('"leg', f'"{i}_leg')
        .replace('"foot', f'"{i}_foot')
        .replace('pos="0 0 .6"', f'pos="{3 * i} 0 .6"')
        for i in range(5)
    )
    motors = "".join(f'<motor joint="{i}_hip0" ctrlrange="-1 1"/>' for i in range(5))
    options = {"control_period": 0.1, "episode_steps": 20, "camera": "view:0:0:0:5:90:-45"}
    task = task_of(tmp_path, FLOOR + legs, motors, **options)
    assert len(task.settings()["success"]) == 10
    (line,) = [line for line in task.about() if "reached:" in line]
    assert line.count(" within ") == 7 and "and 3 more" in line


def test_a_diverging_probe_is_refused_by_the_body_s_name():
    model = model_of(FLOOR + robots.CUBE.format("cube", 5))
    poses = np.tile(model.qpos0, (3, 1))
    assert strays("robot", model, poses) == []
    poses[1, 2] -= 10.1 * model.stat.extent
    (line,) = strays("robot", model, poses)
    assert line.startswith("beware: 'cube' falls ")
    poses[1, 0] = np.nan
    with pytest.raises(ValueError, match="must stay finite under full actions, but 'cube' diverg"):
        strays("robot", model, poses)
