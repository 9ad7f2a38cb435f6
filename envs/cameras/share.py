"""How much of a picture the robot covers, and a view in which that is enough.

A view of all places where probing led is a view of nothing where one pose lies far away: a drone
that flew off, a robot that fell from a ledge. Then a nearer one is looked for.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.cameras.ray import RayCamera, place
from latent_mpc.envs.cameras.view import View, choose_view, moves_in_space

ENOUGH = 0.01  # of the picture: what counts is to cover in most poses
PARTS = (0.9, 0.75, 0.5)  # of the poses that a nearer view may be content with
LOOKED_AT = 8  # poses in which a view is judged
SIZE = 64  # rows and columns of the pictures by which it is judged


def choose_near_views(
    model: mujoco.MjModel, poses: np.ndarray, moving: np.ndarray, counting: np.ndarray
) -> list[View]:
    """`choose_view` of all that moves, unless what counts is too small in it in most poses; then
    the widest view in which it is not, of the poses that lie nearest together; of what counts alone
    only where it is not seen otherwise, for then the robot may not be. The wide view if there is
    none. Where motion is not flat, a second one across it, of the same.

    Args:
        poses: positions `[M, nq]` that the model visits.
        moving, counting: bodies, bool `[nbody]`.
    """
    some, bodies = _near(model, poses, moving, counting)
    both = (False, True) if moves_in_space(model, some, bodies) else (False,)
    return [choose_view(model, some, bodies, across=across) for across in both]


def _near(
    model: mujoco.MjModel, poses: np.ndarray, moving: np.ndarray, counting: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The poses `[M', nq]` and the bodies that the view is to show."""
    wide = choose_view(model, poses, moving)
    if not counting.any() or (share := _share(model, wide, poses, counting)) >= ENOUGH:
        return poses, moving
    near = _nearest_first(model, poses, counting)
    unseen = share < least_pixels(SIZE) / SIZE**2
    for bodies in (moving, counting) if unseen else (moving,):
        for part in (1.0, *PARTS):
            some = near[: max(1, round(part * len(near)))]
            if _share(model, choose_view(model, some, bodies), poses, counting) >= ENOUGH:
                return some, bodies
    return poses, moving


def least_pixels(size: int) -> int:
    """Below it what counts is not seen: 4 from pictures of 64 x 64 on, 1 in small ones."""
    return max(1, min(4, size**2 // 1024))


def covered(camera: RayCamera, data: mujoco.MjData, bodies: np.ndarray) -> int:
    """Pixels of the camera's picture of `data` in which one of the bodies is seen."""
    seen = camera.geoms(data)
    return int(bodies[camera.model.geom_bodyid[seen[seen >= 0]]].sum())


def pixels_covered(camera: RayCamera, poses: np.ndarray, bodies: np.ndarray) -> np.ndarray:
    """The same at each of the positions `[M, nq]`: `[M]`."""
    model, data, counts = camera.model, mujoco.MjData(camera.model), []
    for pose in poses:
        data.qpos[:] = pose
        place(model, data)
        counts.append(covered(camera, data, bodies))
    return np.array(counts)


def _share(model: mujoco.MjModel, view: View, poses: np.ndarray, counting: np.ndarray) -> float:
    """Of the picture that what counts covers: median over some of the poses."""
    camera = RayCamera(model, str(view), SIZE, supersample=1)
    some = poses[:: max(1, len(poses) // LOOKED_AT)]
    return float(np.median(pixels_covered(camera, some, counting))) / SIZE**2


def _nearest_first(model: mujoco.MjModel, poses: np.ndarray, counting: np.ndarray) -> np.ndarray:
    """The poses, by the distance of what counts from where it mostly is."""
    data, places = mujoco.MjData(model), []
    for pose in poses:
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        places.append(data.xipos[counting].mean(axis=0))
    away = np.linalg.norm(np.stack(places) - np.median(places, axis=0), axis=-1)
    return poses[np.argsort(away, kind="stable")]
