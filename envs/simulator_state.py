"""MuJoCo's full integration state as one vector: what a simulation goes on from bit for bit.

Shapes: n numbers of the state.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError

INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION


def integration_state(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """MuJoCo's full integration state, float64 `[n]`."""
    state = np.empty(mujoco.mj_stateSize(model, INTEGRATION))
    mujoco.mj_getState(model, data, state, INTEGRATION)
    return state


def set_integration_state(model: mujoco.MjModel, data: mujoco.MjData, state: np.ndarray) -> None:
    """Put a full integration state into `data` and bring its kinematics up to date."""
    size = mujoco.mj_stateSize(model, INTEGRATION)
    if np.shape(state) != (size,):
        raise LatentMPCError(
            f"simulator state must have {size} numbers, got shape {np.shape(state)}; it belongs to"
            " another model"
        )
    mujoco.mj_setState(model, data, np.asarray(state, dtype=np.float64), INTEGRATION)
    mujoco.mj_forward(model, data)
