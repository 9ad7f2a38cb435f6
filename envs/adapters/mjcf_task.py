"""A MuJoCo model in a file, as a task: nothing but the MJCF is needed.

Actions are the actuators' ranges scaled to [-1, 1]; an episode begins at a random pose inside the
joints' ranges, or near the model's keyframe (`envs/adapters/keyframes.py`), settled by a short
simulation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.model_title import model_title, safe
from latent_mpc.configs.names import INCREMENTS
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.feasible import constraint_violation
from latent_mpc.envs.adapters.increments import incremented
from latent_mpc.envs.adapters.keyframes import Beginning
from latent_mpc.envs.adapters.mjcf_files import files_of, read_model
from latent_mpc.envs.adapters.settle import control_range, settle

STEP = 0.01  # [s] about which the control period is rounded: physics steps are grouped to it
MOST_DRAWS = 100  # poses until one settles
COPY = "mjcf"  # folder of a checkpoint in which the model's files are kept


class MjcfTask(CoordinateTask):
    """The robot of an MJCF file.

    Args:
        xml: the file, MJCF or whatever MuJoCo loads; its meshes and textures lie where it says.
        fingerprint: what the model must have, if not empty.
        title: what it is called; empty = as `model_title` has it.
        actions: of position servos, "increments" of the command or "absolute", the command.
        options: those of `CoordinateTask`.

    Raises:
        ValueError: a file that is no model (MuJoCo's own message with its line), a model without
            actuators or with another fingerprint, or one that is not the same when its files are
            copied.
        FileNotFoundError: no such file.
    """

    def __init__(
        self,
        xml: str = "",
        fingerprint: str = "",
        title: str = "",
        actions: str = INCREMENTS,
        **options: Any,
    ) -> None:
        if not xml:
            raise LatentMPCError("task.xml must be given: task.xml=my_robot.xml")
        self.xml, self.name = xml, safe(title) or model_title(xml)
        model = read_model(xml)
        self.files = files_of(xml, model)
        self.fingerprint = self.files.fingerprint()
        if fingerprint and fingerprint != self.fingerprint:
            raise LatentMPCError(
                f"{xml} must be the model of fingerprint {fingerprint}, it has {self.fingerprint}:"
                " its files were changed since"
            )
        self._group = max(1, round(STEP / model.opt.timestep))
        self.actions, self._beginning = actions, Beginning(model)
        self.starts_moved = not self._beginning.mobile
        super().__init__(
            model,
            mujoco.MjData(model),
            step=round(self._group * model.opt.timestep, 9),
            controls=control_range(model),
            incremented=incremented(model, actions),
            **options,
        )

    def begin(self, rng: np.random.Generator) -> None:
        """A random pose as of `Beginning`, brought to rest.

        Drawn again until limits, contacts and closed loops hold, what stands at the key stands and
        an arm touches nothing; after half of the draws nearer and nearer to the key or the model's
        own pose, for a mechanism of many loops takes few others.
        Raises ValueError if the simulation diverges from all of them.
        """
        model, data, beginning = self.model, self.data, self._beginning
        stable = False
        for draw in range(MOST_DRAWS):
            beginning.reset(data)
            data.qpos[:] = beginning.centre + min(1.0, 2 - 2 * draw / MOST_DRAWS) * (
                beginning.pose(rng) - beginning.centre
            )
            settle(model, data, self.incremented, beginning.held(data))
            stable = not any(warning.number for warning in data.warning)
            possible = stable and constraint_violation(model, data, self.usual_depth) <= 1.0
            if possible and beginning.stands(data) and not self._touching(data):
                return
        if stable:  # the model's own pose, nearly: as well as its constraints ever hold
            return
        raise LatentMPCError(
            f"{self.xml}: the simulation diverges from random poses ({MOST_DRAWS} tried); lower its"
            " timestep or joint ranges"
        )

    def advance_step(self, control: np.ndarray) -> None:
        self.data.ctrl[:] = control
        mujoco.mj_step(self.model, self.data, self._group)

    def settings(self) -> dict[str, Any]:
        return {
            "xml": self.xml,
            "fingerprint": self.fingerprint,
            "title": self.name,
            "actions": self.actions,
            **super().settings(),
        }

    def keep(self, folder: Path) -> dict[str, Any]:
        copy = self.files.copy(folder / COPY)
        if self.files.fingerprint() != self.fingerprint:
            raise LatentMPCError(
                f"{self.xml} must stay as it is while a run begins, but its files were changed"
                " since; start the run again"
            )
        return {"xml": copy.relative_to(folder).as_posix()}
