"""An MJCF file alone as a task: random poses that come to rest, meshes beside the file, MuJoCo's
own message, a copy that stands alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.adapters.mjcf_task import MjcfTask

ARM = str(Path(__file__).parents[3] / "docs" / "examples" / "three_joint_arm.xml")
OBJ = "v 0 0 0\nv .2 0 0\nv 0 .2 0\nv 0 0 .2\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
MAIN = """<mujoco><compiler meshdir="../meshes"/><include file="parts/motor.xml"/><asset><mesh name="m" file="tip.obj"/></asset>
<worldbody><body><joint name="j" range="-60 60"/><geom type="mesh" mesh="m"/></body></worldbody></mujoco>"""
MOTOR = '<mujoco><actuator><motor joint="j" gear="0.1" ctrlrange="-1 3"/></actuator></mujoco>'


@pytest.fixture(scope="module")
def arm() -> MjcfTask:
    task = registry.make("mjcf", xml=ARM, obs=("state", "pixels"), size=32)
    assert isinstance(task, MjcfTask)
    return task


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    """A model with an include and a mesh in a folder beside its own."""
    for name, text in {
        "robot/robot.xml": MAIN,
        "robot/parts/motor.xml": MOTOR,
        "meshes/tip.obj": OBJ,
    }.items():
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_text(text)
    return tmp_path / "here" / "robot" / "robot.xml"


def test_poses_are_spread_over_the_joint_ranges_and_stay_where_they_are(arm: MjcfTask) -> None:
    rng = np.random.default_rng(0)
    poses = np.stack([arm.qpos_qvel(arm.draw_state(rng))[0] for _ in range(60)])
    low, high = arm.model.jnt_range.T
    assert (np.ptp(poses, axis=0) > 0.8 * (high - low)).all()
    assert (poses > low - 0.02).all()
    assert (poses < high + 0.02).all()
    arm.restore(state := arm.rest_state(poses[0]))
    still = arm.still()
    for _ in range(20):
        arm.apply(still)
    assert arm.distance(arm.snapshot(), state) < 0.01


def test_the_observation_is_positions_velocities_sensors_commands_and_what_counts(
    arm: MjcfTask,
) -> None:
    arm.restore(arm.draw_state(np.random.default_rng(1)))
    tip = arm.data.site("tip").xpos
    np.testing.assert_allclose(
        arm.observation()["state"],
        [*arm.data.qpos, *arm.data.qvel, *tip, *arm.data.ctrl, *tip],
        atol=1e-6,
    )
    assert arm.observation()["pixels"].std() > 5


def test_full_actions_are_the_ends_of_the_actuators_ranges(robot: Path) -> None:
    task = registry.make("mjcf", xml=str(robot))
    np.testing.assert_allclose(task.control(np.array([[-1.0], [0.0], [1.0]])), [[-1], [1], [3]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "<mujoco><worldbody><bdy/></worldbody></mujoco>",
            "is no model: XML Error: Schema violation: unrecognized element Element 'bdy', line 1",
        ),
        ("<mujoco>", "is no model: XML parse error 14: .*Line number=1"),
        (
            "<mujoco><worldbody><body><joint/><geom size='1'/></body></worldbody></mujoco>",
            "has no actuators, so nothing can be planned",
        ),
        (MAIN, "is no model: .*motor.xml"),
    ],
)
def test_a_file_that_is_no_robot_is_refused_with_mujocos_message_and_line(
    text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "robot.xml").write_text(text)
    with pytest.raises(ValueError, match=f"robot.xml {said}") as caught:
        registry.make("mjcf", xml=str(tmp_path / "robot.xml"))
    assert "\n" not in str(caught.value)


def test_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"task.xml must be given: task.xml=my_robot.xml"):
        registry.make("mjcf")
    with pytest.raises(
        FileNotFoundError, match="no MJCF file 'none.xml'; give one: task.xml=my_robot.xml"
    ):
        registry.make("mjcf", xml="none.xml")
