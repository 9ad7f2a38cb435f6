"""OGBench's own tests of success (Park et al. 2025, ogbench 1.2), written as coordinates and
tolerances.
"""

from __future__ import annotations

from typing import Any

from latent_mpc.envs.adapters.coordinates import FREE, PLANE, joint_names

CUBE = 0.04  # [m] from a cube's centre to that of its goal: `CubeEnv._compute_successes`
MAZES, CUBES = "ogbench.locomaze.maze", "ogbench.manipspace.envs.cube_env"


def own_success(env: Any) -> list[str]:
    """What `task.success` is where nothing else is said: every cube, or the robot's (in soccer the
    ball's) place in the maze.

    Empty for environments that are not OGBench's mazes or cubes.
    """
    module = type(env).__module__
    if module not in (MAZES, CUBES):
        return []
    names = joint_names(env.model)
    if module == CUBES:
        return [f"{name}:{CUBE}" for name in names if name.startswith("object_joint_")]
    # the robot's root, then the ball
    free = [names[j] for j in range(env.model.njnt) if int(env.model.jnt_type[j]) == FREE]
    place = f"{free[-1]}.{PLANE}" if free else "+".join(names[:2])
    return [f"{place}:{env._goal_tol:g}"]
