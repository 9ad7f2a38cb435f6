"""What is refused of an environment of others: starts that the seed does not decide, and steps that
the state does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.foreign_code import seeded
from latent_mpc.envs.adapters.foreign_environment import ForeignEnvironment
from latent_mpc.envs.adapters.frozen_model import FrozenModel
from latent_mpc.envs.adapters.opening import open_environment, physics_of, reset
from latent_mpc.envs.adapters.repeats import first_difference, shown_parts, state_parts
from latent_mpc.envs.simulator_state import integration_state, set_integration_state

SEEDS = "draw from self.np_random, which reset(seed=...) seeds"
TRIED = 5  # steps from one state, to see whether it decides what follows


def require_twin(env: ForeignEnvironment, shown: Any) -> None:
    """Raise ValueError if the environment, made once more and reset with the same seed 0, is
    another one.

    Args:
        shown: what it showed then.
    """
    twin = open_environment(env.id, env.kwargs)
    again = shown_parts(reset(twin, env.id, 0))
    model, data = physics_of(twin)
    edited = FrozenModel(env.model).differences(FrozenModel(model))
    differs = (
        f"model ({edited[0]})"
        if edited
        else first_difference(state_parts(env.data), state_parts(data))
        or first_difference(shown_parts(shown), again)
    )
    if differs:
        raise LatentMPCError(
            f"{env.id}: made anew and reset with the same seed it must be the same, its"
            f" {differs} differs; {SEEDS}"
        )


def require_repeats(env: ForeignEnvironment) -> None:
    """Raise ValueError if resets with one seed, or steps from one state, differ by what came before
    them. An environment whose steps draw random numbers is made `noisy`.
    """
    begun, state = state_parts(env.data), integration_state(env.model, env.data)
    env.noisy = _strays(env, state)
    if env.noisy and _strays(env, state):
        raise LatentMPCError(
            f"{env.id}: from one state the same actions must lead to the same state, its step"
            " also follows what reset() drew, or a generator without a seed; keep what reset()"
            " draws in the simulation's data, and draw in step() from self.np_random"
        )
    env.reset(0)
    if differs := first_difference(begun, state_parts(env.data)):
        raise LatentMPCError(
            f"{env.id}: two resets with one seed must give one state, its {differs} differs;"
            f" {SEEDS}, and reset all of the simulation (mujoco.mj_resetData)"
        )


def _strays(env: ForeignEnvironment, state: np.ndarray) -> bool:
    """Whether a few actions from one state lead to another state after another reset."""
    low, high = env.controls.T
    actions = np.random.default_rng(0).uniform(low, high, (TRIED, len(low)))
    ends = []
    for seed in (1, 2):
        env.reset(seed)
        set_integration_state(env.model, env.data, state)
        with seeded(seed):
            for control in actions:
                env.step(control)
                env.put_back()
        ends.append(state_parts(env.data))
    return bool(first_difference(*ends))
