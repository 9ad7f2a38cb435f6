"""Sampling finds the valley, gradients its bottom: rounds of CEM, then steps of Adam from the mean
and the kept elites.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import ClassVar

import torch
from torch import Tensor

from latent_mpc.configs.checks import above, at_least
from latent_mpc.planners.adam import Descent
from latent_mpc.planners.algorithm import Search, ranked
from latent_mpc.planners.cem import CEM


@dataclass(frozen=True)
class Hybrid(CEM):
    """CEM, then gradient steps on its elites (CEM-GD, Huang et al. 2021; GradCEM, Bharadhwaj et al.
    2020).

    Differs: gradient steps come after all sampling, from a few plans at once, so that most of the
    budget needs no graph.
    """

    name: ClassVar[str] = "hybrid"
    differentiates: ClassVar[bool] = True

    # iterations per decision, of both kinds. Source: ours
    iterations: int = 10
    # iterations of these, the last ones, that are steps of Adam; at least one samples. Source: ours
    steps: int = 6
    # share of the elites that is kept and descended from, beside the mean. Source: ours; an
    # iteration of 5 plans is cheap
    keep_elites: float = 0.5
    # length of a step of Adam [half-ranges]. Source: ours
    rate: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, steps=1)
        above(self, rate=0)

    @property
    def rounds(self) -> int:
        """Iterations that sample."""
        return max(1, self.iterations - self.steps)

    def takes_gradient(self, search: Search) -> bool:
        return isinstance(search.memory, Descent)

    def counts(self) -> Iterator[int]:
        return chain(repeat(self.samples, self.rounds), repeat(min(self.samples, 1 + self.kept)))

    def sample(self, search: Search, noise: Tensor) -> Tensor:
        fresh = super().sample(search, noise)
        return search.memory.candidates(fresh) if isinstance(search.memory, Descent) else fresh

    def update(
        self, search: Search, candidates: Tensor, score: Tensor
    ) -> tuple[Search, dict[str, Tensor]]:
        if isinstance(search.memory, Descent):
            return self._descend(search, search.memory, candidates, score)
        new, diagnostics = super().update(search, candidates, score)
        done = (search.memory or 0) + 1
        return new._replace(memory=done if done < self.rounds else _starts(new)), diagnostics

    def _descend(
        self, search: Search, descent: Descent, candidates: Tensor, score: Tensor
    ) -> tuple[Search, dict[str, Tensor]]:
        new, _ = descent.step(search, candidates, score, self.rate)
        pool = torch.cat([candidates.detach(), search.elites], 1)
        elites, top_score = ranked(pool, torch.cat([score.detach(), search.score], 1), self.kept)
        return new._replace(elites=elites, score=top_score), {"elite": top_score}


def _starts(search: Search) -> Descent:
    """The mean, which the loop keeps in slot 0, and the elites."""
    lost = torch.cat([torch.zeros_like(search.score[:, :1]), search.score], 1).isinf()
    return Descent.begin(torch.cat([search.mean[:, None], search.elites], 1), lost)
