"""Whether a mechanism can take a pose: joints inside their limits, closed loops and couplings
closed, nothing deep within another.

MuJoCo's constraints are soft, and a pose drawn joint by joint knows nothing of them: what the
simulation pulls it to may still be a state that the mechanism never reaches.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.coordinates import LIMIT
from latent_mpc.envs.adapters.settle import settle

GAP = 0.01  # of the model's extent: how far apart what is connected may be
DEPTH = 0.01  # of the model's extent: how deep what touches may overlap
COUPLING = 0.02  # [rad, m] of joints and tendons that follow one another

EQUALITY, *LIMITS = (
    int(getattr(mujoco.mjtConstraint, f"mjCNSTR_{name}"))
    for name in ("EQUALITY", "LIMIT_JOINT", "LIMIT_TENDON")
)
BODY = int(mujoco.mjtObj.mjOBJ_BODY)
JOINTS, *CONNECTED = (
    int(getattr(mujoco.mjtEq, f"mjEQ_{name}")) for name in ("JOINT", "CONNECT", "WELD")
)


def constraint_violation(
    model: mujoco.MjModel, data: mujoco.MjData, usual_depth: float = 0.0
) -> float:
    """The largest violation at the state of `data`, whose kinematics are up to date, in units of
    what is allowed; inf where it diverged. What a mocap body leads is where it can be: its tie
    lags behind, and it is pulled against its limits (Fetch's torso by 9 times what is allowed).

    Args:
        usual_depth: how deep things overlap in this model where nothing is wrong [m].
    """
    if not np.isfinite(data.qpos).all():
        return np.inf
    led = led_trees(model)
    largest = penetration(data) / max(DEPTH * model.stat.extent, usual_depth)
    for kind, number, distance in zip(data.efc_type, data.efc_id, data.efc_pos, strict=True):
        if led and _trees(model, kind, int(number)) & led:
            continue
        # a limit's row is there when it is near, too
        if kind == EQUALITY or (kind in LIMITS and distance < 0):
            largest = max(largest, abs(float(distance)) / _allowed(model, kind, number))
    return largest


def penetration(data: mujoco.MjData) -> float:
    """How deep the deepest of the contacts that push is [m]."""
    return float(np.max(-data.contact.dist[data.contact.exclude == 0], initial=0.0))


def usual_depth(model: mujoco.MjModel) -> float:
    """How deep things overlap where the model's own pose comes to rest [m]: what is soft or drawn
    into one another there is so everywhere.
    """
    data = mujoco.MjData(model)
    settle(model, data)
    return penetration(data) if np.isfinite(data.qpos).all() else 0.0


def linked_trees(model: mujoco.MjModel, trees: set[int]) -> set[int]:
    """The kinematic trees that equality constraints tie to these, themselves included: halves of a
    closed loop, a coupled finger.
    """
    owner = {
        BODY: np.arange(model.nbody),
        int(mujoco.mjtObj.mjOBJ_SITE): model.site_bodyid,
    }
    ties = []
    for e in range(model.neq):
        ends = [int(end) for end in (model.eq_obj1id[e], model.eq_obj2id[e]) if end >= 0]
        if int(model.eq_type[e]) == JOINTS:
            ties.append({int(model.body_treeid[model.jnt_bodyid[end]]) for end in ends})
        elif int(model.eq_type[e]) in CONNECTED:
            ties.append(
                {int(model.body_treeid[owner[int(model.eq_objtype[e])][end]]) for end in ends}
                - {-1}
            )
    linked = set(trees)
    while more := [tie for tie in ties if tie & linked and not tie <= linked]:
        linked.update(*more)
    return linked


def led_trees(model: mujoco.MjModel) -> set[int]:
    """Kinematic trees of which a body is tied to a mocap body, as Fetch's hand is."""
    led = set[int]()
    for e in range(model.neq):
        if int(model.eq_type[e]) in CONNECTED and int(model.eq_objtype[e]) == BODY:
            ends = [int(model.eq_obj1id[e]), int(model.eq_obj2id[e])]
            if (model.body_mocapid[ends] >= 0).any():
                led.update(int(tree) for tree in model.body_treeid[ends])
    return led - {-1}


def _trees(model: mujoco.MjModel, kind: int, number: int) -> set[int]:
    """Kinematic trees that a tie between bodies, or a joint's limit, is about."""
    if kind == LIMITS[0]:
        return {int(model.body_treeid[model.jnt_bodyid[number]])}
    if kind != EQUALITY or int(model.eq_objtype[number]) != BODY:
        return set()
    return {int(model.body_treeid[end[number]]) for end in (model.eq_obj1id, model.eq_obj2id)}


def _allowed(model: mujoco.MjModel, kind: int, number: int) -> float:
    if kind == EQUALITY:
        return GAP * model.stat.extent if int(model.eq_type[number]) in CONNECTED else COUPLING
    limits = model.jnt_range if kind == LIMITS[0] else model.tendon_range
    return LIMIT * max(float(np.ptp(limits[number])), 1e-6)
