"""Whether pictures show what has to reach the goal: nothing can be learned from pictures that stay
the same while it moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.driven import driven_trees
from latent_mpc.envs.adapters.joints import HINGE, joint_names, joint_of_position, joint_trees
from latent_mpc.envs.cameras.ray import RayCamera, drawn_geoms, place
from latent_mpc.envs.cameras.share import least_pixels, pixels_covered
from latent_mpc.envs.cameras.view import PREFIX

MOVES = 4  # at each pose, ever smaller ones: what may go anywhere soon leaves the picture
NOISE = 2  # of 255: by as much a ball that turns on the spot changes its shade
UNDRAWN = (
    "rays meet geoms of groups 0 to 2 that are not transparent, no sites, tendons, skins or flexes"
)


def require_visible(
    name: str,
    model: mujoco.MjModel,
    cameras: Sequence[RayCamera],
    poses: np.ndarray,
    index: np.ndarray,
) -> None:
    """Raise ValueError, one line, if no camera's picture changes with the coordinates that count,
    those of the robot if some are, or these are too small to be seen in most poses.

    Args:
        name: of the task.
        poses: positions `[M, nq]` to move from.
        index: the coordinates' places in them.
    """
    bodies = counting_bodies(model, index)
    index = _robots(model, index)
    joints = joint_of_position(model)[index]
    rng, data = np.random.default_rng(0), mujoco.MjData(model)
    for pose in poses:
        still = _pictures(model, data, cameras, pose)
        for move in range(MOVES):
            moved = pose.copy()
            moved[index] = [
                _elsewhere(model, int(j), pose[i], 2.0**-move, rng)
                for i, j in zip(index, joints, strict=True)
            ]
            if np.abs(_pictures(model, data, cameras, moved) - still).max() > NOISE:
                _require_large_enough(name, model, cameras, poses, bodies)
                return
    shown = drawn_geoms(model) & np.isin(
        model.body_treeid[model.geom_bodyid], joint_trees(model)[joints]
    )
    names = ", ".join(dict.fromkeys(joint_names(model)[j] for j in joints))
    if shown.any():
        mend = (
            f"another view is needed, task.camera=NAME or {PREFIX}X:Y:Z:DISTANCE:AZIMUTH:ELEVATION"
        )
    else:
        mend = f"what it moves needs a geom that is drawn ({UNDRAWN})"
    raise LatentMPCError(
        f"{name}: pictures must change with what has to reach the goal, but stay the same while"
        f" {names} moves; {mend}; or obs=state"
    )


def counting_bodies(model: mujoco.MjModel, index: np.ndarray) -> np.ndarray:
    """Bodies bool `[nbody]` of the trees that hold the coordinates of the robot, or all that count
    where the robot's do not.
    """
    joints = joint_of_position(model)[_robots(model, index)]
    return np.isin(model.body_treeid, joint_trees(model)[joints])


def _require_large_enough(
    name: str,
    model: mujoco.MjModel,
    cameras: Sequence[RayCamera],
    poses: np.ndarray,
    bodies: np.ndarray,
) -> None:
    """Raise ValueError, one line, if no camera sees what counts in most of the poses `[M, nq]`."""
    size, least = cameras[0].size, least_pixels(cameras[0].size)
    most = np.max([pixels_covered(camera, poses, bodies) for camera in cameras], axis=0)
    missed = float((most < least).mean())
    if missed > 0.5:
        raise LatentMPCError(
            f"{name}: pictures must show what has to reach the goal, but it covers fewer than"
            f" {least} of {size**2} pixels in {missed:.0%} of {len(poses)} pictures; another view"
            f" is needed, task.camera=NAME or {PREFIX}X:Y:Z:DISTANCE:AZIMUTH:ELEVATION, or a larger"
            " task.size, or obs=state"
        )


def _elsewhere(
    model: mujoco.MjModel, joint: int, here: float, share: float, rng: np.random.Generator
) -> float:
    """Another position of a coordinate: within its limits, or all round, or within a share of the
    model's extent.
    """
    if model.jnt_limited[joint]:
        return float(rng.uniform(*model.jnt_range[joint]))
    return here + float(rng.uniform(-1, 1)) * (
        np.pi if int(model.jnt_type[joint]) == HINGE else share * model.stat.extent
    )


def _pictures(
    model: mujoco.MjModel, data: mujoco.MjData, cameras: Sequence[RayCamera], qpos: np.ndarray
) -> np.ndarray:
    data.qpos[:] = qpos
    place(model, data)
    return np.stack([camera.render(data).astype(int) for camera in cameras])


def _robots(model: mujoco.MjModel, index: np.ndarray) -> np.ndarray:
    """Those of the coordinates that lie in kinematic trees which actuators move; all of them if
    none does.
    """
    trees = joint_trees(model)[joint_of_position(model)[index]]
    robots = index[np.isin(trees, list(driven_trees(model)))]
    return robots if len(robots) else index
