"""What has to come to the goal where nothing is said: what a person would mean by the robot,
written in the grammar of `task.success`, with tolerances from sizes.

In this order:
1. the place of the one object that the robot can push about, or its angle on a hinge;
2. where mobile robots are and that they stand as upright;
3. where the tools of bolted robots are;
4. all joints that actuators move.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.coordinates import ANGLE, PLANE, SHARE
from latent_mpc.envs.adapters.joints import (
    FREE,
    HINGE,
    SLIDE,
    joint_kinds,
    joint_names,
    joints_above,
)
from latent_mpc.envs.adapters.lines import few
from latent_mpc.envs.adapters.places import body_names
from latent_mpc.envs.adapters.roles import Roles, read_roles
from latent_mpc.envs.adapters.sizes import (
    carried_from_below,
    chain_length,
    geoms_of_tree,
    held_by_nothing,
    initial,
    radius,
    thickness,
    two_digits,
    vertical,
    weighs,
)
from latent_mpc.envs.adapters.tools import Tool

UPRIGHT = 0.5  # [rad] of a base
TURNED = 0.2  # [rad] of an object on a hinge
BASE = 0.5  # of the robot's radius: the tolerance of its place
SMALL_ARM, NEAR, LARGE_ARM = 1 / 20, 0.02, 1 / 80  # of the reach, [m], of the reach: of a tool
HINGES = np.radians([2.0, 15.0])  # [rad] least and most of a driven hinge
# what a site of the tool is called, the most telling first
SITES = (
    *("pinch", "grasp", "tcp", "fingertip", "tip", "ee", "eef", "effector"),
    *("grip", "gripper", "tool", "attachment"),
)
FLANGE = ("attachment",)
HORIZONTAL = 1e-3  # vertical part of an axis that counts as none
OBJECTS = 1  # as many are the goal; of more none is


def default_success(model: mujoco.MjModel, roles: Roles | None = None) -> list[str]:
    """Entries of `task.success`, `KIND:NAME:TOLERANCE`.

    Raises ValueError where actuators move nothing that can be compared, or the robot falls for
    ever.
    """
    roles = roles or read_roles(model)
    if len(roles.objects) == OBJECTS:
        return [_object(model, roles.objects[0])]
    return robot_success(model, roles)


def robot_success(model: mujoco.MjModel, roles: Roles) -> list[str]:
    """The same of the robot itself, whatever it could push about."""
    if roles.bases:
        data = initial(model)
        return [entry for body in roles.bases for entry in _base(model, data, body, roles)]
    if roles.tools:
        return [_tool(model, tool) for tool in roles.tools]
    if entries := joints_success(model, roles.driven):
        return entries
    if roles.driven:  # balls all: where the last of them leads
        return [_tool(model, Tool(int(model.jnt_bodyid[roles.driven[-1]]), False))]
    names = ", ".join(joint_names(model)[:20]) or "none"
    raise LatentMPCError(
        "the model has no joint that actuators move, so what must come to the goal has to be"
        f" named: task.success=[JOINT:TOLERANCE]; joints there are: {names}"
    )


def joints_success(model: mujoco.MjModel, joints: Sequence[int]) -> list[str]:
    """The same of these joints, balls left out: what a goal of one's own names, or all driven."""
    return [entry for joint in joints if (entry := _joint(model, joint))]


def objects_not_counted(model: mujoco.MjModel, roles: Roles) -> list[str]:
    """A line that names the objects that could be the goal, where there are several."""
    if len(roles.objects) <= OBJECTS:
        return []
    given = few([_object(model, body) for body in roles.objects])
    return [f"objects that can be the goal too, by task.success: {given}"]


def _object(model: mujoco.MjModel, root: int) -> str:
    """Its place within its radius; its joint where it has only one."""
    body = _first_solid(model, root)
    joints, kinds, data = joints_above(model, body), joint_kinds(model), initial(model)
    if len(joints) == 1 and kinds[min(joints)] in (HINGE, SLIDE):
        return _object_joint(model, min(joints))
    upright = {j: vertical(model, data, j) for j in joints}
    plane = all(
        (kinds[j] == SLIDE and upright[j] < HORIZONTAL)
        or (kinds[j] == HINGE and upright[j] > 1 - HORIZONTAL)
        for j in joints
    )
    geoms = geoms_of_tree(model, int(model.body_treeid[root]))
    size = two_digits(radius(model, geoms, data))
    return f"body:{body_names(model)[body]}{'.' + PLANE if plane else ''}:{size:g}"


def _first_solid(model: mujoco.MjModel, body: int) -> int:
    """From a body on, the first that has geoms: slides often stand on empty bodies in a row."""
    while not model.body_geomnum[body]:
        children = np.flatnonzero(model.body_parentid == body)
        if len(children) != 1:
            break
        body = int(children[0])
    return body


def _object_joint(model: mujoco.MjModel, joint: int) -> str:
    tolerance = TURNED if int(model.jnt_type[joint]) == HINGE else np.inf
    if model.jnt_limited[joint]:
        tolerance = min(tolerance, 2 * SHARE * float(np.ptp(model.jnt_range[joint])))
    elif tolerance == np.inf:
        tolerance = SHARE * float(model.stat.extent)
    return f"joint:{joint_names(model)[joint]}:{two_digits(tolerance):g}"


def _base(model: mujoco.MjModel, data: mujoco.MjData, body: int, roles: Roles) -> list[str]:
    """Its place, horizontal where it is carried, and which way up it is where it can fall over."""
    tree = int(model.body_treeid[body])
    name = body_names(model)[body]
    carrying = joints_above(model, body) - {j for j in roles.driven if model.jnt_type[j] != FREE}
    kinds = joint_kinds(model)
    free = [j for j in carrying if kinds[j] == FREE]
    axes = {j: vertical(model, data, j) for j in carrying}
    lifts = bool(free) or any(kinds[j] == SLIDE and axes[j] > HORIZONTAL for j in carrying)
    flies = not weighs(model) or any(j in roles.driven for j in free)
    flies = flies or not carried_from_below(model, tree, data)
    if free and flies and not any(j in roles.driven for j in free) and held_by_nothing(model, tree):
        raise LatentMPCError(
            f"{name!r} falls for ever: gravity acts, and nothing that stands still can touch it;"
            " add a floor (or give the file that has one), or name what counts: task.success="
            "[JOINT:TOLERANCE]"
        )
    tips = bool(free) or any(kinds[j] != SLIDE and axes[j] < 1 - HORIZONTAL for j in carrying)
    # without geoms there is no radius
    size = BASE * radius(model, geoms_of_tree(model, tree), data) or SHARE * model.stat.extent
    if not tips:  # it crawls or rolls, slowly for its size
        size = min(size, thickness(model, body))
    entries = [f"body:{name}{'' if lifts and flies else '.' + PLANE}:{two_digits(size):g}"]
    return [*entries, f"upright:{name}:{UPRIGHT:g}"] if tips and weighs(model) else entries


def _tool(model: mujoco.MjModel, tool: Tool) -> str:
    """The place of a site that is named as one, or of the body."""
    sites = [
        (SITES.index(word), s)
        for s in range(model.nsite)
        for word in _words(model.site(s).name)
        if word in SITES and _stands_for(model, int(model.site_bodyid[s]), tool.body, word)
    ]
    site = min(sites)[1] if sites else -1
    body, end = (
        (int(model.site_bodyid[site]), model.site_pos[site])
        if sites
        else (tool.body, model.body_ipos[tool.body])
    )
    reach = chain_length(model, min(joints_above(model, tool.body)), body, end)
    tolerance = two_digits(max(min(SMALL_ARM * reach, NEAR), LARGE_ARM * reach)) or NEAR
    if sites:
        return f"site:{model.site(site).name}:{tolerance:g}"
    return f"body:{body_names(model)[tool.body]}:{tolerance:g}"


def _stands_for(model: mujoco.MjModel, body: int, tool: int, word: str) -> bool:
    """Whether a site on a body is the tool's: rigid with it. What something is attached to is so
    only where nothing is.
    """
    rigid = int(model.body_weldid[body]) == int(model.body_weldid[tool])
    while word in FLANGE and body > tool:
        body = int(model.body_parentid[body])
    return rigid and (word not in FLANGE or body == tool)


def _words(name: str) -> list[str]:
    """`robot0:EndEffector_2` as robot, end, effector."""
    return [word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", name)]


def _joint(model: mujoco.MjModel, joint: int) -> str | None:
    """5 % of its range, not less and not more than can be told apart; None of a ball."""
    kind = int(model.jnt_type[joint])
    if kind not in (HINGE, SLIDE):
        return None
    range_ = float(np.ptp(model.jnt_range[joint])) if model.jnt_limited[joint] else 0.0
    if kind == SLIDE:
        tolerance = SHARE * (range_ or float(model.stat.extent))
    else:
        tolerance = float(np.clip(SHARE * range_, *HINGES)) if range_ else ANGLE
    return f"joint:{joint_names(model)[joint]}:{two_digits(tolerance):g}"
