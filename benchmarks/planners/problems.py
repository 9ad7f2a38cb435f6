"""Control problems with known dynamics: what a planner is given, and what its plans then cost in
the world. Closed form, torch, batched.

B problems, N candidates, H horizon, S state, A action. Actions lie in [-1, 1]: a problem clips what
lies outside, as an actuator would, so that planners without bounds are not punished twice.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Problem(Protocol):
    """Dynamics and the cost of one step; `steps` of them are an episode, `horizon` of them a
    plan.
    """

    name: str
    states: int
    actions: int
    horizon: int
    steps: int

    def starts(self, count: int, seed: int) -> Float[Tensor, "B S"]:
        """Start states."""

    def step(
        self, state: Float[Tensor, "*B S"], action: Float[Tensor, "*B A"]
    ) -> Float[Tensor, "*B S"]:
        """The state one step later."""

    def cost(
        self, state: Float[Tensor, "*B S"], action: Float[Tensor, "*B A"]
    ) -> Float[Tensor, "*B"]:
        """Of being in a state, having come there by an action."""


class Pendulum:
    """Swing-up with too little torque to do it in one go: equations, limits and weights of
    Gymnasium's Pendulum-v1.

    State: angle from upright [rad], angular velocity [rad/s]. Differs: the cost is that of the
    state the step leads to.
    """

    name = "pendulum"
    states, actions, horizon, steps = 2, 1, 20, 100
    # [s], [m/s2], [N m], [rad/s]; mass 1 kg, length 1 m
    dt, gravity, torque, fastest = 0.05, 10.0, 2.0, 8.0

    def starts(self, count: int, seed: int) -> Tensor:
        """Hanging, up to 1 rad to either side, at up to 1 rad/s."""
        random = 2 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) - 1
        return random + torch.tensor([math.pi, 0.0])

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        angle, velocity = state.unbind(-1)
        pull = 1.5 * self.gravity * angle.sin() + 3.0 * self.torque * action[..., 0].clamp(-1, 1)
        velocity = (velocity + self.dt * pull).clamp(-self.fastest, self.fastest)
        return torch.stack([angle + self.dt * velocity, velocity], -1)

    def cost(self, state: Tensor, action: Tensor) -> Tensor:
        angle, velocity = state.unbind(-1)
        angle = (angle + math.pi).remainder(2 * math.pi) - math.pi
        torque = self.torque * action[..., 0].clamp(-1, 1)
        return angle.square() + 0.1 * velocity.square() + 0.001 * torque.square()


class DoubleIntegrator:
    """Six masses, or one in six dimensions, to be brought to rest at the origin round a ball that
    lies in the way.

    State: six positions [m], six velocities [m/s].
    """

    name = "double integrator"
    states, actions, horizon, steps = 12, 6, 16, 40
    # [s], [m/s2]: the way takes 28 of the 40 steps at least, [m] of the ball
    dt, push, radius = 0.1, 1.0, 0.6
    distance, middle = 2.0, 0.9  # [m] of the starts and of the ball's centre from the origin

    def starts(self, count: int, seed: int) -> Tensor:
        """At rest, on the far side of the ball, off the line through its centre by about a third of
        its radius.
        """
        off = 0.2 * torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
        position = off + torch.tensor([self.distance, 0, 0, 0, 0, 0])
        return torch.cat([position, torch.zeros(count, 6)], -1)

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        position, velocity = state.split(6, -1)
        velocity = velocity + self.dt * self.push * action.clamp(-1, 1)
        return torch.cat([position + self.dt * velocity, velocity], -1)

    def cost(self, state: Tensor, action: Tensor) -> Tensor:
        position, velocity = state.split(6, -1)
        centre = torch.tensor([self.middle, 0, 0, 0, 0, 0]).to(state)
        inside = (self.radius - ((position - centre).square().sum(-1) + 1e-12).sqrt()).clamp(min=0)
        effort = action.clamp(-1, 1).square().sum(-1)
        return (
            position.square().sum(-1)
            + 0.1 * velocity.square().sum(-1)
            + 0.01 * effort
            + 50.0 * inside
        )


class Network:
    """A model of usual size, for times: 68 to 256 to 256 to 64 with SiLU, residual, random weights;
    squared distance to a goal.
    """

    name = "network"
    states, actions, horizon, steps = 64, 4, 16, 1

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(0)
        sizes = [(256, self.states + self.actions), (256, 256), (self.states, 256)]
        self.weights = [torch.randn(size, generator=random) / size[1] ** 0.5 for size in sizes]
        self.goal = torch.randn(self.states, generator=random)

    def starts(self, count: int, seed: int) -> Tensor:
        return torch.randn(count, self.states, generator=torch.Generator().manual_seed(seed))

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        first, second, last = self.weights
        hidden = torch.nn.functional.silu(torch.cat([state, action], -1) @ first.T)
        return state + torch.nn.functional.silu(hidden @ second.T) @ last.T

    def cost(self, state: Tensor, action: Tensor) -> Tensor:
        return (state - self.goal).square().mean(-1)


class RolloutCost:
    """The cost of plans from given states: a sum over the steps, rolled out as many candidates at a
    time as stay in the cache.

    `evaluations` is what each problem has been asked for, whoever asks.
    """

    differentiable = True
    rows = 4096  # candidates at a time, those of a problem together

    def __init__(self, problem: Problem, states: Float[Tensor, "B S"]) -> None:
        self.problem, self.states, self.asked = problem, states, 0

    @property
    def evaluations(self) -> float:
        return self.asked / len(self.states)

    def __call__(self, actions: Float[Tensor, "B N H A"]) -> Float[Tensor, "B N"]:
        return self.of(torch.arange(len(self.states)), actions)

    def of(
        self, index: Int[Tensor, " M"], actions: Float[Tensor, "M N H A"]
    ) -> Float[Tensor, "M N"]:
        """The same for some of the problems."""
        self.count(actions.shape[0] * actions.shape[1])
        some = max(1, self.rows // actions.shape[1])
        return torch.cat(
            [
                rolled(self.problem, *part)
                for part in zip(self.states[index].split(some), actions.split(some), strict=True)
            ]
        )

    def count(self, asked: int) -> None:
        """Note evaluations made elsewhere."""
        self.asked += asked


def rolled(
    problem: Problem, states: Float[Tensor, "B S"], actions: Float[Tensor, "B N H A"]
) -> Float[Tensor, "B N"]:
    """Sum of the steps' costs."""
    state = states[:, None].expand(-1, actions.shape[1], -1)
    total = state.new_zeros(state.shape[:2])
    for action in actions.unbind(2):
        state = problem.step(state, action)
        total = total + problem.cost(state, action)
    return total


PROBLEMS: tuple[Problem, ...] = (Pendulum(), DoubleIntegrator())
