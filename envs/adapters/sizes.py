"""How large things are, how far they reach and whether they can touch, as the model stands in its
file.

Shapes: G geoms.
"""

from __future__ import annotations

import mujoco
import numpy as np

CONTACT, GRAVITY = (
    int(getattr(mujoco.mjtDisableBit, f"mjDSBL_{name}")) for name in ("CONTACT", "GRAVITY")
)
PLANE, HFIELD = (int(getattr(mujoco.mjtGeom, f"mjGEOM_{name}")) for name in ("PLANE", "HFIELD"))
UPWARD = 0.5  # of a plane's normal: the least vertical part of a floor's


def initial(model: mujoco.MjModel) -> mujoco.MjData:
    """The model in its initial pose, kinematics up to date."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return data


def geoms_of_tree(model: mujoco.MjModel, tree: int) -> np.ndarray:
    """Numbers of the geoms of a kinematic tree."""
    return np.flatnonzero(model.body_treeid[model.geom_bodyid] == tree)


def radius(model: mujoco.MjModel, geoms: np.ndarray, data: mujoco.MjData) -> float:
    """Of a sphere round all these geoms [m], about the middle of the box that holds them; 0 of
    none.
    """
    corners = _corners(model, geoms, data)
    if not len(corners):
        return 0.0
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    centre = data.geom_xpos[geoms]
    far = np.linalg.norm(centre - middle, axis=-1) + model.geom_rbound[geoms]
    # of one box or mesh its own sphere, of a chain of capsules less than their spheres
    return float(min(far.max(), np.linalg.norm(corners - middle, axis=-1).max()))


def thickness(model: mujoco.MjModel, body: int) -> float:
    """Of a body's largest geom, half its second smallest extent [m]: a rod's radius, half a plate's
    width; inf without geoms.
    """
    start = int(model.body_geomadr[body])
    geoms = np.arange(start, start + int(model.body_geomnum[body]))
    if not len(geoms):
        return np.inf
    largest = geoms[int(model.geom_rbound[geoms].argmax())]
    return float(np.sort(model.geom_aabb[largest, 3:])[1])


def can_touch(model: mujoco.MjModel, geoms: np.ndarray, others: np.ndarray) -> bool:
    """Whether any of the geoms can touch any of the others, by their masks or a pair of the
    model's.
    """
    return bool(touched(model, geoms, others).any())


def touched(model: mujoco.MjModel, geoms: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of `others` any of the geoms can touch, bool."""
    if model.opt.disableflags & CONTACT or not len(geoms):
        return np.zeros(len(others), bool)
    type_, affinity = model.geom_contype, model.geom_conaffinity
    masks = (type_[geoms, None] & affinity[others]) | (affinity[geoms, None] & type_[others])
    found: np.ndarray = (masks != 0).any(axis=0)
    pairs = list(zip(model.pair_geom1.tolist(), model.pair_geom2.tolist(), strict=True))
    for first, second in [*pairs, *((b, a) for a, b in pairs)]:
        if first in geoms:
            found |= others == second
    return found


def carried_from_below(model: mujoco.MjModel, tree: int, data: mujoco.MjData) -> bool:
    """Whether something that stands still, wide enough and below its middle, can touch the tree."""
    geoms = geoms_of_tree(model, tree)
    still = np.flatnonzero(model.body_weldid[model.geom_bodyid] == 0)
    still = still[touched(model, geoms, still)]
    if not len(geoms):
        return False
    corners = _corners(model, geoms, data)
    middle, size = corners.mean(axis=0), radius(model, geoms, data)
    for geom in still:
        kind = int(model.geom_type[geom])
        own = _corners(model, np.array([geom]), data)
        wide = np.ptp(own, axis=0)[:2].min() >= 2 * size and own[:, 2].max() <= middle[2]
        floor = kind == PLANE and data.geom_xmat[geom].reshape(3, 3)[2, 2] > UPWARD
        if floor or kind == HFIELD or (kind != PLANE and wide):
            return True
    return False


def held_by_nothing(model: mujoco.MjModel, tree: int) -> bool:
    """Whether gravity acts, and nothing that stands still, nor a fluid, can stop the tree's
    fall.
    """
    still = np.flatnonzero(model.body_weldid[model.geom_bodyid] == 0)
    fluid = model.opt.density > 0 or model.opt.viscosity > 0
    return weighs(model) and not fluid and not can_touch(model, geoms_of_tree(model, tree), still)


def weighs(model: mujoco.MjModel) -> bool:
    """Whether gravity acts."""
    return bool(np.any(model.opt.gravity)) and not model.opt.disableflags & GRAVITY


def chain_length(model: mujoco.MjModel, joint: int, body: int, end: np.ndarray) -> float:
    """From a joint's anchor along the bodies' offsets to a point `end` in a body's frame [m]."""
    points = [end]
    first = int(model.jnt_bodyid[joint])
    length = 0.0
    while body != first:
        length += float(np.linalg.norm(points[-1]))
        points.append(model.body_pos[body])
        body = int(model.body_parentid[body])
    return length + float(np.linalg.norm(points[-1] - model.jnt_pos[joint]))


def vertical(model: mujoco.MjModel, data: mujoco.MjData, joint: int) -> float:
    """How much of a joint's axis is vertical in the pose of `data`, 0 to 1."""
    turned = data.xmat[model.jnt_bodyid[joint]].reshape(3, 3)
    return abs(float((turned @ model.jnt_axis[joint])[2]))


def two_digits(number: float) -> float:
    """Rounded to two significant digits."""
    return float(f"{number:.2g}")


def _corners(model: mujoco.MjModel, geoms: np.ndarray, data: mujoco.MjData) -> np.ndarray:
    """Corners of the geoms' boxes in the world `[8 G, 3]`."""
    signs = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 3), axis=-1).reshape(-1, 3)
    boxes = model.geom_aabb[geoms]
    local = boxes[:, None, :3] + signs * boxes[:, None, 3:]
    turned = np.einsum("gij,gcj->gci", data.geom_xmat[geoms].reshape(-1, 3, 3), local)
    corners: np.ndarray = (turned + data.geom_xpos[geoms, None]).reshape(-1, 3)
    return corners
