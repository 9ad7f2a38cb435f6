"""The seam of a head: its config, how it is built, and how it is fitted on frozen latents.
Everything that goes over the learned parts (building, saving, loading, checking, training,
inspecting) goes over `heads()`.

Packages bring theirs by the entry points `latent_mpc.heads`.

Shapes: N rows of data, D latent, A action block, C numbers on which success depends.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.models.base import Shapes, WorldModel
from latent_mpc.configs.plugins import registered
from latent_mpc.envs.rollouts.reader import Rollouts

AHEAD = 5  # model steps that a row is imagined from, at most
CHUNK = 16_384  # rows that are imagined together


class Sizes(NamedTuple):
    """What a head is built for."""

    latent: int
    actions: int  # of an action block
    shapes: Shapes  # of the observations
    counted: int = 0  # C; 0 = the whole state counts


class FrozenData:
    """All rollouts, model step by model step, as a trained world model sees them.

    Args:
        z: latents, the model steps of an episode in succession `[N, D]`.
        last: last row of each row's episode, `[N]`.
        source: the row of the rollouts that each came from, `[N]`.
        rollouts: where they came from.
        action_repeat: control steps in a model step.
        tracked: simulator states `[M, n]` -> where what has to reach the goal is `[M, 3]` [m].
        counted: simulator states `[M, n]` -> the numbers on which success depends `[M, C]`; None
            where the whole state counts.
        model: that the latents are of.
    """

    def __init__(
        self,
        z: Float[Tensor, "N D"],
        last: np.ndarray,
        source: np.ndarray | None = None,
        rollouts: Rollouts | None = None,
        action_repeat: int = 1,
        tracked: Callable[[np.ndarray], np.ndarray] | None = None,
        counted: Callable[[np.ndarray], np.ndarray | None] | None = None,
        model: WorldModel | None = None,
    ) -> None:
        self.z, self.last, self.action_repeat = z, last, action_repeat
        self._source, self._rollouts, self._tracked = source, rollouts, tracked
        self._counted, self._model = counted, model

    def gather(self, key: str, rows: np.ndarray) -> np.ndarray:
        """What was recorded at some rows, `[*rows.shape, ...]`. Raises KeyError if it was not."""
        assert self._rollouts is not None and self._source is not None
        return self._rollouts.gather(self._source[rows], [key])[key]

    def has(self, key: str) -> bool:
        """Whether it was recorded: data of other libraries may hold no simulator states."""
        return self._rollouts is not None and key in self._rollouts.keys

    @cached_property
    def actions(self) -> Float[Tensor, "N A"]:
        """The block that was done at each row; an episode's last rows have none that is theirs."""
        assert self._rollouts is not None and self._source is not None
        # beyond the end where an episode, and with it the data, ends
        blocks = self._source[:, None] + np.arange(self.action_repeat)
        rows = np.minimum(blocks, len(self._rollouts.arrays["action"]) - 1)
        return torch.as_tensor(
            self._rollouts.gather(rows, ["action"])["action"].reshape(len(self.z), -1),
            device=self.z.device,
        )

    @torch.no_grad()
    def imagined(self, every: int) -> Float[Tensor, "M D"] | None:
        """Every so many rows' latents as the model imagines them, from up to AHEAD steps before
        under what was done then; an episode's first as it is. None without a model.
        """
        if self._model is None:
            return None
        rows = np.arange(0, len(self.z), every)
        first = np.searchsorted(self.last, self.last[rows])  # of the row's episode
        ahead = np.minimum(1 + np.arange(len(rows)) % AHEAD, rows - first)
        imagined = self.z[rows].clone()
        for steps in range(1, AHEAD + 1):
            for where in np.split(w := np.flatnonzero(ahead == steps), range(CHUNK, len(w), CHUNK)):
                begin = rows[where] - steps
                actions = self.actions[begin[:, None] + np.arange(steps)]
                came = self._model.rollout_ensemble(self.z[begin], actions)
                imagined[where] = came[:, :, -1].mean(dim=0)
        return imagined

    def positions(self, every: int) -> Float[Tensor, "M 3"]:
        """Where what has to reach the goal was at every so many rows [m]."""
        assert self._tracked is not None
        points = self._tracked(self._states(every))
        return torch.as_tensor(points, dtype=torch.float32, device=self.z.device)

    def counted(self, every: int) -> Float[Tensor, "M C"]:
        """The numbers on which success depends at every so many rows; of tasks that name some."""
        assert self._counted is not None
        numbers = self._counted(self._states(every))
        assert numbers is not None
        return torch.as_tensor(numbers, dtype=torch.float32, device=self.z.device)

    def _states(self, every: int) -> np.ndarray:
        """Simulator states `[M, n]` of every so many rows."""
        assert self._rollouts is not None and self._source is not None
        states: np.ndarray = self._rollouts.arrays["physics"][self._source[::every]]
        return states


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int
    learning_rate: float
    warmup: int = 100  # steps over which the rate rises from zero
    final: float = 0.02  # share of the rate left at the end of the cosine
    weight_decay: float = 1e-4
    clip: float = 1.0  # largest norm of the gradient
    save_every: int = 500  # steps between two states on disk

    def rate(self, step: int) -> float:
        """Learning rate at a step."""
        cosine = 0.5 + 0.5 * math.cos(math.pi * step / self.steps)
        return (
            self.learning_rate
            * min(1.0, (step + 1) / self.warmup)
            * (self.final + (1 - self.final) * cosine)
        )


class Step(Protocol):
    """One step of an optimisation (`agent/training/loop.py`)."""

    number: int  # from 0
    rng: np.random.Generator  # of all its random numbers

    @property
    def progress(self) -> float:
        """Share of the phase that is over, in [0, 1)."""

    def minimise(self, terms: Mapping[str, Tensor]) -> None:
        """Take one step down the term "loss"; the others are logged."""


class MakeTrainer(Protocol):
    """A run's optimisations by name: `for step in trainer("probe", self, schedule):
    step.minimise({"loss": …})`.
    """

    @property
    def seed(self) -> int:
        """Of the run."""

    def __call__(self, phase: str, module: nn.Module, schedule: Schedule) -> Iterable[Step]: ...


class Head(nn.Module, ABC):
    """A learned part. Its `name` is its key in configs; its `Config` says how large it is and how
    it is trained.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    config: Any

    @classmethod
    @abstractmethod
    def build(cls, sizes: Sizes, config: Any) -> Head | None:
        """With fresh weights; None where the config wants none."""

    @abstractmethod
    def fit(
        self, data: FrozenData, others: Mapping[str, Head], trainer: MakeTrainer, updates: int = 0
    ) -> None:
        """Train it.

        Several ranks (`agent/ranks.py`) draw the same batch; a loss that is a mean over its rows
        may be taken of `ranks.own(rows)`.

        Args:
            others: the heads that were fitted before, in the order of their names.
            updates: if not those of its config, for a training in rounds.
        """


def heads() -> dict[str, type[Head]]:
    """Every learned part by name, in the order in which they are built and fitted."""
    return registered("latent_mpc.agent.heads", Head, "latent_mpc.heads")
