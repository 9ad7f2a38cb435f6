"""Any Gymnasium environment that stands on MuJoCo, as a task. Its own step moves the robot; its observation and reward are not used.

The observation is the simulator's: positions, velocities, named sensors. What an environment keeps in Python beside the simulation
(a counter, a controller's memory) is not part of a state and not restored.
"""

from __future__ import annotations

import difflib
import sys
from typing import Any

import gymnasium
import mujoco
import numpy as np

from latent_mpc.envs.coordinate_task import CoordinateTask
from latent_mpc.envs.ogbench_success import own_success

EXTRAS = {"gymnasium_robotics": "robotics", "ogbench": "ogbench"}  # modules that a stored id may import, and the extra that brings them
NO_IDS = "task.id must be given: task.id=Pusher-v5, or with the module that registers it: task.id=gymnasium_robotics:PointMaze_UMaze-v3"


class GymnasiumTask(CoordinateTask):
    """A Gymnasium environment whose unwrapped self has a MuJoCo model and data.

    Args:
        id: as `gymnasium.make` takes it; `module:Id-v0` imports the module, so it must come from the user: see `require_known`.
        options: those of `CoordinateTask`.

    Raises:
        ValueError: no such id, a module that is missing, actions that are not bounded numbers, no MuJoCo, an observation with NaN.
    """

    def __init__(self, id: str = "", **options: Any) -> None:
        self.id, self.name = id, id.partition(":")[2].replace("/", "-") or id.replace("/", "-")
        self.env = open_environment(id)
        space = self.env.action_space
        assert isinstance(space, gymnasium.spaces.Box)
        self._dtype = space.dtype
        self._own = model, data = _physics(self.env)
        self.begin_env(0)
        begun = data.time
        controls = np.stack([space.low, space.high], axis=-1).astype(np.float64)
        self.env.step(controls.mean(axis=1).astype(self._dtype))
        step = data.time - begun
        if step <= 0:
            raise ValueError(f"{id}: its step must advance the simulation's clock, which stood still; it cannot be a task")
        self._actuators = self._probe_actuators(controls)
        options["success"] = options.get("success") or own_success(self.env)
        super().__init__(model, data, step=round(step, 9), controls=controls, **options)

    def begin(self, rng: np.random.Generator) -> None:
        self.begin_env(int(rng.integers(2**31)))

    def begin_env(self, seed: int) -> None:
        """The environment's own reset. Raises ValueError if what it shows is not finite, or it builds another model."""
        shown = _reset(self.env, seed)
        if _physics(self.env) != self._own:
            raise ValueError(f"{self.id}: its reset builds another MuJoCo model or data; a task must keep the one it has")
        if not all(np.isfinite(part).all() for part in _numbers(shown)):
            raise ValueError(f"{self.id}: its observation after reset(seed={seed}) holds NaN or infinity; mend the environment first")

    def actuator_range(self) -> np.ndarray | None:
        return self._actuators

    def _probe_actuators(self, controls: np.ndarray) -> np.ndarray | None:
        """What the environment's step gives the actuators at the ends of the actions `[A, 2]`; None if it does not scale each by itself."""
        low, high = controls.T
        shares = (0.0, 1.0, 0.5, np.resize([0.25, 0.75], len(low)))
        given = []
        for share in shares:
            self.advance_step(low + share * (high - low))
            given.append(self._own[1].ctrl.copy())
        at_low, at_high, *between = given
        scaled = [at_low + share * (at_high - at_low) for share in shares[2:]] if at_low.shape == low.shape else []
        same = scaled and all(np.allclose(ours, theirs, atol=1e-6) for ours, theirs in zip(scaled, between, strict=True))
        return np.stack([at_low, at_high], axis=-1) if same else None

    def advance_step(self, control: np.ndarray) -> None:
        self.env.step(control.astype(self._dtype))

    def settings(self) -> dict[str, Any]:
        return {"id": self.id, **super().settings()}


def open_environment(id: str) -> gymnasium.Env[Any, Any]:
    """The unwrapped environment, checked. Raises ValueError, one line, if it cannot be a task."""
    if not id:
        raise ValueError(NO_IDS)
    try:
        env = gymnasium.make(id, disable_env_checker=True).unwrapped  # which warns of the style of what is not used here
    except ModuleNotFoundError as error:
        raise ValueError(_missing_module(id, error)) from error
    except gymnasium.error.Error as error:
        raise ValueError(f"no environment {id!r}: {_suggest(id)} ({' '.join(str(error).split())})") from error
    model, data = _physics(env)
    if model is None and hasattr(type(env), "model"):  # some build it at their first reset, OGBench's cubes among them
        _reset(env, 0)
        model, data = _physics(env)
    if not isinstance(model, mujoco.MjModel) or not isinstance(data, mujoco.MjData):
        needs = "an environment must have a MuJoCo model and data (env.unwrapped.model, .data) once it is made"
        raise ValueError(f"{id}: {needs}, {type(env).__name__} has not")
    space = env.action_space
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise ValueError(f"{id}: actions must be a vector of numbers (a Box), got {space}; discrete actions cannot be planned here")
    if not space.shape[0]:
        raise ValueError(f"{id}: there is no actuator, so nothing can be planned; actions must be one number or more")
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        raise ValueError(f"{id}: actions must have finite bounds, got {space}")
    return env


def require_known(id: str, repeated: str = "") -> None:
    """Raise ValueError if making `id`, which a file brought, would import a module that neither the user named nor the list here does.

    Args:
        repeated: the id as the user typed it, if so.
    """
    module = id.partition(":")[0] if ":" in id else ""
    if repeated and repeated != id:
        raise ValueError(f"the checkpoint was trained on task.id={id}, got task.id={repeated}")
    if module and not repeated and module.partition(".")[0] not in EXTRAS and module not in sys.modules:
        raise ValueError(
            f"the checkpoint wants the Python module {module!r} imported, which runs its code; if you trust it, say so: task.id={id}"
        )


def _reset(env: gymnasium.Env[Any, Any], seed: int) -> Any:
    """The environment's own reset, and what it shows. Some draw from the global generator, OGBench's among them; it is put back."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        return env.reset(seed=seed)[0]
    finally:
        np.random.set_state(before)


def _physics(env: Any) -> tuple[Any, Any]:
    """The environment's model and data, None where it has none, or none before it was reset."""
    try:
        return getattr(env, "model", None), getattr(env, "data", None)
    except ValueError:
        return None, None


def _missing_module(id: str, error: ModuleNotFoundError) -> str:
    module = (error.name or id.partition(":")[0]).partition(".")[0]
    if module in EXTRAS:
        return f"{id} needs {module}: pip install 'latent-mpc[{EXTRAS[module]}]'"
    return f"{id} needs the Python module {module!r}, which is not installed; install it, or add its folder to PYTHONPATH"


def _suggest(id: str) -> str:
    name = id.partition(":")[2] or id
    known = [key for key, spec in gymnasium.registry.items() if not str(spec.entry_point).startswith("gymnasium.envs.tabular")]
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else "no id that is registered looks like it"


def _numbers(shown: Any) -> list[np.ndarray]:
    """The arrays of an observation, whatever its nesting."""
    if isinstance(shown, dict):
        return [array for part in shown.values() for array in _numbers(part)]
    if isinstance(shown, (tuple, list)):
        return [array for part in shown for array in _numbers(part)]
    array = np.asarray(shown)
    return [array] if array.dtype.kind == "f" else []
