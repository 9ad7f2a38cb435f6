"""Which joints actuators move, from the structure of the model alone: what a tendon, a site or a
crank spans, also where its lever arm happens to be zero.

Joints coupled to these by an equality are not among them, ball and free joints are.
"""

from __future__ import annotations

import mujoco

from latent_mpc.envs.adapters.joints import FREE, joint_trees, joints_above

JOINTS = tuple(int(getattr(mujoco.mjtTrn, f"mjTRN_{name}")) for name in ("JOINT", "JOINTINPARENT"))
CRANK, TENDON, SITE, BODY = (
    int(getattr(mujoco.mjtTrn, f"mjTRN_{name}"))
    for name in ("SLIDERCRANK", "TENDON", "SITE", "BODY")
)
WRAP_JOINT, WRAP_SITE, *WRAP_GEOMS = (
    int(getattr(mujoco.mjtWrap, f"mjWRAP_{name}"))
    for name in ("JOINT", "SITE", "SPHERE", "CYLINDER")
)
TIES = tuple(int(getattr(mujoco.mjtEq, f"mjEQ_{name}")) for name in ("CONNECT", "WELD"))
COUPLING = int(mujoco.mjtEq.mjEQ_JOINT)
OF_SITE = int(mujoco.mjtObj.mjOBJ_SITE)


def moved_joints(model: mujoco.MjModel) -> list[set[int]]:
    """The joints that each actuator moves."""
    return [_of_actuator(model, i) for i in range(model.nu)]


def driven_joints(model: mujoco.MjModel) -> set[int]:
    """Joints that actuators move, or that carry what is welded to a mocap body."""
    driven = set[int]().union(*moved_joints(model))
    for ends in tied_bodies(model):
        if any(model.body_mocapid[end] >= 0 for end in ends):
            driven |= set[int]().union(*(joints_above(model, end) for end in ends))
    return driven


def driven_trees(model: mujoco.MjModel) -> set[int]:
    """Kinematic trees that hold such joints: those of robots."""
    return set(joint_trees(model)[sorted(driven_joints(model))].tolist())


def coupled_joints(model: mujoco.MjModel, driven: set[int]) -> set[int]:
    """Joints that an equality makes follow one of these."""
    coupled = set[int]()
    for e in range(model.neq):
        ends = {int(model.eq_obj1id[e]), int(model.eq_obj2id[e])}
        if int(model.eq_type[e]) == COUPLING and model.eq_active0[e] and ends & driven:
            coupled |= ends - driven - {-1}
    return coupled


def tied_bodies(model: mujoco.MjModel) -> list[tuple[int, int]]:
    """The two bodies of each active equality that connects or welds; 0 is the world."""
    found = []
    for e in range(model.neq):
        if int(model.eq_type[e]) in TIES and model.eq_active0[e]:
            ends = (int(model.eq_obj1id[e]), int(model.eq_obj2id[e]))
            if int(model.eq_objtype[e]) == OF_SITE:
                ends = (int(model.site_bodyid[ends[0]]), int(model.site_bodyid[ends[1]]))
            found.append((max(ends[0], 0), max(ends[1], 0)))
    return found


def _of_actuator(model: mujoco.MjModel, actuator: int) -> set[int]:
    kind = int(model.actuator_trntype[actuator])
    first, second = (int(end) for end in model.actuator_trnid[actuator])
    if kind in JOINTS:
        return {first}
    if kind == TENDON:
        return _of_tendon(model, first)
    if kind == BODY:  # sticks to what it touches, and lifts nothing off
        above = joints_above(model, first)
        return {joint for joint in above if int(model.jnt_type[joint]) != FREE}
    if kind in (SITE, CRANK):
        bodies = [int(model.site_bodyid[site]) for site in (first, second) if site >= 0]
        return _between(model, [*bodies, 0] if len(bodies) == 1 else bodies)
    return set()


def _of_tendon(model: mujoco.MjModel, tendon: int) -> set[int]:
    start = int(model.tendon_adr[tendon])
    joints, bodies = set[int](), list[int]()
    for w in range(start, start + int(model.tendon_num[tendon])):
        kind, number = int(model.wrap_type[w]), int(model.wrap_objid[w])
        if kind == WRAP_JOINT:
            joints.add(number)
        elif kind == WRAP_SITE:
            bodies.append(int(model.site_bodyid[number]))
        elif kind in WRAP_GEOMS:
            bodies.append(int(model.geom_bodyid[number]))
    return joints | _between(model, bodies)


def _between(model: mujoco.MjModel, bodies: list[int]) -> set[int]:
    """Joints that move some of the bodies against the others."""
    above = [joints_above(model, body) for body in bodies]
    every = set[int]().union(*above)
    return {joint for joint in every if not all(joint in one for one in above)}
