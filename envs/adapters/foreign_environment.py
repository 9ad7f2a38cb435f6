"""An open environment of others: its own reset and step, its model kept as it was frozen, its
random numbers seeded, and stepped on after its own end.
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
from latent_mpc.envs.adapters.foreign_code import ERRORS, EnvironmentFailure, failure, seeded
from latent_mpc.envs.adapters.frozen_model import FrozenModel
from latent_mpc.envs.adapters.opening import open_environment, physics_of, reset
from latent_mpc.envs.adapters.packages import quiet
from latent_mpc.envs.adapters.repeats import shown_parts
from latent_mpc.envs.simulator_state import integration_state, set_integration_state


class ForeignEnvironment:
    """The environment of an id.

    Attributes:
        env: unwrapped.
        model, data: its own.
        controls: least and most of each number of its actions `[A, 2]`.
        noisy: its step draws random numbers, so they are seeded by the state that it begins from.
    """

    def __init__(self, id: str, kwargs: Mapping[str, Any]) -> None:
        self.id, self.kwargs, self.env = id, kwargs, open_environment(id, kwargs)
        with quiet():
            space = self.env.action_space
        assert isinstance(space, gymnasium.spaces.Box)
        self.controls = np.stack([space.low, space.high], axis=-1).astype(np.float64)
        self._dtype = space.dtype
        self.model, self.data = physics_of(self.env)
        self.noisy = self._ended = False
        # fields of the model, in the order in which they were seen to change
        self._edited: dict[str, None] = {}
        self._frozen: FrozenModel | None = None

    def freeze(self) -> None:
        """Keep the model as it is from now on, if it is not kept already."""
        self._frozen = self._frozen or FrozenModel(self.model)

    def thaw(self) -> None:
        """Let the model change."""
        self._frozen = None

    def put_back(self) -> None:
        """Undo what the environment did to its model."""
        if self._frozen and (edited := self._frozen.put_back()):
            self._edited |= dict.fromkeys(edited)
            mujoco.mj_forward(self.model, self.data)

    def reset(self, seed: int) -> Any:
        """Its own reset, and what it shows. Raises ValueError if that is not finite, or it builds
        another model.
        """
        shown = reset(self.env, self.id, seed)
        self._ended = False
        if physics_of(self.env) != (self.model, self.data):
            raise LatentMPCError(
                f"{self.id}: its reset builds another MuJoCo model or data; a task must keep the"
                " one it has"
            )
        if not all(np.isfinite(part).all() for part in shown_parts(shown).values()):
            raise LatentMPCError(
                f"{self.id}: its observation after reset(seed={seed}) holds NaN or infinity; mend"
                " the environment first"
            )
        self.put_back()
        return shown

    def step(self, control: np.ndarray) -> None:
        """Its own step. One that refuses to go on after its own end is reset, and goes on where it
        was.
        """
        before = integration_state(self.model, self.data) if self._ended else None
        try:
            self._step(control)
        except EnvironmentFailure:
            if before is None:
                raise
            self.reset(0)
            set_integration_state(self.model, self.data, before)
            self._step(control)

    def about(self) -> list[str]:
        """Lines for people, on what is done about its habits."""
        lines = []
        if self._edited:
            lines.append(
                "  kept as reset(seed=0) leaves it, though the environment edits it:"
                f" {', '.join(self._edited)}"
            )
        if self.noisy:
            lines.append(
                "  its step draws random numbers; they are seeded by the simulator's state, which"
                " decides what follows"
            )
        return lines

    def _step(self, control: np.ndarray) -> None:
        action = control.astype(self._dtype)
        draws: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if self.noisy:
            state = integration_state(self.model, self.data)
            draws = seeded(zlib.crc32(state.tobytes()), self.env)
        try:
            with draws:
                returned = self.env.step(action)
        except ERRORS as error:
            raise failure(self.id, "step", "its step", error) from error
        # (terminated, truncated), or the older (done,)
        ends = returned[2:-1] if isinstance(returned, tuple) else ()
        self._ended = any(ends)
