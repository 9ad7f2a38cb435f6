"""OGBench's own success tests: written as coordinates on models with its names, and against its own code where it is installed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.coordinates import read_coordinates
from latent_mpc.envs.gymnasium_task import GymnasiumTask
from latent_mpc.envs.ogbench_success import CUBES, MAZES, own_success

POINT = '<body><joint name="ballx" type="slide" axis="1 0 0"/><joint name="bally" type="slide" axis="0 1 0"/><geom size=".1"/></body>'
ANT = '<body pos="0 0 3"><freejoint name="root"/><geom size=".1"/><body><joint name="hip"/><geom size=".1"/></body></body>'
BALL = '<body pos="0 3 3"><freejoint name="ball_root"/><geom size=".1"/></body>'
CUBE = '<body pos="3 {0} 0"><freejoint name="object_joint_{0}"/><geom type="box" size=".1 .1 .1"/></body>'


def env_of(module: str, bodies: str, **own: Any) -> Any:
    """An environment with the module and the joints of one of OGBench's."""
    kind = type("Env", (SimpleNamespace,), {"__module__": module})
    return kind(model=mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{bodies}</worldbody></mujoco>"), **own)


@pytest.mark.parametrize(
    ("env", "success"),
    [
        (env_of(MAZES, POINT, _goal_tol=1.0), ["ballx+bally:1"]),
        (env_of(MAZES, ANT, _goal_tol=0.5), ["root.xy:0.5"]),
        (env_of(MAZES, ANT + BALL, _goal_tol=0.5), ["ball_root.xy:0.5"]),
        (env_of(CUBES, ANT.replace("root", "arm") + CUBE.format(0) + CUBE.format(1)), ["object_joint_0:0.04", "object_joint_1:0.04"]),
        (env_of("gymnasium.envs.mujoco.ant_v5", ANT), []),
    ],
)
def test_success_is_the_place_in_a_maze_or_every_cube(env: Any, success: list[str]) -> None:
    assert own_success(env) == success
    if success:
        assert read_coordinates(env.model, success).written() == success


@pytest.mark.parametrize("name", ["pointmaze-medium-v0", "antmaze-medium-v0", "antsoccer-arena-v0", "cube-double-v0"])
def test_it_says_what_ogbench_says(name: str) -> None:
    pytest.importorskip("ogbench")  # an extra of 325 MB
    task = registry.make("gymnasium", id=f"ogbench:{name}", control_period=0.6 if "point" in name else 0.1, episode_steps=20)
    assert isinstance(task, GymnasiumTask)
    rng = np.random.default_rng(0)
    said = []
    for _ in range(30):
        goal, state = task.draw_state(rng), task.draw_state(rng)
        qpos = 1 + task.coordinates.index  # behind the time
        state[qpos] = goal[qpos] + rng.normal(size=len(qpos)) * task.coordinates.tolerance * 0.7
        said.append((task.reached(state, goal), ogbench_says(task, state, goal)))
    assert all(ours == theirs for ours, theirs in said)
    assert {ours for ours, _ in said} == {True, False}


def ogbench_says(task: GymnasiumTask, state: np.ndarray, goal: np.ndarray) -> bool:
    """Its own answer, its goal put at ours."""
    env: Any = task.env
    place = task.qpos_qvel(goal)[0][task.coordinates.index]
    task.restore(state)
    if not hasattr(env, "_compute_successes"):
        env.cur_goal_xy = place
        return bool(env.compute_success())
    env._data.mocap_pos[env._cube_target_mocap_ids] = place.reshape(-1, 3)
    return all(env._compute_successes())
