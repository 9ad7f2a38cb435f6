"""How a model nobody coloured is drawn: what would be unseen is shown, grey on grey is told apart.

Only where the view is ours to choose; a model's own cameras show it as it is.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.cameras.lens import VISIBLE_GROUPS
from latent_mpc.envs.cameras.ray import drawn_geoms
from latent_mpc.envs.cameras.view import PREFIX

GREY = np.array([0.5, 0.5, 0.5, 1.0], np.float32)  # MuJoCo's, where no colour is given
ROBOT = np.array([0.8, 0.3, 0.1, 1.0], np.float32)  # as our own robots have


def make_plain(model: mujoco.MjModel, camera: str) -> None:
    """Both of the below, unless a camera of the model's own is given by name."""
    if not camera or camera.startswith(PREFIX):
        show_collision_geoms(model)
        colour_grey_robot(model)


def show_collision_geoms(model: mujoco.MjModel) -> None:
    """Put the geoms of robots that have none in a group that is drawn into one: an export of
    collision geoms alone (group 3) would be an even picture.
    """
    tree, drawn = model.body_treeid[model.geom_bodyid], drawn_geoms(model)
    for one in set(tree[tree >= 0].tolist()) - set(tree[drawn].tolist()):
        hidden = (tree == one) & (VISIBLE_GROUPS[np.clip(model.geom_group, 0, 5)] == 0)
        model.geom_group[hidden] = 0


def colour_grey_robot(model: mujoco.MjModel) -> None:
    """Give what moves another colour than the ground, where both are as MuJoCo has them."""
    grey = (model.geom_matid < 0) & (model.geom_rgba == GREY).all(axis=-1)
    moves = model.body_weldid[model.geom_bodyid] != 0
    if (grey & ~moves).any():
        model.geom_rgba[grey & moves] = ROBOT
