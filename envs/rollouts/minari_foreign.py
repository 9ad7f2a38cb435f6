"""A Minari data set that others recorded, read for a task: actions by the set's own space, states
by what they are seen to mean.

Where the set's steps, played again from simulator states rebuilt from its numbers, do what was
recorded, everything is known: which column is what, the unit of the actions, how long a step is.
Observations are then what the task shows at those states. Without that, a set is taken as it stands
if its numbers fit, and a line says so; not for an environment, whose own observation is another
than the task's, unless the set names that environment.

Shapes: T control steps, S observed numbers, A action, M simulator numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.rollouts.fit import require_shapes, require_width
from latent_mpc.envs.rollouts.minari_set import SCHEME, MinariSet, as_rows
from latent_mpc.envs.rollouts.reader import (
    Arrays,
    Rollouts,
    RolloutWriter,
    broken,
    leave_out,
    without,
)
from latent_mpc.envs.rollouts.replay import AGREE, Layout, Replay
from latent_mpc.envs.task import Task, action_of

if TYPE_CHECKING:
    from minari.dataset.episode_data import EpisodeData

INFOS = "qpos and qvel in its infos"
EPISODES, STEPS = 4, 8  # that are played again
SLACK = 1e-5  # of its bound, by which rounding may bring an action out of its space
RECORD = "give data of it with qpos and qvel of every step in its infos"


class Source(NamedTuple):
    """From which numbers of an episode its simulator states are rebuilt."""

    name: str
    layout: Layout
    vector: Callable[[EpisodeData], np.ndarray]  # [T + 1, S]; NaN where the episode has none


class Scale(NamedTuple):
    """What actions -1 and 1 of the task are among the recorded ones `[A]`."""

    low: np.ndarray
    high: np.ndarray

    def __call__(self, actions: np.ndarray) -> np.ndarray:
        """Recorded actions `[T, A]` as the task's."""
        return action_of(actions, np.stack([self.low, self.high], axis=-1))


class Reader:
    """How the episodes of a set become rollouts of a task. A few of them decide.

    Args:
        skip: episodes to leave out.

    Attributes:
        source: from what states are rebuilt; None: observations are taken as they stand.
        scale: of the actions.
        note: what was decided, for people.

    Raises:
        ValueError: what does not fit, and what would do, in one line.
    """

    def __init__(self, data: MinariSet, task: Task, skip: Sequence[int] = ()) -> None:
        self.data, self.task, self.keys, self.skip = data, task, task.obs_keys, sorted(set(skip))
        self.where = f"data={SCHEME}{data.name}"
        self._kept: list[int] = without(self.where, len(data), skip).tolist()
        if not self._kept:
            raise LatentMPCError(f"{self.where} holds no episode to train on; give other data")
        require_width(self.where, data.shapes["action"], task)
        self._replay = Replay(task)
        self._layouts = list(self._replay.layouts())
        self.source: Source | None = None
        self.scale, self.note = self._decide()

    def require_sound(self) -> None:
        """Check every number. Raises ValueError that names episodes which cannot be trained on."""
        problems = {
            i: why for i, episode in self._episodes(self._kept) if (why := self._problem(episode))
        }
        if problems:
            raise leave_out(self.where, problems, self.skip, len(self.data))
        if cut := sum(
            self._known(episode) != slice(0, len(episode) + 1)
            for _, episode in self._episodes(self._kept)
        ):
            self.note += (
                f"; {cut} of {len(self._kept)} episodes are cut to where their states are known,"
                " such as at a clipped velocity"
            )

    def write(self, out: str | os.PathLike[str], meta: Mapping[str, Any]) -> Rollouts:
        """Write the folder `out`, going on where an earlier call was stopped."""
        metadata = {
            **meta,
            "minari": self.data.name,
            "obs": list(self.keys),
            "states": self.source.name if self.source else "as they stand",
            "actions": [bound.tolist() for bound in self.scale],
            "skipped": self.skip,
        }
        with RolloutWriter(out, metadata) as writer:
            for i, episode in self._episodes([i for i in self._kept if i >= writer.next_number]):
                writer.append(self._arrays(episode), i)
        return Rollouts(out)

    def _problem(self, episode: EpisodeData) -> str:
        """Why an episode cannot be trained on; empty if it can."""
        arrays = self._observed(episode) | {"action": (actions := self._actions(episode))}
        for key, rows in arrays.items():
            expected = (len(actions) + (key != "action"), *self.data.shapes[key])
            if rows.shape != expected:
                return (
                    f"has {key} of {list(rows.shape)}, where its space and its actions make"
                    f" {list(expected)}"
                )
        if hole := broken(arrays):
            return hole
        if len(outside := np.argwhere(_outside(actions, self.data.low, self.data.high))):
            return (
                f"has {len(outside)} action numbers outside the set's action space, at step"
                f" {outside[0, 0]} first; clip them or widen it"
            )
        known = self._known(episode)
        return (
            f"has no two steps whose states are known from {self.source.name}"
            if self.source and known.stop - known.start < 2
            else ""
        )

    def _known(self, episode: EpisodeData) -> slice:
        """The longest part of an episode in which states are known, all of it if they are not asked
        for [rows].
        """
        if self.source is None:
            return slice(0, len(episode) + 1)
        lost = np.flatnonzero(np.isnan(self._numbers(episode)).any(axis=1))
        ends = np.concatenate([[-1], lost, [len(episode) + 1]])
        longest = int(np.diff(ends).argmax())
        return slice(int(ends[longest]) + 1, int(ends[longest + 1]))

    def _arrays(self, episode: EpisodeData) -> Arrays:
        """What is written of an episode, `[T + 1, ...]` each."""
        known = self._known(episode)
        action = self.scale(self._actions(episode)).astype(np.float32)
        rows = {
            "action": np.concatenate(
                [action[known.start : known.stop - 1], np.zeros_like(action[:1])]
            )
        }
        if self.source is None:
            return rows | self._observed(episode)
        controls = self.task.control(np.concatenate([np.zeros_like(action[:1]), action]))
        physics = self._replay.rebuild(self._numbers(episode)[known], controls[known])
        shown = [self.task.observation(state) for state in physics]
        return (
            rows
            | {key: np.stack([one[key] for one in shown]) for key in self.keys}
            | {"physics": physics}
        )

    def _decide(self) -> tuple[Scale, str]:
        data, task = self.data, self.task
        own = Scale(data.low, data.high)
        raw = Scale(*(task.control(np.full(task.action_width, bound)) for bound in (-1.0, 1.0)))
        bounded = bool(np.isfinite(own).all())
        sources, least = [source for source in self._sources() if not source.layout.missing], np.inf
        episodes = [episode for _, episode in self._episodes(self._kept[:EPISODES])]
        for source in sources:
            for scale in [own, raw] if bounded else [raw]:
                misses = self._misses(source, scale, episodes)
                least = min(least, miss := float(misses.min()))
                if miss <= AGREE:
                    self._require_period(1 + int(misses.argmin()))
                    self.source = source
                    return (
                        scale,
                        (
                            f"{self.where}: states from {source.name}; played again, its steps miss"
                            f" by {miss:.1%} of their way"
                        ),
                    )
        return own if bounded else raw, self._unconfirmed(sources, bounded, least)

    def _unconfirmed(self, sources: list[Source], bounded: bool, least: float) -> str:
        """What to do with a set whose steps, played again, do not do what was recorded. Raises
        ValueError where nothing can be done.
        """
        data, task, id = self.data, self.task, getattr(self.task, "id", None)
        named = id is not None and data.environment in (id, id.partition(":")[2])
        miss = (
            f"; played again, its steps miss by {least:.0%} of their way"
            if np.isfinite(least)
            else ""
        )
        if id is not None and data.environment and not named:
            raise LatentMPCError(
                f"{self.where} is of {data.environment}, not of {id}; give"
                f" task.id={data.environment} or other data"
            )
        if not bounded and not named:
            raise LatentMPCError(
                f"{self.where} has actions without bounds, so their unit is not known{miss}; give"
                " data with a bounded action space"
            )
        if id is not None and (self.keys != ("pixels",) or "pixels" not in data.shapes):
            trusted = (INFOS, f"the observation of {task.name}") if named else ()
            self.source = next((source for source in sources if source.name in trusted), None)
            if self.source is None:
                raise LatentMPCError(f"{self.where} {self._why(miss)}; {RECORD}")
        elif any(data.shapes.get(key) != shown.shape for key, shown in task.observation().items()):
            self.source = next((source for source in sources if source.name == INFOS), None)
            if self.source is None:
                require_shapes(self.where, data.shapes, task)
        if named:
            self._require_period(1)
        states = (
            f"states from {self.source.name}" if self.source else "its observations as they stand"
        )
        return (
            f"{self.where}: {states}, a step of it as {task.control_period:g} s: not"
            f" confirmed{miss}"
        )

    def _why(self, miss: str) -> str:
        """Why no states can be had, of an environment's set."""
        shapes = self.data.shapes
        fitting = [source.layout for source in self._sources()]
        if missing := [layout for layout in fitting if layout.missing]:
            return (
                f"has observations of {list(shapes['state'])}, as {missing[0].name}, without"
                f" {', '.join(missing[0].missing)}"
            )
        if not fitting:
            known = ", ".join(f"{layout.name} [{layout.width}]" for layout in self._layouts)
            return (
                f"has {', '.join(f'{key} of {list(shape)}' for key, shape in shapes.items())}, none"
                f" of {known}"
            )
        return f"does not do what {self.task.name} does{miss}"

    def _require_period(self, steps: int) -> None:
        """Raise ValueError unless a recorded step, of so many of the task's own, lasts as long as
        the task's.
        """
        own_steps = getattr(self.task, "steps_held", 1)
        if steps != own_steps:
            period, own = (
                round(self.task.control_period / own_steps * steps, 9),
                self.task.control_period,
            )
            raise LatentMPCError(
                f"{self.where} has steps of {period:g} s, the task's are {own:g} s; give"
                f" task.control_period={period:g}"
            )

    def _sources(self) -> Iterator[Source]:
        """Numbers that may be a state, the plainest first."""
        model, first = self.task.model, next(iter(self._episodes(self._kept[:1])))[1]

        def infos(episode: EpisodeData) -> np.ndarray:
            parts = [np.asarray((episode.infos or {}).get(key, ())) for key in ("qpos", "qvel")]
            shapes = [(len(episode) + 1, width) for width in (model.nq, model.nv)]
            fit = [part.shape for part in parts] == shapes
            return (
                np.concatenate(parts, axis=1)
                if fit
                else np.full((len(episode) + 1, model.nq + model.nv), np.nan)
            )

        if not np.isnan(infos(first)).all():
            yield Source(INFOS, self._layouts[-1], infos)
        width = self.data.shapes.get("state")
        for layout in self._layouts if width else ():
            if (layout.width,) == width:
                yield Source(
                    layout.name, layout, lambda episode: self.data.observed(episode)["state"]
                )

    def _misses(self, source: Source, scale: Scale, episodes: list[EpisodeData]) -> np.ndarray:
        parts = []
        for episode in episodes:
            vectors, actions = source.vector(episode), self._actions(episode)
            if vectors.shape == (len(actions) + 1, source.layout.width) and len(actions):
                numbers = source.layout.decode(vectors)
                steps = np.unique(np.linspace(0, len(actions) - 1, STEPS).astype(int))
                parts.append(
                    (numbers[steps], self.task.control(scale(actions[steps])), numbers[steps + 1])
                )
        return (
            self._replay.misses(*map(np.concatenate, zip(*parts, strict=True)))
            if parts
            else np.full(1, np.inf)
        )

    def _numbers(self, episode: EpisodeData) -> np.ndarray:
        """Simulator numbers `[T + 1, M]`, NaN where the episode does not tell them."""
        assert self.source is not None
        return self.source.layout.decode(self.source.vector(episode))

    def _observed(self, episode: EpisodeData) -> Arrays:
        """What is taken of an episode's observations, checked or written."""
        observed = as_rows(self.data.observed(episode))
        return {
            key: rows
            for key, rows in observed.items()
            if key in self.keys or (self.source and key == "state")
        }

    def _actions(self, episode: EpisodeData) -> np.ndarray:
        """As recorded, float64 `[T, A]`."""
        actions = np.asarray(episode.actions, np.float64)
        return actions.reshape(len(actions), -1)

    def _episodes(self, indices: list[int]) -> Iterator[tuple[int, EpisodeData]]:
        return zip(indices, self.data.episodes(indices), strict=True)


def _outside(actions: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Which numbers lie outside their bounds."""
    return (actions < low - SLACK * np.maximum(1.0, np.abs(low))) | (
        actions > high + SLACK * np.maximum(1.0, np.abs(high))
    )
