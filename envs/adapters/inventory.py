"""What can be named of a model, what its parts are for, and the goal that follows: for people."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.balance import balanced_goal, balanced_joints
from latent_mpc.envs.adapters.default_goal import (
    default_success,
    joints_success,
    objects_not_counted,
)
from latent_mpc.envs.adapters.joints import FREE, HINGE, SLIDE, joint_kinds, joint_names
from latent_mpc.envs.adapters.lines import few, to_change
from latent_mpc.envs.adapters.mjcf_files import read_model
from latent_mpc.envs.adapters.opening import open_environment
from latent_mpc.envs.adapters.own_success import own_success
from latent_mpc.envs.adapters.places import body_names, site_names
from latent_mpc.envs.adapters.roles import Roles, read_roles

WIDTH = 96  # columns of a line of names
KINDS = {HINGE: "hinge", SLIDE: "slide", FREE: "free"}


def of_file(xml: str) -> list[str]:
    """Lines on the model in a file. Raises ValueError, FileNotFoundError as the task does."""
    return inventory(read_model(xml))


def of_id(id: str) -> list[str]:
    """Lines on the model of a Gymnasium environment. Raises ValueError as the task does."""
    env = open_environment(id, {})
    return inventory(env.model, own_success(env).written)  # type: ignore[attr-defined]


def inventory(model: mujoco.MjModel, own: Sequence[str] = ()) -> list[str]:
    """Lines on joints, sites, bodies, keyframes, roles and the default goal.

    Args:
        own: the environment's own success, which goes before.
    """
    roles, bodies = read_roles(model), body_names(model)
    keys = [model.key(k).name or f"key{k}" for k in range(model.nkey)]
    return [
        "joints",
        *(_joint(model, joint, roles) for joint in range(model.njnt)),
        *_names("sites", [name for name in site_names(model) if name]),
        *_names("bodies", bodies[1:]),
        *_names("keyframes", keys),
        "roles",
        *described_roles(model, roles),
        "goal",
        *(f"  {line}" for line in _goal(model, roles, own)),
    ]


def described_roles(model: mujoco.MjModel, roles: Roles, most: int = 8) -> list[str]:
    """A line for each role that something has."""
    joints, bodies = joint_names(model), body_names(model)
    rows = {
        "driven": [joints[j] for j in roles.driven],
        "passive": [joints[j] for j in roles.passive],
        "base": [bodies[b] for b in roles.bases],
        "tool": [bodies[t.body] + " (carries a gripper)" * t.carries for t in roles.tools],
        "object": [bodies[b] for b in roles.objects],
        "marker": [bodies[b] for b in roles.markers],
    }
    return [f"  {role:<9} {few(names, most)}" for role, names in rows.items() if names]


def _goal(model: mujoco.MjModel, roles: Roles, own: Sequence[str]) -> list[str]:
    if own:
        return [f"{' '.join(own)}  (the environment's own test)"]
    if balanced := balanced_joints(model, roles):
        success, goal = joints_success(model, balanced), ",".join(balanced_goal(model, roles))
        return [
            f"{few(success, 8)}  {to_change(success)}",
            f"balanced, as the model itself stands  (task.goals='[{goal}]')",
        ]
    try:
        success = default_success(model, roles)
    except LatentMPCError as error:
        return [str(error)]
    return [f"{few(success, 8)}  {to_change(success)}", *objects_not_counted(model, roles)]


def _joint(model: mujoco.MjModel, joint: int, roles: Roles) -> str:
    kind = int(joint_kinds(model)[joint])
    limits = ""
    if model.jnt_limited[joint]:
        low, high = model.jnt_range[joint]
        limits = f"{low:.3g} to {high:.3g} {'m' if kind == SLIDE else 'rad'}"
    what = KINDS.get(kind, "ball, cannot be compared")
    driven = "driven" if joint in roles.driven else ""
    return f"  {joint_names(model)[joint]:<28} {what:<6} {limits:<20} {driven}".rstrip()


def _names(title: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    lines, line = list[str](), " "
    for name in names:
        if len(line) + len(name) > WIDTH:
            lines.append(line)
            line = " "
        line += f" {name}"
    return [title, *lines, line]
