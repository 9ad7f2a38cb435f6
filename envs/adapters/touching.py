"""Whether an arm touches what it should not: the floor, its own base, another arm.

Poses drawn joint by joint mostly lean on something (an arm of six joints that turn all round, in
five of six pairs), and a goal is no pose that leans on the table. What it may touch: objects, which
it is there for; its gripper's fingers one another; and what it touches where the model begins.

Shapes: M contacts.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.feasible import linked_trees
from latent_mpc.envs.adapters.joints import carried
from latent_mpc.envs.adapters.keyframes import home_pose
from latent_mpc.envs.adapters.roles import Roles
from latent_mpc.envs.adapters.settle import settle


class Touching:
    """Whether an arm that is bolted down touches what it should not; any other robot never does."""

    def __init__(self, model: mujoco.MjModel, roles: Roles) -> None:
        self.model = model
        trees = linked_trees(model, {int(model.body_treeid[tool.body]) for tool in roles.tools})
        self._arm = np.isin(model.body_treeid, sorted(trees)) & (model.body_treeid >= 0)
        self._object = np.isin(model.body_treeid, model.body_treeid[list(roles.objects)])
        self._gripper = np.zeros(model.nbody, int)  # which one's a body is; 0 = none's
        for tool in roles.tools:
            if tool.carries:
                self._gripper[carried(model, tool.body)] = tool.body
        self._usual = set[tuple[int, int]]()
        if roles.tools:
            begun = mujoco.MjData(model)
            begun.qpos[:] = home_pose(model)
            settle(model, begun)
            self._usual = set(map(tuple, self._pairs(begun).tolist()))

    def __call__(self, data: mujoco.MjData) -> bool:
        """At the contacts of `data`, which are up to date."""
        return not self._usual.issuperset(map(tuple, self._pairs(data).tolist()))

    def _pairs(self, data: mujoco.MjData) -> np.ndarray:
        """The bodies `[M, 2]` of the contacts that matter, the lower number first."""
        contact = data.contact
        geoms = contact.geom[(contact.exclude == 0) & (contact.dist < 0)]
        # neither is a flex, which has no geom
        bodies = np.sort(self.model.geom_bodyid[geoms[(geoms >= 0).all(axis=1)]], axis=1)
        arm, gripper = self._arm[bodies], self._gripper[bodies]
        matter = arm.any(axis=1) & ~self._object[bodies].any(axis=1)
        return bodies[matter & ((gripper[:, 0] != gripper[:, 1]) | (gripper[:, 0] == 0))]
