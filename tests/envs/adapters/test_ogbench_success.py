"""OGBench's own success tests, written as coordinates, on models with its names;
`benchmarks/robustness/ogbench.py` asks its own code.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mujoco
import pytest

from latent_mpc.envs.adapters.coordinates import read_coordinates
from latent_mpc.envs.adapters.ogbench_success import CUBES, MAZES, own_success

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
        (env_of("gymnasium.envs.mujoco.ant_v5", ANT), []),
    ],
)
def test_success_is_the_place_in_a_maze_or_every_cube(env: Any, success: list[str]) -> None:
    assert own_success(env) == success
    if success:
        assert read_coordinates(env.model, success).written() == success
