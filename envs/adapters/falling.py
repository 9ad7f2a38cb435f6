"""Bodies that nothing carries: they fall for ever, so that no state of theirs is a goal."""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.joints import first_body
from latent_mpc.envs.adapters.settle import hold

SECONDS = 4  # [s] of falling: what was dropped onto something lies there by then
SHARE = 0.5  # of the way that a free fall takes in the last of them


def falling_body(model: mujoco.MjModel, data: mujoco.MjData, trees: set[int]) -> str:
    """The first of these kinematic trees that falls from the state of `data`, actuators holding, by
    its base's name; empty if none does. `data` is left where it fell.
    """
    gravity = float(np.linalg.norm(model.opt.gravity))
    if gravity == 0 or not trees:
        return ""
    data.qvel[:] = 0.0
    data.ctrl[:], data.act[:] = hold(model, data)
    down, steps = model.opt.gravity / gravity, round(1.0 / model.opt.timestep)
    for _ in range(SECONDS):
        before = data.subtree_com.copy()
        mujoco.mj_step(model, data, steps)
    way = (data.subtree_com - before) @ down  # [m] in the last second
    free = gravity * (SECONDS - 0.5)
    for body in (first_body(model, tree) for tree in sorted(trees)):
        if way[body] > SHARE * free:
            return model.body(body).name or f"body {body}"
    return ""
