"""Inside the dream: the world as the model imagines it, driven by somebody's hands, no simulator in
the loop.

What is imagined is a latent. People see it as the picture that the decoder makes of it, where the
checkpoint has learned one (`decoder.steps` of `train`), and as a robot brought to where the probe
says that what has to reach the goal is.

Shapes: n simulator state, A control action, R control steps in a model step.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from latent_mpc.agent.build import Parts
from latent_mpc.agent.cli.live.snapshot import Dreamt
from latent_mpc.agent.heads.decoder import Decoder
from latent_mpc.agent.models.base import Memory
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.posing import bring
from latent_mpc.envs.task import Task

APART = 0.05  # of the width of goals: dream and simulator are no longer together


class Dream:
    """An imagined world that begins where a memory ends.

    Args:
        state: the simulator's at that moment `[n]`: what the probed robot is brought from.
        width: how far apart goals lie at most [m].

    Raises ValueError where nothing of it could be seen.
    """

    def __init__(
        self, parts: Parts, task: Task, memory: Memory, state: np.ndarray, width: float
    ) -> None:
        decoder = parts.heads.get("decoder")
        self.decoder = decoder if isinstance(decoder, Decoder) else None
        if self.decoder is None and not parts.probe.knows_places:
            raise LatentMPCError(
                "a dream needs a decoder or a probe to be seen with; train with decoder.steps=2000"
            )
        self.parts, self.task, self.memory, self.state = parts, task, memory, state.copy()
        self.steps = self.parted = 0
        self._far = APART * width
        self._repeat = int(parts.config["task"]["action_repeat"])
        self._block: list[np.ndarray] = []
        self._place = self._probed()

    def step(self, action: np.ndarray) -> None:
        """One control step under an action `[A]`; the dream moves when a model step is whole."""
        self._block.append(np.asarray(action, np.float32))
        if len(self._block) < self._repeat:
            return
        model = self.parts.model
        with torch.inference_mode():
            block = torch.as_tensor(np.concatenate(self._block), device=self.memory.z.device)
            z = model.imagine(self.memory, block[None, None, None])[0, :, 0, 0]
            self.memory = self.memory._replace(z=z)
        self._block, self.steps = [], self.steps + 1
        self._place = self._probed()
        if self._place is not None:
            self.state = bring(self.task, self.state, self._place)[0]

    def apart(self, state: np.ndarray) -> float:
        """How far the dream is from a simulator state `[n]` that was done the same [m]; NaN without
        a probe. Notes when they part.
        """
        if self._place is None:
            return math.nan
        error = float(np.linalg.norm(self.task.tracked_point(state) - self._place))
        if not self.parted and error > self._far:
            self.parted = self.steps
        return error

    def shown(self) -> Dreamt:
        """Where it is."""
        return Dreamt(self.steps, self._place, self.state, self._picture(), self.parted)

    def _probed(self) -> np.ndarray | None:
        if not self.parts.probe.knows_places:
            return None
        with torch.inference_mode():
            place: np.ndarray = self.parts.probe(self.memory.z)[0].cpu().numpy()
        return place.astype(np.float64)

    def _picture(self) -> np.ndarray | None:
        if self.decoder is None:
            return None
        with torch.inference_mode():
            picture: np.ndarray = self.decoder(self.memory.z)[0].cpu().numpy()
        return picture
