"""Starts at keyframes: what stands begins standing, what is bolted down begins anywhere, objects
where the key has them, and keys that cannot be are passed over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.adapters.feasible import constraint_violation, penetration, usual_depth
from latent_mpc.envs.adapters.keyframes import Beginning, home_key, unheld_trees
from latent_mpc.envs.adapters.mjcf_task import MjcfTask
from latent_mpc.envs.adapters.settle import settle
from tests.envs.adapters import robots
from tests.envs.adapters.robots import arm, model_of

PLACES = {"fl": (0.2, 0.12), "fr": (0.2, -0.12), "bl": (-0.2, 0.12), "br": (-0.2, -0.12)}
LEG = """<body pos="{} {} 0"><joint name="{}" axis="0 1 0" range="-150 150" damping=".5"/>
<geom type="capsule" fromto="0 0 0 0 0 -.28" size=".02"/></body>"""
SERVO = '<position joint="{}" kp="40" ctrlrange="-2.6 2.6"/>'
KEY = '<keyframe><key name="home" qpos="0 0 .3 1 0 0 0 .2 .2 -.2 -.2" ctrl=".2 .2 -.2 -.2"/></keyframe>'
QUADRUPED = f"""<mujoco><default><geom density="500"/></default>
<worldbody><geom type="plane" size="5 5 .1"/><body name="torso" pos="0 0 .33"><freejoint/>
<geom type="box" size=".2 .1 .05"/>{"".join(LEG.format(*at, n) for n, at in PLACES.items())}</body>
</worldbody><actuator>{"".join(map(SERVO.format, PLACES))}</actuator>{KEY}</mujoco>"""
ARM = """<mujoco><worldbody>{more}<body pos="0 0 .5">
<joint name="a" axis="0 0 1" range="-120 120" damping="1"/><geom type="capsule" fromto="0 0 0 .3 0 0" size=".03"/>
<body pos=".3 0 0"><joint name="b" axis="0 0 1" range="-90 90" damping="1"/>
<geom type="capsule" fromto="0 0 0 .2 0 0" size=".03"/></body></body></worldbody>
<actuator><position joint="a" kp="20" ctrlrange="-2 2"/><position joint="b" kp="20" ctrlrange="-2 2"/></actuator>
<keyframe>{keys}</keyframe></mujoco>"""
CUBE = """<geom type="plane" size="3 3 .1"/><body name="cube" pos="2 0 .05"><freejoint/>
<geom type="box" size=".05 .05 .05"/></body>"""


def task_of(tmp_path: Path, xml: str, success: str, **more: Any) -> MjcfTask:
    (tmp_path / "robot.xml").write_text(xml)
    options: dict[str, Any] = {"control_period": 0.1, "episode_steps": 10}
    options |= {"camera": "view:0:0:0:2:90:-45", "success": [success]}
    task = registry.make("mjcf", xml=str(tmp_path / "robot.xml"), **(options | more))
    assert isinstance(task, MjcfTask)
    return task


def upright(task: MjcfTask, state: np.ndarray) -> bool:
    task.restore(state)
    return bool(task.data.body("torso").xmat[8] > 0.87)


@pytest.mark.parametrize(
    ("range_", "key", "turn"),
    [
        ("-720 720", "", (-np.pi, np.pi)),  # no key: about the middle
        ("-720 720", '<key name="home" qpos="5 0"/>', (5 - np.pi, 5 + np.pi)),
        ("-720 720", '<key name="home" qpos="-12 0"/>', (-4 * np.pi, -2 * np.pi)),
        ("-120 120", "", (-2 * np.pi / 3, 2 * np.pi / 3)),  # less than a turn: all of it
    ],
)
def test_a_hinge_that_turns_on_begins_within_one_turn(
    range_: str, key: str, turn: tuple[float, float]
) -> None:
    xml = ARM.format(more="", keys=key).replace("-120 120", range_)
    model = mujoco.MjModel.from_xml_string(xml)
    beginning, rng = Beginning(model), np.random.default_rng(0)
    begun = np.array([beginning.pose(rng)[0] for _ in range(300)])
    assert turn[0] <= begun.min() < turn[0] + 0.2
    assert turn[1] - 0.2 < begun.max() <= turn[1]


def test_a_quadruped_with_a_home_stands_in_all_its_starts(tmp_path: Path) -> None:
    task = task_of(tmp_path, QUADRUPED, "fl:0.1")
    starts = [task.draw_state(np.random.default_rng(i)) for i in range(16)]
    assert all(upright(task, state) for state in starts)
    legs = np.stack([task.qpos_qvel(state)[0][7:] for state in starts])
    key = task.model.key_qpos[0][7:]
    assert (np.abs(legs - key) <= 0.1 * np.radians(300) + 0.1).all(), "rad: noise, and a little sag"
    assert (legs.std(axis=0) > 0.1).all(), "rad: spread, though the servos follow a command"


def test_without_its_home_it_mostly_lies(tmp_path: Path) -> None:
    task = task_of(tmp_path, QUADRUPED.replace(KEY, ""), "fl:0.1")
    starts = [task.draw_state(np.random.default_rng(i)) for i in range(16)]
    assert sum(upright(task, state) for state in starts) < 12


def test_near_a_key_servos_hold_its_command_moved_by_the_noise() -> None:
    model = mujoco.MjModel.from_xml_string(QUADRUPED.replace('ctrl=".2 .2', 'ctrl=".3 .2'))
    beginning, data = Beginning(model), mujoco.MjData(model)
    beginning.reset(data)
    data.qpos[7:] += [0.1, 0.0, -0.1, 0.0]
    np.testing.assert_allclose(beginning.held(data).control, [0.4, 0.2, -0.3, -0.2], atol=1e-9)


@pytest.mark.parametrize("keys", ["", '<key name="home" qpos="1 .5" ctrl="1 .5"/>'])
def test_an_arm_begins_uniformly_in_its_range_with_a_home_and_without(
    keys: str, tmp_path: Path
) -> None:
    task, rng = task_of(tmp_path, ARM.format(more="", keys=keys), "a:0.1"), np.random.default_rng(0)
    alike = np.random.default_rng(0)
    for _ in range(5):
        task.begin(rng)
        drawn = [alike.uniform(*task.model.jnt_range[j]) for j in range(2)]
        np.testing.assert_allclose(task.data.qpos, drawn, atol=0.02)


def test_objects_begin_about_where_the_key_has_them_and_the_arm_anywhere(tmp_path: Path) -> None:
    xml = ARM.format(more=CUBE, keys='<key qpos="1 -1 .05 1 0 0 0 0 0"/>')
    task, rng, poses = task_of(tmp_path, xml, "a:0.1"), np.random.default_rng(0), []
    for _ in range(20):
        task.begin(rng)
        poses.append(task.data.qpos.copy())
    cube, arm = np.array(poses)[:, :2], np.array(poses)[:, 7]
    assert (np.abs(cube - [1, -1]) <= 0.02 * task.model.stat.extent + 1e-3).all()
    assert (np.ptp(cube, axis=0) > 0.02 * task.model.stat.extent).all()
    assert np.ptp(arm) > 2.5, "rad"


@pytest.mark.parametrize(
    ("model", "unheld"),
    [
        (model_of(robots.QUADRUPED, "hip0"), True),
        (model_of(arm(), "a b"), False),
        (model_of(arm(), "b"), True),  # an acrobot
        (model_of(robots.QUADROTOR, tail=f"<actuator>{robots.LIFTED}</actuator>"), False),
        (model_of(robots.CUBE.format("cube", 1)), False),  # no robot
    ],
)
def test_a_base_is_held_by_an_actuator_or_by_nothing(model: mujoco.MjModel, unheld: bool) -> None:
    assert unheld_trees(model) == ({0} if unheld else set())


def test_feet_that_stick_to_the_floor_bolt_nothing_to_it() -> None:
    """The model's own pose touches the floor."""
    sticky = QUADRUPED.replace('pos="0 0 .33"', 'pos="0 0 .299"').replace(
        "</actuator>", '<adhesion body="paw" ctrlrange="0 1"/></actuator>'
    )
    model = mujoco.MjModel.from_xml_string(
        sticky.replace('<body pos="0.2 0.12', '<body name="paw" pos="0.2 0.12')
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.ncon
    assert Beginning(model).mobile


def test_the_home_is_taken_else_the_first_key_that_can_be() -> None:
    def chosen(*keys: str) -> int | None:
        return home_key(mujoco.MjModel.from_xml_string(ARM.format(more="", keys="".join(keys))))

    good, home = '<key qpos="1 0"/>', '<key name="home" qpos="0 1"/>'
    nan, outside = '<key qpos="nan 0"/>', '<key name="home" qpos="0 3"/>'
    assert chosen(good, home) == 1
    assert chosen(nan, good) == 1
    assert chosen(good, outside) == 0
    assert chosen(nan, outside) is None
    assert chosen() is None


def test_a_key_within_the_floor_is_passed_over() -> None:
    sunk = QUADRUPED.replace("0 0 .3 1", "0 0 .2 1")
    assert home_key(mujoco.MjModel.from_xml_string(QUADRUPED)) == 0
    assert home_key(mujoco.MjModel.from_xml_string(sunk)) is None


def test_deep_overlap_is_a_violation_in_units_of_a_hundredth_of_the_extent() -> None:
    balls = """<mujoco><option gravity="0 0 0"/><worldbody><body><geom size=".1"/></body>
    <body pos="1 0 0"><joint type="slide" axis="1 0 0"/><geom size=".1"/></body></worldbody></mujoco>"""
    model = mujoco.MjModel.from_xml_string(balls)
    data = mujoco.MjData(model)
    for overlap in (0.0, 0.005, 0.05):
        data.qpos[0] = -0.8 - overlap
        mujoco.mj_forward(model, data)
        assert penetration(data) == pytest.approx(overlap, abs=1e-9)
        expected = overlap / (0.01 * model.stat.extent)
        assert constraint_violation(model, data) == pytest.approx(expected, abs=1e-6)
    assert constraint_violation(model, data, usual_depth=0.1) == pytest.approx(0.5)
    assert usual_depth(model) == 0.0


def test_settling_says_what_still_moves() -> None:
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body><freejoint/><geom size=".1"/></body></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    assert settle(model, data)[2] == pytest.approx(9.81 * 2, rel=0.01)
    assert not data.qvel.any()
