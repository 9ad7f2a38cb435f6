"""Any Gymnasium environment that stands on MuJoCo, as a task. Its own step moves the robot; its
observation and reward are not used.

The observation is the simulator's: positions, velocities, named sensors. What an environment keeps
in Python beside the simulation (a counter, a controller's memory) is not part of a state and not
restored. Its model stays as the first reset leaves it, and its `terminated` and `truncated` are
ignored.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Mapping
from typing import Any

import gymnasium
import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.keyword_arguments import fingerprint as files_fingerprint
from latent_mpc.configs.keyword_arguments import plain_arguments
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.foreign_code import ERRORS, EnvironmentFailure, failure, seeded
from latent_mpc.envs.adapters.frozen_model import FrozenModel
from latent_mpc.envs.adapters.own_success import OwnSuccess, own_success
from latent_mpc.envs.adapters.packages import import_quietly, missing_module, quiet, suggest
from latent_mpc.envs.adapters.repeats import first_difference, shown_parts, state_parts
from latent_mpc.envs.task import integration_state, set_integration_state

SEEDS = "draw from self.np_random, which reset(seed=...) seeds"
UNKNOWN = (gymnasium.error.UnregisteredEnv, gymnasium.error.DeprecatedEnv)
KWARGS: dict[
    type[BaseException], str
] = {  # what an error of a constructor that is given some mostly means
    TypeError: "task.kwargs must be arguments that the environment takes",
    OSError: "files that task.kwargs names must be here, or where the environment has its own",
}
TRIED = 5  # steps from one state, to see whether it decides what follows
NO_IDS = (
    "task.id must be given: task.id=Pusher-v5, or with the module that registers it:"
    " task.id=gymnasium_robotics:PointMaze_UMaze-v3"
)


class GymnasiumTask(CoordinateTask):
    """A Gymnasium environment whose unwrapped self has a MuJoCo model and data.

    Args:
        id: as `gymnasium.make` takes it; `module:Id-v0` imports the module, so it must come from
            the user: see `packages.require_known`.
        kwargs: keyword arguments of the environment, see `plain_arguments`.
        fingerprint: what the files that they name must have, if not empty.
        options: those of `CoordinateTask`.

    Raises:
        FileNotFoundError: a file that `kwargs` names is not there.
        ValueError: no such id, an argument that the environment does not take, a file that was
            changed, a module that is missing, actions that are not bounded numbers, no
            MuJoCo, an observation with NaN, starts or steps that one seed or one state does not
            decide.
        EnvironmentFailure: the environment's own code raised, here or later.
    """

    def __init__(
        self,
        id: str = "",
        kwargs: Mapping[str, Any] | None = None,
        fingerprint: str = "",
        **options: Any,
    ) -> None:
        self.kwargs = plain_arguments(kwargs or {})
        self.fingerprint = files_fingerprint(self.kwargs)
        if fingerprint and fingerprint != self.fingerprint:
            raise LatentMPCError(
                f"{id}: the files that task.kwargs names must have the fingerprint {fingerprint},"
                f" they have {self.fingerprint or 'none'}: they were changed since"
            )
        self.id, self.name = id, id.partition(":")[2].replace("/", "-") or id.replace("/", "-")
        self.env = open_environment(id, self.kwargs)
        own = OwnSuccess() if options.get("success") else own_success(self.env)
        self._note = own.note
        with quiet():
            space = self.env.action_space
        assert isinstance(space, gymnasium.spaces.Box)
        self._dtype = space.dtype
        self._own = model, data = _physics(self.env)
        self._ended = self._noisy = False
        # fields of the model, in the order in which they were seen to change
        self._edited: dict[str, None] = {}
        self._frozen: FrozenModel | None = None
        shown = self.begin_env(0)
        self._frozen = FrozenModel(model)
        if not all(
            options.get(key) for key in ("control_period", "episode_steps", "camera", "success")
        ):
            self._require_twin(shown)  # the first time only: making an environment may take seconds
        controls = np.stack([space.low, space.high], axis=-1).astype(np.float64)
        self._require_repeats(controls)
        begun = data.time
        self.advance_step(controls.mean(axis=1))
        step = data.time - begun
        if step <= 0:
            raise LatentMPCError(
                f"{id}: its step must advance the simulation's clock, which stood still; it cannot"
                " be a task"
            )
        self._actuators = self._probe_actuators(controls)
        options["success"] = options.get("success") or list(own.written)
        self._keep_model()
        # anew at the first episode, with what the task shows that was invisible
        self._frozen = None
        super().__init__(model, data, step=round(step, 9), controls=controls, **options)
        self._frozen = self._frozen or FrozenModel(model)  # where nothing was probed

    def begin(self, rng: np.random.Generator) -> None:
        self._frozen = self._frozen or FrozenModel(self._own[0])
        self.begin_env(int(rng.integers(2**31)))

    def begin_env(self, seed: int) -> Any:
        """The environment's own reset, and what it shows. Raises ValueError if that is not finite,
        or it builds another model.
        """
        shown = _reset(self.env, self.id, seed)
        self._ended = False
        if _physics(self.env) != self._own:
            raise LatentMPCError(
                f"{self.id}: its reset builds another MuJoCo model or data; a task must keep the"
                " one it has"
            )
        if not all(np.isfinite(part).all() for part in shown_parts(shown).values()):
            raise LatentMPCError(
                f"{self.id}: its observation after reset(seed={seed}) holds NaN or infinity; mend"
                " the environment first"
            )
        self._keep_model()
        return shown

    def advance(self, control: np.ndarray) -> None:
        super().advance(control)
        self._keep_model()

    def actuator_range(self) -> np.ndarray | None:
        return self._actuators

    def _probe_actuators(self, controls: np.ndarray) -> np.ndarray | None:
        """What the environment's step gives the actuators at the ends of the actions `[A, 2]`; None
        if it does not scale each by itself.
        """
        low, high = controls.T
        shares = (0.0, 1.0, 0.5, np.resize([0.25, 0.75], len(low)))
        given = []
        for share in shares:
            self.advance_step(low + share * (high - low))
            given.append(self._own[1].ctrl.copy())
        at_low, at_high, *between = given
        scaled = (
            [at_low + share * (at_high - at_low) for share in shares[2:]]
            if at_low.shape == low.shape
            else []
        )
        same = scaled and all(
            np.allclose(ours, theirs, atol=1e-6)
            for ours, theirs in zip(scaled, between, strict=True)
        )
        return np.stack([at_low, at_high], axis=-1) if same else None

    def advance_step(self, control: np.ndarray) -> None:
        """The environment's own step. One that refuses to go on after its own end is reset, and
        goes on where it was.
        """
        before = integration_state(*self._own) if self._ended else None
        try:
            self._step(control)
        except EnvironmentFailure:
            if before is None:
                raise
            self.begin_env(0)
            set_integration_state(*self._own, before)
            self._step(control)

    def about(self) -> list[str]:
        lines = super().about()
        if self._note:
            lines.append(f"  {self._note}")
        if self._edited:
            lines.append(
                "  kept as reset(seed=0) leaves it, though the environment edits it:"
                f" {', '.join(self._edited)}"
            )
        if self._noisy:
            lines.append(
                "  its step draws random numbers; they are seeded by the simulator's state, which"
                " decides what follows"
            )
        return lines

    def settings(self) -> dict[str, Any]:
        own = {"id": self.id, "kwargs": self.kwargs, "fingerprint": self.fingerprint}
        return own | super().settings()

    def _step(self, control: np.ndarray) -> None:
        action = control.astype(self._dtype)
        draws = self._seeded_by_state() if self._noisy else contextlib.nullcontext()
        try:
            with draws:
                returned = self.env.step(action)
        except ERRORS as error:
            raise failure(self.id, "step", "its step", error) from error
        # (terminated, truncated), or the older (done,)
        ends = returned[2:-1] if isinstance(returned, tuple) else ()
        self._ended = any(ends)

    def _seeded_by_state(self) -> contextlib.AbstractContextManager[None]:
        return seeded(zlib.crc32(integration_state(*self._own).tobytes()), self.env)

    def _keep_model(self) -> None:
        """Undo what the environment did to its model."""
        if self._frozen and (edited := self._frozen.put_back()):
            self._edited |= dict.fromkeys(edited)
            mujoco.mj_forward(*self._own)

    def _require_twin(self, shown: Any) -> None:
        """Raise ValueError if the environment, made once more and reset with the same seed, is
        another one.
        """
        twin = open_environment(self.id, self.kwargs)
        again = shown_parts(_reset(twin, self.id, 0))
        model, data = _physics(twin)
        edited = FrozenModel(self._own[0]).differences(FrozenModel(model))
        differs = (
            f"model ({edited[0]})"
            if edited
            else first_difference(state_parts(self._own[1]), state_parts(data))
        )
        differs = differs or first_difference(shown_parts(shown), again)
        if differs:
            raise LatentMPCError(
                f"{self.id}: made anew and reset with the same seed it must be the same, its"
                f" {differs} differs; {SEEDS}"
            )

    def _require_repeats(self, controls: np.ndarray) -> None:
        """Raise ValueError if resets with one seed, or steps from one state, differ by what came
        before them.
        """
        begun, state = state_parts(self._own[1]), integration_state(*self._own)
        self._noisy = self._strays(state, controls)
        if self._noisy and self._strays(state, controls):
            raise LatentMPCError(
                f"{self.id}: from one state the same actions must lead to the same state, its step"
                " also follows what reset() drew, or a generator without a seed; keep what reset()"
                " draws in the simulation's data, and draw in step() from self.np_random"
            )
        self.begin_env(0)
        if differs := first_difference(begun, state_parts(self._own[1])):
            raise LatentMPCError(
                f"{self.id}: two resets with one seed must give one state, its {differs} differs;"
                f" {SEEDS}, and reset all of the simulation (mujoco.mj_resetData)"
            )

    def _strays(self, state: np.ndarray, controls: np.ndarray) -> bool:
        """Whether a few actions from one state lead to another state after another reset."""
        low, high = controls.T
        actions = np.random.default_rng(0).uniform(low, high, (TRIED, len(controls)))
        ends = []
        for seed in (1, 2):
            self.begin_env(seed)
            set_integration_state(*self._own, state)
            with seeded(seed):
                for control in actions:
                    self.advance_step(control)
                    self._keep_model()
            ends.append(state_parts(self._own[1]))
        return bool(first_difference(*ends))


def open_environment(id: str, kwargs: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """The unwrapped environment, checked. Raises ValueError, one line, if it cannot be a task."""
    if not id:
        raise LatentMPCError(NO_IDS)
    env = _make(id, kwargs)
    model, data = _physics(env)
    # some build it at their first reset, OGBench's cubes among them
    if model is None and hasattr(type(env), "model"):
        _reset(env, id, 0)
        model, data = _physics(env)
    if not isinstance(model, mujoco.MjModel) or not isinstance(data, mujoco.MjData):
        needs = (
            "an environment must have a MuJoCo model and data (env.unwrapped.model, .data) once it"
            " is made"
        )
        raise LatentMPCError(f"{id}: {needs}, {type(env).__name__} has not")
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


def _reset(env: Any, id: str, seed: int) -> Any:
    """The environment's own reset, and what it shows."""
    try:
        with seeded(seed, env), quiet():
            return env.reset(seed=seed)[0]
    except ERRORS as error:
        raise failure(id, "reset", f"its reset(seed={seed})", error) from error


def _physics(env: Any) -> tuple[Any, Any]:
    """The environment's model and data, None where it has none, or none before it was reset."""
    try:
        return getattr(env, "model", None), getattr(env, "data", None)
    except Exception:  # OGBench's cubes raise ValueError, others assert
        return None, None
