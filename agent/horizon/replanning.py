"""The agent that plans anew only every few model steps. It observes in between, so that its memory is the true history."""

from __future__ import annotations

import torch
from torch import Tensor

from latent_mpc.agent.agent import Agent, Episodes
from latent_mpc.configs.errors import LatentMPCError


class Committed(Agent):
    """The same agent, but it follows each plan for `every` model steps. Its episodes begin together: `reset` without a mask.

    Raises ValueError if the plan is shorter than that.
    """

    def __init__(self, agent: Agent, every: int) -> None:
        if not 1 <= every <= agent.planner.horizon:
            raise LatentMPCError(f"every must lie within the plan's 1 to {agent.planner.horizon} model steps, got {every}")
        vars(self).update(vars(agent))  # whatever an agent is made of: it decides as that one does, only less often
        self.every = every

    def _decide(self, now: Episodes, obs: dict[str, Tensor], due: Tensor, rest: Tensor) -> None:
        if int(now.elapsed[0]) // self.action_repeat % self.every == 0:
            super()._decide(now, obs, due, rest)
            return
        now.memory = self.model.observe(now.memory, obs, now.plan[:, 0])
        now.warm = now.warm.shift(1)
        now.plan = torch.cat([now.plan[:, 1:], now.plan[:, -1:]], dim=1)
