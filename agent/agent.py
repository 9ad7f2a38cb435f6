"""The agent: observes, remembers, plans, acts, for a batch of episodes, each at its own time step.

It plans anew every model step, from the true history, starting from its last plan moved one step
on.

Shapes: B episodes, A control action, R control steps in a model step, H horizon, D latent.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.cost import Cost, PlanCost, TwoStageCost, plan_cost
from latent_mpc.agent.costs.search_networks import search_networks
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.devices import one_thread
from latent_mpc.agent.heads.proposals import Proposals
from latent_mpc.agent.models.base import Memory
from latent_mpc.agent.models.observations import as_tensors, require_finite
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.planners import Plan, Planner

Arrays = Mapping[str, np.ndarray]


@dataclass
class Episodes:
    """What the agent carries from step to step of B episodes."""

    z_goal: Tensor  # (B, D)
    memory: Memory
    warm: Any  # the decision's own
    plan: Tensor  # (B, H, R * A) the plan in force
    elapsed: Tensor  # (B,) int64 control steps


class Decision(Protocol):
    """How the agent decides; others wrap one (`ReplanEvery` in agent/horizon/replanning.py)."""

    @property
    def planner(self) -> Planner:
        """Who searches."""

    def init(self, B: int, seed: int) -> Any:
        """What is carried between decisions of B episodes: a value with `select`, `put` and
        `reset`, like `planners.Warm`.
        """

    def decide(
        self,
        memory: Memory,
        z_goal: Float[Tensor, "B D"],
        rest: Float[Tensor, "B 1 H A"],
        warm: Any,
    ) -> tuple[Plan, Any]:
        """The plans of B episodes, and what is carried to the next decision, a model step on.
        `rest` keeps the robots where they are.
        """


@dataclass
class FlatDecision:
    """One search per decision, starting from the last plan moved one step on.

    Args:
        cost: (memory, encoded goals `[B, D]`) -> the cost of plans.
        proposals: what proposes plans beside the planner's own.
    """

    planner: Planner
    cost: Callable[[Memory, Tensor], PlanCost | TwoStageCost]
    proposals: Proposals | None = None

    def init(self, B: int, seed: int) -> Any:
        return self.planner.init(B, seed)

    def decide(
        self,
        memory: Memory,
        z_goal: Float[Tensor, "B D"],
        rest: Float[Tensor, "B 1 H A"],
        warm: Any,
    ) -> tuple[Plan, Any]:
        # Doing nothing is always among the candidates: near the goal random ones are all worse, and
        # the robot would hover.
        plan = self.planner.plan(
            self.cost(memory, z_goal), warm, proposals=self._proposed(memory.z, z_goal, rest)
        )
        return plan, plan.warm.shift(1)

    def _proposed(
        self, z: Tensor, z_goal: Tensor, rest: Float[Tensor, "B 1 H A"]
    ) -> Float[Tensor, "B P H A"]:
        """Rest, and what the network proposes: half of the candidates at most."""
        if self.proposals is None:
            return rest
        plans = self.proposals.plans(z, z_goal, self.planner.horizon)
        return torch.cat([rest, plans], dim=1)[:, : max(1, self.planner.algorithm.samples // 2)]


class Agent:
    """A trained world model, a cost and a planner. `Agent.load(path)`, for those who import it from
    `latent_mpc`, reads a checkpoint.

    Args:
        networks: the world model, the learned distance and the probe, in evaluation mode.
        planner: bounds and horizon fit the model's action blocks.
        cost: weights and kind of cost.
        action_repeat: control steps in a model step; an action block holds their actions side by
            side.
        seed: of the planner's random numbers.
        proposals: what proposes plans beside the planner's own; none by default.

    Raises ValueError if the cost needs what the networks have not learned.
    """

    # set by checkpoints/checkpoint.py: an agent knows no files
    load: ClassVar[Callable[..., Agent]]
    # of the episodes that decided last; its `info` says what the decision did
    last_plan: Plan | None = None
    decision: Decision

    def __init__(
        self,
        networks: Networks,
        planner: Planner,
        cost: Cost,
        action_repeat: int = 1,
        seed: int = 0,
        proposals: Proposals | None = None,
    ) -> None:
        self.networks, self.cost, self.action_repeat, self.seed = (
            networks,
            cost,
            action_repeat,
            seed,
        )
        self.model, self.cost_to_go = networks.model, networks.cost_to_go
        self.device = next(networks.model.parameters()).device
        cost.bind(networks)
        # Steps of gradient descent are smaller than what bf16 can tell apart.
        precise = replace(cost, precision="fp32") if planner.algorithm.differentiates else cost
        self.search, self.search_report = search_networks(networks, precise, planner.horizon)
        self.decision = FlatDecision(planner, self.plan_cost, proposals)
        self.episodes: Episodes | None = None

    @property
    def planner(self) -> Planner:
        """Who searches."""
        return self.decision.planner

    def deciding(self, decision: Decision) -> Agent:
        """The same agent, not yet begun, deciding in another way:
        `agent.deciding(ReplanEvery(agent.decision, 3))`.
        """
        other = copy.copy(self)
        other.decision, other.episodes, other.last_plan = decision, None, None
        return other

    def reset(self, goal: Arrays | Float[Tensor, "B D"], mask: np.ndarray | None = None) -> None:
        """Begin episodes towards goals: all B of them, or those where the mask `[B]` is true.

        Args:
            goal: observation at the goal, `[B, ...]` per key, or its latent; B as before where a
                mask is given.

        Raises:
            KeyError: an observation that the model was trained on is missing.
            ValueError: a mask without earlier episodes, or of another length; an observation as in
                `act`.
        """
        # not inference_mode: planners that take gradients need tensors that autograd may save
        with torch.no_grad():
            if isinstance(goal, Tensor):
                require_finite(goal.cpu().numpy(), "goal")
            z_goal = (
                goal
                if isinstance(goal, Tensor)
                else self.model.encode_goal(self._tensors(goal, "goal"))
            )
            batch = len(z_goal)
            if mask is None:
                self.episodes = Episodes(
                    z_goal,
                    self.model.memory(batch),
                    self.decision.init(batch, self.seed),
                    plan=torch.zeros(
                        batch, self.planner.horizon, self.model.actions, device=self.device
                    ),
                    elapsed=torch.zeros(batch, dtype=torch.int64),
                )
                return
            now = self._begun()
            if mask.shape != (len(now.elapsed),) or batch != len(now.elapsed):
                raise LatentMPCError(
                    f"mask and goal must be of {len(now.elapsed)} episodes, got {mask.shape} and"
                    f" {batch}"
                )
            again = torch.as_tensor(mask, dtype=torch.bool)
            there = again.to(self.device)
            now.z_goal = torch.where(there[:, None], z_goal, now.z_goal)
            now.memory, now.warm = now.memory.reset(there), now.warm.reset(again)
            now.elapsed = torch.where(again, 0, now.elapsed)

    def act(
        self, obs: Arrays, still: Float[np.ndarray, "B A"] | None = None
    ) -> Float[np.ndarray, "B A"]:
        """The next control action of every episode, in [-1, 1].

        Args:
            obs: as the model was trained on, B first.
            still: the actions that keep each robot where it is (`Task.still`): a candidate of the
                planner's. Zeros by default.

        Raises:
            KeyError: an observation that the model was trained on is missing.
            ValueError: before `reset`; B differs; pictures that are not uint8; states that are not
                finite numbers.
        """
        now = self._begun()
        if len(now.elapsed) != (actual := len(next(iter(obs.values()), ()))):
            raise LatentMPCError(
                f"observations must be of {len(now.elapsed)} episodes, got {actual}"
            )
        phase = now.elapsed % self.action_repeat
        due = (phase == 0).nonzero()[:, 0]
        with torch.no_grad(), one_thread() if len(due) == 1 else nullcontext():
            if len(due):
                self._decide(
                    now,
                    self._tensors(obs),
                    due,
                    rest_plan(still, self.action_repeat, now.plan)[due.to(self.device)],
                )
        block = now.plan[:, 0].cpu().unflatten(-1, (self.action_repeat, -1))
        action = block[torch.arange(len(phase)), phase]
        now.elapsed = now.elapsed + 1
        return action.numpy()

    def plan_cost(self, memory: Memory, z_goal: Float[Tensor, "B D"]) -> PlanCost | TwoStageCost:
        """The cost of plans towards encoded goals, as `act` hands it to the planner."""
        return plan_cost(self.networks, memory, z_goal, self.cost, self.search)

    def imagined(self) -> Float[Tensor, "B H D"]:
        """What the plans in force lead to, in latents; for pictures."""
        now = self._begun()
        with torch.inference_mode():
            return self.model.imagine(now.memory, now.plan[:, None])[0, :, 0]

    def to_go(self) -> Float[np.ndarray, " B"]:
        """Learned cost-to-go [model steps] of every episode from what was seen last to its goal."""
        now = self._begun()
        with torch.inference_mode():
            return self.cost_to_go(now.memory.z, now.z_goal).cpu().numpy()

    def _decide(
        self, now: Episodes, obs: dict[str, Tensor], due: Tensor, rest: Float[Tensor, "B 1 H A"]
    ) -> None:
        """Observe and plan anew for the episodes that are due."""
        there = due.to(self.device)
        last_action = now.plan[there, 0]
        memory = self.model.observe(
            now.memory.select(there), {key: value[there] for key, value in obs.items()}, last_action
        )
        self.last_plan, warm = self.decision.decide(
            memory, now.z_goal[there], rest, now.warm.select(due)
        )
        now.memory = now.memory.put(there, memory)
        now.warm = now.warm.put(due, warm)
        now.plan = now.plan.index_copy(0, there, self.last_plan.actions)

    def _begun(self) -> Episodes:
        if self.episodes is None:
            raise LatentMPCError("the agent has no goal yet; call reset(goal) first")
        return self.episodes

    def _tensors(self, obs: Arrays, what: str = "observation") -> dict[str, Tensor]:
        return as_tensors(obs, self.model.shapes, self.device, what)


def rest_plan(
    still: Float[np.ndarray, "B A"] | None, action_repeat: int, plans: Float[Tensor, "B H RA"]
) -> Float[Tensor, "B 1 H RA"]:
    """Plans like `plans` that hold one action of each robot all the time; zeros if there is
    none.
    """
    if still is None:
        return torch.zeros_like(plans)[:, None]
    block = torch.as_tensor(still, dtype=plans.dtype, device=plans.device).repeat(1, action_repeat)
    return block[:, None, None].expand(-1, 1, plans.shape[1], -1)
