"""The yardstick: the cross-entropy method as textbooks have it, warm. Written here and nowhere
else, so that no tuning of ours moves it.

B problems, N candidates, H horizon, A action.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.planners.problems import Problem, RolloutCost

# How textbook methods and peers, which have no default for small budgets, share evaluations out:
# (candidates, iterations)
SPLITS = {40: (20, 2), 120: (40, 3), 300: (60, 5), 900: (150, 6), 3000: (300, 10)}


def elites(samples: int) -> int:
    """A tenth, as in stable-worldmodel's 30 of 300, and at least four, below which a standard
    deviation is noise.
    """
    return max(4, samples // 10)


@dataclass
class Textbook:
    """White noise, mean and standard deviation refitted to the elites and nothing mixed in, the
    mean executed (Rubinstein 1999).

    The plan moves on by one step from decision to decision, its last action repeated. Actions stay
    in [-1, 1], the mean is a candidate. Of the initial standard deviations 0.5 and 1 the first is
    the better one, on both problems (other starts).
    """

    problem: Problem
    evaluations: int
    std: float = 0.5

    def reset(self, B: int, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.mean = torch.zeros(B, self.problem.horizon, self.problem.actions)

    def act(self, cost: RolloutCost) -> Tensor:
        samples, iterations = SPLITS[self.evaluations]
        mean, std = self.mean, torch.full_like(self.mean, self.std)
        for _ in range(iterations):
            noise = torch.randn(len(mean), samples, *mean.shape[1:], generator=self.random)
            candidates = (mean[:, None] + std[:, None] * noise).clamp(-1, 1)  # (B, N, H, A)
            candidates[:, 0] = mean
            best = cost(candidates).topk(elites(samples), dim=1, largest=False).indices
            chosen = candidates.gather(1, best[:, :, None, None].expand(-1, -1, *mean.shape[1:]))
            mean, std = chosen.mean(1), chosen.std(1)
        self.mean = torch.cat([mean[:, 1:], mean[:, -1:]], 1)
        return mean[:, 0]
