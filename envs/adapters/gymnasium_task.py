"""Any Gymnasium environment that stands on MuJoCo, as a task. Its own step moves the robot; its
observation and reward are not used.

The observation is the simulator's: positions, velocities, named sensors. What an environment keeps
in Python beside the simulation (a counter, a controller's memory) is not part of a state and not
restored. Its model stays as the first reset leaves it, and its `terminated` and `truncated` are
ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.keyword_arguments import fingerprint as files_fingerprint
from latent_mpc.configs.keyword_arguments import plain_arguments
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.determinism import require_repeats, require_twin
from latent_mpc.envs.adapters.foreign_environment import ForeignEnvironment
from latent_mpc.envs.adapters.own_success import OwnSuccess, own_success


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
        self._foreign = foreign = ForeignEnvironment(id, self.kwargs)
        self.env = foreign.env
        own = OwnSuccess() if options.get("success") else own_success(self.env)
        self._note = own.note
        shown = self.begin_env(0)
        foreign.freeze()
        if not all(
            options.get(key) for key in ("control_period", "episode_steps", "camera", "success")
        ):
            require_twin(foreign, shown)  # the first time only: to make one may take seconds
        require_repeats(foreign)
        begun = foreign.data.time
        self.advance_step(foreign.controls.mean(axis=1))
        step = foreign.data.time - begun
        if step <= 0:
            raise LatentMPCError(
                f"{id}: its step must advance the simulation's clock, which stood still; it cannot"
                " be a task"
            )
        self._actuators = self._probe_actuators()
        options["success"] = options.get("success") or list(own.written)
        foreign.put_back()
        # anew at the first episode, with what the task shows that was invisible
        foreign.thaw()
        super().__init__(
            foreign.model,
            foreign.data,
            step=round(step, 9),
            controls=foreign.controls,
            **options,
        )
        foreign.freeze()  # where nothing was probed

    def begin(self, rng: np.random.Generator) -> None:
        self._foreign.freeze()
        self.begin_env(int(rng.integers(2**31)))

    def begin_env(self, seed: int) -> Any:
        """The environment's own reset, and what it shows, as of `ForeignEnvironment`."""
        return self._foreign.reset(seed)

    def advance_step(self, control: np.ndarray) -> None:
        self._foreign.step(control)

    def advance(self, control: np.ndarray) -> None:
        super().advance(control)
        self._foreign.put_back()

    def actuator_range(self) -> np.ndarray | None:
        return self._actuators

    def about(self) -> list[str]:
        note = [f"  {self._note}"] if self._note else []
        return [*super().about(), *note, *self._foreign.about()]

    def settings(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kwargs": self.kwargs,
            "fingerprint": self.fingerprint,
            **super().settings(),
        }

    def _probe_actuators(self) -> np.ndarray | None:
        """What the environment's step gives the actuators at the ends of the actions `[A, 2]`; None
        if it does not scale each by itself.
        """
        low, high = self._foreign.controls.T
        shares = (0.0, 1.0, 0.5, np.resize([0.25, 0.75], len(low)))
        given = []
        for share in shares:
            self.advance_step(low + share * (high - low))
            given.append(self._foreign.data.ctrl.copy())
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
