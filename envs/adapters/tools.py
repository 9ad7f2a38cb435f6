"""Where a robot that is bolted down ends: the body that it brings to a place.

Along the chain of bodies that actuators move, from the base on. It ends at its last body, or at the
one that carries a gripper: branches with two actuators at most, or a single jaw, known by its name.
A branch with more actuators is a hand, which has no one place, unless long arms hang on it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import mujoco
import numpy as np

from latent_mpc.envs.adapters.driven import CRANK, coupled_joints, moved_joints, tied_bodies
from latent_mpc.envs.adapters.joints import (
    BALL,
    SLIDE,
    carried,
    joint_kinds,
    joints_above,
    joints_of,
)
from latent_mpc.envs.adapters.sizes import chain_length, geoms_of_tree, initial, radius

GRIPPER = 2  # actuators that a gripper has at most
OUT = 0.8  # of the robot's radius: an arm reaches as far at least
ARM = 6  # joints in line that actuators move: more than a finger has
JAW = re.compile("jaw|finger|grip|claw|clamp", re.IGNORECASE)


class Tool(NamedTuple):
    """The end of a chain."""

    body: int
    carries: bool  # a gripper


class Chains:
    """The bodies that carry driven joints.

    Args:
        driven: joints that actuators move; those coupled to them are taken in too, as fingers are.
    """

    def __init__(self, model: mujoco.MjModel, driven: set[int]) -> None:
        self.model, self.driven = model, driven | coupled_joints(model, driven)
        self.moved = moved_joints(model)
        self.children: list[list[int]] = [[] for _ in range(model.nbody)]
        for body in range(1, model.nbody):
            self.children[int(model.body_parentid[body])].append(body)
        self.below = [self.own(body) for body in range(model.nbody)]  # driven joints from it on
        for body in range(model.nbody - 1, 0, -1):
            self.below[int(model.body_parentid[body])] |= self.below[body]

    def own(self, body: int) -> set[int]:
        """Driven joints of a body."""
        return self.driven & joints_of(self.model, body)

    def tools(self, carrier: int, roots: list[int]) -> list[Tool]:
        """Ends of the trees that begin with the bodies `roots`, all that stand on one body."""
        ends = self._ends(roots[0]) if len(roots) == 1 else self._branch(carrier, roots)
        return [end for end in ends if self._is_arm(end) and not self._closed(end)]

    def _ends(self, body: int) -> list[Tool]:
        while True:
            branches = [child for child in self.children[body] if self.below[child]]
            if not branches:
                return [self._last(body)]
            if len(branches) > 1:
                return self._branch(body, branches)
            body = branches[0]

    def _branch(self, body: int, branches: list[int]) -> list[Tool]:
        joints = set[int]().union(*(self.below[branch] for branch in branches))
        if sum(bool(moved & joints) for moved in self.moved) <= GRIPPER:
            return [Tool(body, True)]
        arms = [branch for branch in branches if self._in_line(branch) >= ARM]
        return [end for arm in arms for end in self._ends(arm)]

    def _in_line(self, body: int) -> int:
        longest = max((self._in_line(child) for child in self.children[body]), default=0)
        return len(self.own(body)) + longest

    def _last(self, body: int) -> Tool:
        """The end of a chain: what carries its jaw, or the last body that is rigid with it."""
        parent = int(self.model.body_parentid[body])
        above = sorted(joints_above(self.model, parent) & self.driven)
        own = self.own(body)
        if len(own) == 1 and above and self._is_jaw(*own) and not self._named_jaw(above[-1]):
            return Tool(parent, True)
        while len(rigid := self._rigid(body)) == 1 and len(self.children[body]) == 1:
            body = rigid[0]
        return Tool(body, False)

    def _is_jaw(self, joint: int) -> bool:
        actuators = [
            self.model.actuator(i).name for i, moved in enumerate(self.moved) if moved == {joint}
        ]
        body = self.model.body(int(self.model.jnt_bodyid[joint])).name
        return self._named_jaw(joint) or any(JAW.search(name) for name in (body, *actuators))

    def _named_jaw(self, joint: int) -> bool:
        return bool(JAW.search(self.model.joint(joint).name))

    def _rigid(self, body: int) -> list[int]:
        return [child for child in self.children[body] if not self.model.body_jntnum[child]]

    def _is_arm(self, tool: Tool) -> bool:
        """Whether the place says more than the joints: two of them, one that turns; or a ball. And
        it reaches out: a cart that turns where it stands does not.
        """
        joints = joints_above(self.model, tool.body)
        kinds = joint_kinds(self.model)[sorted(joints)].tolist()
        turns = any(kind != SLIDE for kind in kinds)
        if not joints & self.driven or not turns or (len(kinds) < 2 and BALL not in kinds):
            return False
        geoms = geoms_of_tree(self.model, int(self.model.body_treeid[tool.body]))
        reach = chain_length(self.model, min(joints), tool.body, self.model.body_ipos[tool.body])
        return reach >= OUT * radius(self.model, geoms, initial(self.model))

    def _closed(self, tool: Tool) -> bool:
        """Whether the chain is part of a closed loop, other than the gripper's own, or turned by
        cranks.
        """
        model = self.model
        joints = joints_above(model, tool.body)
        kinds = zip(model.actuator_trntype, self.moved, strict=True)
        turned = any(int(kind) == CRANK and moved & joints for kind, moved in kinds)
        ties = [
            ends for ends in tied_bodies(model) if all(model.body_mocapid[end] < 0 for end in ends)
        ]
        tree = int(model.body_treeid[tool.body])
        gripper = carried(model, tool.body) if tool.carries else np.zeros(model.nbody, bool)
        gripper[tool.body] = False  # its carrier is still the chain's
        return turned or any(
            int(model.body_treeid[end]) == tree and not gripper[end]
            for ends in ties
            for end in ends
        )
