"""What has to come to the goal, coordinates and places together: how far they are from it, and how
it is said.

What a config may write: `coordinates.py` and `places.py`; what counts where it writes nothing:
`default_goal.py`.

Shapes: M poses, n positions (`nq`).
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from latent_mpc.envs.adapters.bodies import tracked_body
from latent_mpc.envs.adapters.coordinates import (
    Coordinates,
    read_coordinates,
    require_named,
    tolerances_written,
)
from latent_mpc.envs.adapters.default_goal import (
    default_success,
    joints_success,
    objects_not_counted,
)
from latent_mpc.envs.adapters.lines import first_few, to_change
from latent_mpc.envs.adapters.places import SITE, Place, split_places
from latent_mpc.envs.adapters.roles import Roles


class AskedSuccess:
    """What a config names, or its default, before the robot has moved.

    Args:
        written: as the config has it; nothing means the default.
        given: joints that a goal of one's own names, which are the default then.

    Attributes:
        notes: for people, of what nobody asked for.

    Raises:
        ValueError: what is wrong with it whatever the robot does.
    """

    def __init__(
        self, model: mujoco.MjModel, roles: Roles, written: Sequence[str], given: Sequence[int]
    ) -> None:
        self.model, self.written, self.notes = model, written, list[str]()
        self.default = not written
        if self.default and given:
            self.written = joints_success(model, given)
        elif self.default:
            self.written = default_success(model, roles)
            self.notes = objects_not_counted(model, roles)
        self._joints, self._places = split_places(model, self.written)
        require_named(model, self._joints)

    @property
    def complete(self) -> bool:
        """Whether each has its tolerance, so that none follows from probing."""
        return all(":" in entry for entry in self.written)

    def coordinates(self) -> Coordinates | None:
        """They, where nothing else counts and each has its tolerance."""
        if self._places or not tolerances_written(self.model, self._joints):
            return None
        return read_coordinates(self.model, self._joints)

    def read(self, poses: np.ndarray | None) -> Success:
        """All of it; tolerances that are missing follow from poses `[M, n]` that were visited."""
        return Success(self.model, read_coordinates(self.model, self._joints, poses), self._places)


class Success:
    """What counts, in the poses of a model.

    Attributes:
        positions: those that it depends on, by their numbers.
    """

    def __init__(
        self, model: mujoco.MjModel, coordinates: Coordinates, places: Sequence[Place]
    ) -> None:
        self.model, self.coordinates, self.places = model, coordinates, places
        self._data = mujoco.MjData(model)
        self._body = places[0].body(model) if places else tracked_body(model, coordinates)
        carried = [int(model.jnt_qposadr[j]) for place in places for j in place.joints(model)]
        self.positions = np.unique(np.concatenate([coordinates.index, np.array(carried, int)]))

    def distances(self, qpos: np.ndarray, goal: np.ndarray) -> dict[str, float]:
        """Of each by its name, in tolerances, between positions `[n]`."""
        each = self.coordinates.distances(qpos, goal)
        named = dict(zip(dict.fromkeys(self.coordinates.names), each.tolist(), strict=True))
        here, there = (self.values(one, self.places) for one in (qpos, goal))
        return named | {
            place.label: place.distance(a, b)
            for place, a, b in zip(self.places, here, there, strict=True)
        }

    def values(self, qpos: np.ndarray, places: Sequence[Place]) -> list[np.ndarray]:
        """Where places are in a pose `[n]`."""
        if places:
            self._data.qpos[:] = qpos
            mujoco.mj_kinematics(self.model, self._data)
        return [place.value(self._data) for place in places]

    def points(self, qpos: np.ndarray) -> np.ndarray:
        """In poses `[..., n]` the centre of the first free body that counts, or of the body that
        most of the coordinates move; the first place that counts `[..., 3]` [m].
        """
        pointed = self.places and self.places[0].kind == SITE
        points = np.empty((*qpos.shape[:-1], 3))
        for index in np.ndindex(qpos.shape[:-1]):
            self._data.qpos[:] = qpos[index]
            mujoco.mj_kinematics(self.model, self._data)
            points[index] = (
                self._data.site_xpos[self.places[0].number]
                if pointed
                else self._data.xipos[self._body]
            )
        return points

    def written(self) -> list[str]:
        """As a config has it."""
        return [*self.coordinates.written(), *(place.written() for place in self.places)]

    def about(self) -> str:
        """A line for people."""
        places = [
            f"{place.label} within {place.tolerance:.3g} {place.unit}" for place in self.places
        ]
        each = ", ".join(first_few([*self.coordinates.described(), *places]))
        return f"  reached: {each}  {to_change(self.written())}"
