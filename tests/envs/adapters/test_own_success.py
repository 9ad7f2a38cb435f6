"""Environments' own success tests, written as coordinates, on models with its names;
`benchmarks/robustness/ogbench.py` asks its own code.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mujoco
import pytest

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.coordinates import read_coordinates
from latent_mpc.envs.adapters.own_success import own_success
from latent_mpc.envs.adapters.places import split_places

MAZES, CUBES = "ogbench.locomaze.maze", "ogbench.manipspace.envs.cube_env"
FETCH = "gymnasium_robotics.envs.fetch"
HAND = "gymnasium_robotics.envs.shadow_dexterous_hand"
ADROIT = "gymnasium_robotics.envs.adroit_hand.adroit"
POINT = (
    '<body><joint name="ballx" type="slide" axis="1 0 0"/><joint name="bally" type="slide" axis="0'
    ' 1 0"/><geom size=".1"/></body>'
)
ANT = (
    '<body pos="0 0 3"><freejoint name="root"/><geom size=".1"/><body><joint name="hip"/><geom'
    ' size=".1"/></body></body>'
)
BALL = '<body pos="0 3 3"><freejoint name="ball_root"/><geom size=".1"/></body>'
CUBE = (
    '<body pos="3 {0} 0"><freejoint name="object_joint_{0}"/><geom type="box" size=".1 .1'
    ' .1"/></body>'
)
GRIPPER = (
    '<body><joint name="arm"/><geom size=".1"/><site name="robot0:grip"/>'
    '<site name="target0" pos="1 1 1"/></body>'
)
OBJECT = (
    '<body name="object" pos="0 0 3"><freejoint name="object:joint"/><geom size=".1"/></body>'
    '<body name="target" pos="0 2 3"><freejoint name="target:joint"/><geom size=".1"/></body>'
)
BLOCK = '<body name="object0" pos="0 0 3"><freejoint name="object0:joint"/><geom size=".1"/></body>'
PEN = '<body name="Object"><joint name="OBJTx" type="slide"/><joint name="OBJTy" type="slide"/><joint name="OBJTz" type="slide"/><geom size=".1"/></body>'
TURNED: dict[str, Any] = {
    "distance_threshold": 0.01,
    "rotation_threshold": 0.1,
    "ignore_z_target_rotation": False,
}


def env_of(module: str, bodies: str, **own: Any) -> Any:
    """An environment with the module and the joints of one of OGBench's."""
    kind = type("Env", (SimpleNamespace,), {"__module__": module})
    return kind(
        model=mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{bodies}</worldbody></mujoco>"),
        **own,
    )


@pytest.mark.parametrize(
    ("env", "success"),
    [
        (env_of(MAZES, POINT, _goal_tol=1.0), ["ballx+bally:1"]),
        (env_of(MAZES, ANT, _goal_tol=0.5), ["root.xy:0.5"]),
        (env_of(MAZES, ANT + BALL, _goal_tol=0.5), ["ball_root.xy:0.5"]),
        (
            env_of(CUBES, ANT.replace("root", "arm") + CUBE.format(0) + CUBE.format(1)),
            ["object_joint_0:0.04", "object_joint_1:0.04"],
        ),
        (env_of("gymnasium_robotics.envs.maze.maze_v4", ANT), ["root.xy:0.45"]),
        (env_of("gymnasium_robotics.envs.maze.maze_v4", POINT), ["ballx+bally:0.45"]),
        (
            env_of(f"{FETCH}.reach", GRIPPER, distance_threshold=0.05),
            ["site:robot0:grip:0.05"],
        ),
        (
            env_of(f"{FETCH}.push", GRIPPER + BLOCK, distance_threshold=0.05),
            ["object0:joint:0.05"],
        ),
        (
            env_of(
                f"{HAND}.manipulate",
                OBJECT,
                target_position="random",
                target_rotation="xyz",
                **TURNED,
            ),
            ["object:joint:0.01", "attitude:object:0.1"],
        ),
        (
            env_of(
                f"{HAND}.manipulate",
                OBJECT,
                target_position="ignore",
                target_rotation="z",
                **TURNED,
            ),
            ["attitude:object:0.1"],
        ),
        (env_of(f"{ADROIT}_pen", PEN), ["OBJTx+OBJTy+OBJTz:0.075", "upright:Object:0.318"]),
        (env_of(f"{ADROIT}_door", GRIPPER), []),
        (env_of("gymnasium.envs.mujoco.ant_v5", ANT), []),
    ],
)
def test_success_is_the_environments_own_in_our_words(env: Any, success: list[str]) -> None:
    assert list(own_success(env).written) == success
    if success:
        joints, places = split_places(env.model, success)
        again = read_coordinates(env.model, joints).written() if joints else []
        assert again + [place.written() for place in places] == success


def test_a_subclass_has_the_row_of_what_it_derives_from() -> None:
    env = env_of(f"{FETCH}.reach", GRIPPER, distance_threshold=0.05)
    mine = type("Mine", (type(env),), {"__module__": "my_robot"})
    assert own_success(mine(**vars(env))).written == ("site:robot0:grip:0.05",)


def test_what_cannot_be_said_is_said_to_be_left_out() -> None:
    assert "the hinge beyond 1.35 rad" in own_success(env_of(f"{ADROIT}_door", GRIPPER)).note


@pytest.mark.parametrize("module", ["scene_env", "puzzle_env"])
def test_families_that_would_become_arm_poses_are_refused_with_those_that_are_not(
    module: str,
) -> None:
    env = env_of(f"ogbench.manipspace.envs.{module}", CUBE.format(0))
    with pytest.raises(
        LatentMPCError, match=r"pointmaze, .* soccer .* cubes .*task.success=\[JOINT"
    ):
        own_success(env)
