"""Who acts: the agent, or somebody's hands while the agent looks on.

Shapes: B episodes (one here), A control action.
"""

from __future__ import annotations

import numpy as np
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.evaluation.episodes import Observed
from latent_mpc.agent.models.base import Memory
from latent_mpc.agent.models.observations import as_tensors
from latent_mpc.planners import Plan


class Pilot:
    """A policy of one episode: the agent's, until there are `hands`."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.hands: np.ndarray | None = None  # (A,) what somebody does; None: the agent acts

    @property
    def last_plan(self) -> Plan | None:
        """What the agent decided last."""
        return self.agent.last_plan

    @property
    def within_model_step(self) -> bool:
        """Whether an action block is not yet done."""
        now = self.agent.episodes
        return now is not None and bool(now.elapsed[0] % self.agent.action_repeat)

    def reset(self, goal: Observed) -> None:
        self.agent.reset(goal)

    def act(self, obs: Observed, still: np.ndarray | None = None) -> np.ndarray:
        if self.hands is None:
            return self.agent.act(obs, still)
        return self._watch(obs, self.hands)

    def _watch(self, obs: Observed, action: np.ndarray) -> np.ndarray:
        """Remember what is seen as if the agent had done this."""
        agent, now = self.agent, self.agent.episodes
        assert now is not None  # a session begins with a goal
        phase, width = int(now.elapsed[0]) % agent.action_repeat, len(action)
        with torch.no_grad():
            if phase == 0:
                seen = as_tensors(obs, agent.model.shapes, agent.device)
                now.memory = agent.model.observe(now.memory, seen, now.plan[:, 0])
            now.plan = now.plan.clone()
            now.plan[0, 0, phase * width : (phase + 1) * width] = torch.as_tensor(action)
        now.elapsed = now.elapsed + 1
        return action[None].astype(np.float32)


def seen_now(agent: Agent, obs: Observed) -> Memory:
    """The agent's memory with one more observation, a model step after its last; its own stays as
    it is.
    """
    now = agent.episodes
    assert now is not None
    with torch.no_grad():
        seen = as_tensors(obs, agent.model.shapes, agent.device)
        return agent.model.observe(now.memory, seen, now.plan[:, 0])


def aim(agent: Agent, goal: Observed) -> None:
    """Another goal for an episode that goes on: nothing that was seen is forgotten."""
    now = agent.episodes
    assert now is not None
    with torch.no_grad():
        now.z_goal = agent.model.encode_goal(as_tensors(goal, agent.model.shapes, agent.device))


def take_over(agent: Agent, before: Agent) -> Agent:
    """An agent of the same networks that goes on where another one is, with plans of its own; it
    decides at once.
    """
    now = before.episodes
    assert now is not None
    last = now.plan[:, :1]
    agent.reset(now.z_goal)
    assert agent.episodes is not None
    agent.episodes.memory = now.memory
    agent.episodes.plan[:, :1] = last
    return agent
