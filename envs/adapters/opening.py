"""Opening an environment of others: made by its id, reset, and asked for its MuJoCo model; what
cannot be a task is refused in one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.foreign_code import ERRORS, failure, seeded
from latent_mpc.envs.adapters.packages import import_quietly, missing_module, quiet, suggest

UNKNOWN = (gymnasium.error.UnregisteredEnv, gymnasium.error.DeprecatedEnv)
KWARGS: dict[
    type[BaseException], str
] = {  # what an error of a constructor that is given some mostly means
    TypeError: "task.kwargs must be arguments that the environment takes",
    OSError: "files that task.kwargs names must be here, or where the environment has its own",
}
NO_IDS = (
    "task.id must be given: task.id=Pusher-v5, or with the module that registers it:"
    " task.id=gymnasium_robotics:PointMaze_UMaze-v3"
)


def open_environment(id: str, kwargs: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """The unwrapped environment, checked. Raises ValueError, one line, if it cannot be a task."""
    if not id:
        raise LatentMPCError(NO_IDS)
    env = _make(id, kwargs)
    model, data = physics_of(env)
    # some build it at their first reset, OGBench's cubes among them
    if model is None and hasattr(type(env), "model"):
        reset(env, id, 0)
        model, data = physics_of(env)
    if not isinstance(model, mujoco.MjModel) or not isinstance(data, mujoco.MjData):
        raise LatentMPCError(
            f"{id}: an environment must have a MuJoCo model and data (env.unwrapped.model, .data)"
            f" once it is made, {type(env).__name__} has not"
        )
    with quiet():  # some make it anew each time, and warn each time
        space = env.action_space
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise LatentMPCError(
            f"{id}: actions must be a vector of numbers (a Box), got {space}; discrete actions"
            " cannot be planned here"
        )
    if not space.shape[0]:
        raise LatentMPCError(
            f"{id}: there is no actuator, so nothing can be planned; actions must be one number or"
            " more"
        )
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        raise LatentMPCError(f"{id}: actions must have finite bounds, got {space}")
    return env


def _make(id: str, kwargs: Mapping[str, Any]) -> Any:
    """The unwrapped environment. Raises ValueError if there is none of that id, EnvironmentFailure
    if its own code raises.
    """
    try:
        import_quietly(id)
        with seeded(0), quiet():
            # the checker warns of the style of what is not used here
            return gymnasium.make(id, disable_env_checker=True, **kwargs).unwrapped
    except ModuleNotFoundError as error:
        raise LatentMPCError(missing_module(id, error)) from error
    except ERRORS as error:
        # the latter for a malformed id
        if isinstance(error, UNKNOWN) or type(error) is gymnasium.error.Error:
            raise LatentMPCError(
                f"no environment {id!r}: {suggest(id)} ({' '.join(str(error).split())})"
            ) from error
        if advice := kwargs and KWARGS.get(type(error)):
            reason = " ".join(str(error).partition(" was raised from")[0].split())
            raise LatentMPCError(f"{id}: {advice}, got {', '.join(kwargs)}: {reason}") from error
        raise failure(id, "make", "gymnasium.make", error) from error


def reset(env: Any, id: str, seed: int) -> Any:
    """The environment's own reset, and what it shows."""
    try:
        with seeded(seed, env), quiet():
            return env.reset(seed=seed)[0]
    except ERRORS as error:
        raise failure(id, "reset", f"its reset(seed={seed})", error) from error


def physics_of(env: Any) -> tuple[Any, Any]:
    """The environment's model and data, None where it has none, or none before it was reset."""
    try:
        return getattr(env, "model", None), getattr(env, "data", None)
    except Exception:  # OGBench's cubes raise ValueError, others assert
        return None, None
