"""Standing still is still: servos, motors, springs, actuators with a state, robots on the ground;
and it is one thing everywhere.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

from latent_mpc.agent.evaluation.episodes import Floor, play
from latent_mpc.agent.evaluation.evaluate import floors
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.envs import registry
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.settle import hold
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import Job, record

HINGE = """<mujoco><worldbody><body><joint name="x" type="hinge" axis="{axis}" range="-90 90" damping="1" {joint}/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".03"/></body></worldbody><actuator>{actuator}</actuator></mujoco>"""
SLIDE = """<mujoco><worldbody><body><joint name="x" type="slide" axis="0 0 1" range="0 2" damping="1"/>
<geom type="sphere" size=".05" mass=".1"/></body></worldbody>
<actuator><motor joint="x" gear="1" ctrlrange="{range}"/></actuator></mujoco>"""
UP, ACROSS = "0 0 1", "0 1 0"
ROBOTS = {
    "servo": HINGE.format(
        axis=UP, joint="", actuator='<position joint="x" kp="5" ctrlrange="-1.57 1.57"/>'
    ),
    "servo under gravity": HINGE.format(
        axis=ACROSS, joint="", actuator='<position joint="x" kp="20" ctrlrange="-3 3"/>'
    ),
    "servo with a damper beside it": HINGE.format(
        axis=ACROSS,
        joint="",
        actuator=(
            '<position joint="x" kp="20" ctrlrange="-3 3"/><velocity joint="x" kv="2" ctrlrange="-3'
            ' 3"/>'
        ),
    ),
    "motor against a spring": HINGE.format(
        axis=UP, joint='stiffness="2"', actuator='<motor joint="x" gear="4" ctrlrange="-1 1"/>'
    ),
    "lopsided motor": HINGE.format(
        axis=UP, joint="", actuator='<motor joint="x" gear="4" ctrlrange="-1 3"/>'
    ),
    "filtered servo": HINGE.format(
        axis=UP,
        joint="",
        actuator='<position joint="x" kp="50" timeconst="0.05" ctrlrange="-1.57 1.57"/>',
    ),
    "filtered motor under gravity": HINGE.format(
        axis=ACROSS,
        joint='stiffness="2"',
        actuator=(
            '<general joint="x" gear="9" dyntype="filterexact" dynprm="0.1" ctrlrange="-1 1"/>'
        ),
    ),
    "integrated velocity": HINGE.format(
        axis=UP,
        joint="",
        actuator='<intvelocity joint="x" kp="50" actrange="-1.57 1.57" ctrlrange="-2 2"/>',
    ),
    "integrated velocity under gravity, without limits": HINGE.format(
        axis=ACROSS,
        joint="",
        actuator=(
            '<general joint="x" dyntype="integrator" gainprm="40" biastype="affine" biasprm="0 -40'
            ' 0"/>'
        ),
    ),
    "motor that only pushes": SLIDE.format(range="0 5"),
    "motor that always pushes": SLIDE.format(range="0.5 5"),
}


# no probing
OPTIONS: dict[str, Any] = {
    "control_period": 0.1,
    "episode_steps": 20,
    "success": ["x:0.1"],
    "camera": "view:0:0:0:2:90:-45",
}


@pytest.fixture(params=ROBOTS, scope="module")
def robot(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> CoordinateTask:
    path = tmp_path_factory.mktemp("robot") / "robot.xml"
    path.write_text(ROBOTS[request.param])
    task = registry.make("mjcf", xml=str(path), **OPTIONS)
    assert isinstance(task, CoordinateTask)
    return task


def test_still_keeps_the_robot_where_it_is_and_its_poses_are_spread(robot: CoordinateTask) -> None:
    rng, moved, poses = np.random.default_rng(0), [], []
    for _ in range(12):
        state = robot.draw_state(rng)
        robot.restore(state)
        action = robot.still()
        assert (np.abs(action) <= 1).all()
        for _ in range(robot.episode_steps):
            robot.apply(action)
        moved.append(robot.distance(robot.snapshot(), state))
        poses.append(robot.qpos_qvel(state)[0][0])
    assert max(moved) < 0.1, "tolerances"
    assert np.ptp(poses) > 1.0, "rad, m: not one and the same pose"


@pytest.mark.slow
def test_pairs_and_the_floor_that_stays_know_the_same_stillness(robot: CoordinateTask) -> None:
    pairs = draw_pairs(robot, 8, 7)
    assert pairs.rejected["stay"] == 0, (
        "who stays where it is solves no pair that is unsolved at the start"
    )
    assert floors(robot, pairs)["stay"]["rate"] == 0
    middle = Floor(robot.action_width, None)
    stayed = play(middle, robot, pairs.pairs, pairs.steps).states
    gone = robot.qpos_qvel(stayed[-1])[0] - robot.qpos_qvel(stayed[0])[0]
    assert np.abs(gone).max() < 0.05, "rad, m"


def test_a_servo_is_sent_to_its_own_position_and_a_damper_beside_it_nowhere() -> None:
    """Many controls of the two hold the pose; other ones would swing while the joint is on its
    way.
    """
    both = (
        '<position joint="x" kp="20" ctrlrange="-3 3"/><velocity joint="x" kv="2" ctrlrange="-3'
        ' 3"/>'
    )
    model = mujoco.MjModel.from_xml_string(HINGE.format(axis=UP, joint="", actuator=both))
    data = mujoco.MjData(model)
    data.qpos[0] = 0.7
    np.testing.assert_allclose(hold(model, data).control, [0.7, 0.0], atol=1e-9)


def test_a_goal_at_a_pose_stays_there(robot: CoordinateTask) -> None:
    low, high = robot.model.jnt_range[0]
    state = robot.rest_state(np.array([low + 0.3 * (high - low)]))
    assert robot.qpos_qvel(state)[0] == pytest.approx(low + 0.3 * (high - low), abs=0.02)


def test_the_collectors_rests_hold_the_robot_where_they_begin(robot: CoordinateTask) -> None:
    episode = record(
        robot,
        Job(
            "mjcf",
            {},
            ("state",),
            BehaviourConfig(rest=0.5, rest_shortest=0.5, rest_longest=0.5),
            0,
            40,
        ),
        3,
    )
    action, physics = episode["action"][:-1], episode["physics"]
    rests = [
        t
        for t in range(1, 36)
        if (action[t : t + 5] == action[t]).all() and (action[t - 1] != action[t]).any()
    ]
    assert rests
    for t in rests:
        robot.restore(physics[t])
        np.testing.assert_allclose(action[t], robot.still(), atol=1e-6)


def test_a_robot_that_rests_on_the_ground_is_held_as_it_lies() -> None:
    cheetah = registry.make(
        "gymnasium", id="HalfCheetah-v5", **OPTIONS | {"success": ["bfoot:0.1", "ffoot:0.1"]}
    )
    state = cheetah.draw_state(np.random.default_rng(0))
    moved = {}
    for name in ("still", "middle"):
        cheetah.restore(state)
        action = cheetah.still() if name == "still" else np.zeros(cheetah.action_width)
        for _ in range(30):
            cheetah.apply(action)
        moved[name] = cheetah.distance(cheetah.snapshot(), state)
    assert moved["still"] < 0.2 < 2 < moved["middle"]


@pytest.mark.parametrize(
    ("scale", "expected"), [(1.0, [-1.57, 1.57]), (-0.5, [0.785, -0.785]), (None, None)]
)
def test_what_an_environment_gives_its_actuators_is_found_out(
    scale: float | None, expected: list[float] | None
) -> None:
    class Wrapped(gymnasium.Env):
        action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float64)

        def __init__(self) -> None:
            self.model = mujoco.MjModel.from_xml_string(ROBOTS["servo"])
            self.data = mujoco.MjData(self.model)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            mujoco.mj_resetData(self.model, self.data)
            self.data.qpos[0] = self.np_random.uniform(-0.7, 0.7)
            return self.data.qpos.copy(), {}

        def step(self, action):
            self.data.ctrl[:] = action**3 if scale is None else 1.57 * scale * action
            mujoco.mj_step(self.model, self.data, 10)
            return self.data.qpos.copy(), 0.0, False, False, {}

    gymnasium.register("Wrapped-v0", lambda **_: Wrapped())
    try:
        task = registry.make("gymnasium", id="Wrapped-v0", **OPTIONS)
    finally:
        del gymnasium.registry["Wrapped-v0"]
    assert isinstance(task, CoordinateTask)
    ranges = task.actuator_range()
    if expected is None:
        assert ranges is None
        assert task.still().tolist() == [0.0]
        return
    assert ranges is not None
    np.testing.assert_allclose(ranges[0], expected)
    state = task.draw_state(np.random.default_rng(0))
    task.restore(state)
    np.testing.assert_allclose(task.data.qpos, 1.57 * (scale or 0) * task.still(), atol=1e-9)


def test_the_agents_candidate_is_still_too() -> None:
    """Covered by hand: an action of its own for each robot, repeated over block and plan."""
    import torch

    from latent_mpc.agent.agent import rest_plan

    plans = torch.zeros(2, 3, 4)
    assert rest_plan(None, 2, plans).tolist() == torch.zeros(2, 1, 3, 4).tolist()
    rest = rest_plan(np.array([[0.1, 0.2], [0.3, 0.4]]), 2, plans)
    expected = torch.tensor([[0.1, 0.2, 0.1, 0.2], [0.3, 0.4, 0.3, 0.4]])[:, None, None].expand(
        2, 1, 3, 4
    )
    torch.testing.assert_close(rest, expected)
