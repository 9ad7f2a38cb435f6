"""What the agent thought at its last decision: what the plan costs, where it is imagined to lead,
and how far what came differs from what was imagined.

Shapes: H horizon, K other plans.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.evaluation.episodes import Step
from latent_mpc.agent.heads.probe import Probe

OTHERS = 8  # plans drawn beside the best one at most


class Thoughts:
    """Of one episode's agent; NaN and no paths where nothing was decided."""

    def __init__(self) -> None:
        self._expected: torch.Tensor | None = None  # (D,) the latent that was imagined
        self.forget()

    def forget(self) -> None:
        """Nobody decides."""
        self.cost = self.decision_ms = self.evaluations = math.nan
        self.surprise = math.nan  # of what was seen last [std of latents]
        self.path, self.others = np.zeros((0, 3)), np.zeros((0, 0, 3))
        self._expected = None

    def note(self, agent: Agent, probe: Probe, step: Step) -> None:
        """What a control step's decision came to."""
        assert step.plan is not None and agent.episodes is not None
        plan, memory = step.plan, agent.episodes.memory
        self.surprise = math.nan
        if self._expected is not None:
            missed = memory.z[0] - self._expected
            self.surprise = float(missed.square().mean().sqrt())
        self.cost, self.decision_ms = float(plan.cost[0]), 1e3 * step.seconds
        self.evaluations = float(plan.info["evaluations"][0])
        plans = torch.cat([plan.actions[:, None], plan.warm.elites[:, :OTHERS]], dim=1)
        with torch.inference_mode():
            z = agent.model.imagine(memory, plans)[0, 0]  # (1 + K, H, D)
            self._expected = z[0, 0]
            if probe.knows_places:
                here = memory.z[0].expand(len(z), 1, -1)
                paths = probe(torch.cat([here, z], dim=1)).cpu().numpy()
                self.path, self.others = paths[0], paths[1:]
