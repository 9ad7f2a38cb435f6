"""What the parts of a model are for, from its structure alone; nothing is simulated.

- *driven*: joints that actuators move (`driven.py`);
- *base*: the body that a mobile robot carries itself about with, by a free joint, or by slides that
  no actuator moves above all joints that actuators do;
- *tool*: where a robot ends that is bolted down (`tools.py`);
- *object*: what the robot moves by touching it only;
- *passive*: a joint of the robot that nothing drives, and that is no part of its base: the pole of
  a cart;
- *marker*: what nothing moves (`markers.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from latent_mpc.envs.adapters.driven import coupled_joints, driven_joints, driven_trees
from latent_mpc.envs.adapters.feasible import linked_trees
from latent_mpc.envs.adapters.joints import (
    FREE,
    SLIDE,
    first_body,
    joint_kinds,
    joint_trees,
    joints_above,
)
from latent_mpc.envs.adapters.markers import marker_trees
from latent_mpc.envs.adapters.sizes import can_touch, geoms_of_tree
from latent_mpc.envs.adapters.tools import Chains, Tool


class Roles(NamedTuple):
    """Joints and bodies by what they are for, by their numbers."""

    driven: tuple[int, ...]  # joints
    passive: tuple[int, ...]  # joints
    bases: tuple[int, ...]  # bodies
    tools: tuple[Tool, ...]
    objects: tuple[int, ...]  # bodies: the first that moves of each
    markers: tuple[int, ...]  # bodies, alike


def read_roles(model: mujoco.MjModel) -> Roles:
    """The roles of a model's joints and bodies."""
    driven, trees = driven_joints(model), joint_trees(model)
    robots = driven_trees(model)
    base_of = {tree: _base(model, tree, driven) for tree in robots}
    bases = {body for body in base_of.values() if body}
    carrying = {joint for base in bases for joint in joints_above(model, base)} - driven
    coupled = coupled_joints(model, driven)
    tied = linked_trees(model, robots)
    markers = marker_trees(model, robots)
    others = sorted(set(range(model.ntree)) - tied - markers)
    robot_geoms = np.concatenate(
        [np.zeros(0, int), *(geoms_of_tree(model, t) for t in sorted(tied))]
    )
    return Roles(
        driven=tuple(sorted(driven)),
        passive=tuple(
            joint
            for joint in range(model.njnt)
            if trees[joint] in robots and joint not in driven | carrying | coupled
        ),
        bases=tuple(sorted(bases)),
        tools=tuple(_tools(model, driven, [tree for tree in robots if not base_of[tree]])),
        objects=tuple(
            first_body(model, tree)
            for tree in others
            if can_touch(model, robot_geoms, geoms_of_tree(model, tree))
        ),
        markers=tuple(first_body(model, tree) for tree in sorted(markers)),
    )


def _base(model: mujoco.MjModel, tree: int, driven: set[int]) -> int:
    """The body that the robot carries itself about with; 0 where it is bolted down.

    A pole that hangs on a hinge without an actuator turns and does not travel: it takes a slide.
    """
    root = first_body(model, tree)
    kinds, trees = joint_kinds(model), joint_trees(model)
    if kinds[model.body_jntadr[root]] == FREE:
        return root
    above = [
        {j for j in joints_above(model, int(model.jnt_bodyid[joint])) if j < joint} - driven
        for joint in sorted(driven)
        if trees[joint] == tree
    ]
    carrying = set.intersection(*above)
    if any(kinds[joint] == SLIDE for joint in carrying):
        return int(model.jnt_bodyid[max(carrying)])
    return 0


def _tools(model: mujoco.MjModel, driven: set[int], trees: list[int]) -> list[Tool]:
    """Ends of the trees that are bolted down, those on one carrier together."""
    chains, by_carrier = Chains(model, driven), dict[int, list[int]]()
    for tree in sorted(trees):
        root = first_body(model, tree)
        by_carrier.setdefault(int(model.body_rootid[root]), []).append(root)
    return [tool for carrier, roots in by_carrier.items() for tool in chains.tools(carrier, roots)]
