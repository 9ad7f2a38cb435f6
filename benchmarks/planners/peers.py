"""The peers' own code on our problems: adapters only, no algorithm of theirs is written again.
Needs the environment of docs/benchmarks.md.

stable-worldmodel's solvers need none of what its `__init__` imports (torchvision, lancedb, every
environment), so that is passed over.

B problems, N candidates, H horizon, S state, A action.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.planners.ours import Contender
from benchmarks.planners.problems import Problem, RolloutCost
from benchmarks.planners.textbook import SPLITS, elites

Split = tuple[int, int]  # candidates, iterations


class PlanConfig(NamedTuple):
    """What stable-worldmodel's solvers read of their configuration."""

    horizon: int
    action_block: int = 1


class Costed:
    """A cost as the world model that stable-worldmodel's solvers ask: `get_cost(info, candidates)`.

    A solver works on some problems at a time; `info` says which, as the index of each problem.
    """

    def __init__(self) -> None:
        self.ask: Callable[[Tensor, Tensor], Tensor]

    def get_cost(self, info: dict[str, Tensor], candidates: Tensor) -> Tensor:
        return self.ask(info["problem"][:, 0], candidates)


def swm_solver(
    kind: str, samples: int, iterations: int, *, std: float, together: int, seed: int
) -> Any:
    """A solver of stable-worldmodel with a tenth of elites, as its 30 of 300; the rest are its
    defaults.
    """
    solvers = _without_init("stable_worldmodel", "stable_worldmodel.solver")
    cls = {"cem": solvers.CEMSolver, "icem": solvers.ICEMSolver, "mppi": solvers.MPPISolver}[kind]
    more = {"n_elite_keep": min(5, elites(samples))} if kind == "icem" else {}
    topk = elites(samples)
    return cls(
        Costed(),
        batch_size=together,
        num_samples=samples,
        n_steps=iterations,
        topk=topk,
        var_scale=std,
        seed=seed,
        **more,
    )


def swm_configure(solver: Any, *, B: int, actions: int, horizon: int) -> None:
    """Tell a solver about B problems with actions in [-1, 1]."""
    from gymnasium.spaces import Box

    solver.configure(
        action_space=Box(-1, 1, (B, actions), np.float32), n_envs=B, config=PlanConfig(horizon)
    )


def swm_solve(
    solver: Any, ask: Callable[[Tensor, Tensor], Tensor], B: int, init: Tensor | None
) -> Tensor:
    """Plans `[B, H, A]`. `ask(index, candidates)` is the cost of candidates for the problems of
    index; what solvers print is dropped.
    """
    solver.model.ask = ask
    with contextlib.redirect_stdout(io.StringIO()):
        return solver.solve({"problem": torch.arange(B)}, init_action=init)["actions"].clone()


@dataclass
class StableWorldModel:
    """CEM, iCEM or MPPI of stable-worldmodel 0.1.1, replanning every step.

    Args:
        warm: hand the rest of the last plan in, as its `WorldModelPolicy` does where fewer steps
            are executed than planned.
    """

    problem: Problem
    kind: str
    split: Split
    std: float = 1.0
    warm: bool = True
    together: int = 10**6  # problems in one call of the cost; its default of 1 is a loop

    @property
    def evaluations(self) -> int:
        return self.split[0] * self.split[1]

    def reset(self, B: int, seed: int) -> None:
        self.solver = swm_solver(
            self.kind, *self.split, std=self.std, together=self.together, seed=seed
        )
        swm_configure(self.solver, B=B, actions=self.problem.actions, horizon=self.problem.horizon)
        self.rest: Tensor | None = None

    def act(self, cost: RolloutCost) -> Tensor:
        plan = swm_solve(self.solver, cost.of, len(cost.states), self.rest)
        self.rest = plan[:, 1:] if self.warm else None
        return plan[:, 0]


@dataclass
class PytorchMPPI:
    """MPPI of pytorch-mppi 0.9.1: its batched class, which shares the noise among problems. Warm by
    design; begins from no action at all.

    One command is one iteration; only the first of a decision moves the plan in force on by a step.
    """

    problem: Problem
    split: Split
    std: float = 1.0
    temperature: float = 1.0  # its default; divides

    @property
    def evaluations(self) -> int:
        return self.split[0] * self.split[1]

    def reset(self, B: int, seed: int) -> None:
        from pytorch_mppi import MPPI_Batched

        A, problem = self.problem.actions, self.problem
        self.random = torch.Generator().manual_seed(seed).get_state()
        noise = self.std**2 * torch.eye(A)
        bound = torch.ones(A)
        self.mppi = MPPI_Batched(
            problem.step, problem.cost, problem.states, noise, B, self.split[0], problem.horizon,
            lambda_=self.temperature, u_min=-bound, u_max=bound,
        )  # fmt: skip
        self.mppi.U = torch.zeros(B, problem.horizon, A)

    def act(self, cost: RolloutCost) -> Tensor:
        with _random(self), torch.no_grad():
            for iteration in range(self.split[1]):
                action = self.mppi.command(cost.states, shift_nominal_trajectory=iteration == 0)
        cost.count(len(cost.states) * self.evaluations)
        return action


@dataclass
class TorchRL:
    """CEM or MPPI planner of torchrl, which have no warm start: every decision begins from no
    action and a standard deviation of 1.
    """

    problem: Problem
    kind: str
    split: Split
    temperature: float = 1.0  # multiplies

    @property
    def evaluations(self) -> int:
        return self.split[0] * self.split[1]

    def reset(self, B: int, seed: int) -> None:
        from torchrl.modules import CEMPlanner, MPPIPlanner

        self.random = torch.Generator().manual_seed(seed).get_state()
        env, H = _torchrl_environment(self.problem), self.problem.horizon
        sizes = {
            "planning_horizon": H,
            "optim_steps": self.split[1],
            "num_candidates": self.split[0],
            "top_k": elites(self.split[0]),
        }
        self.planner = (
            CEMPlanner(env, **sizes)
            if self.kind == "cem"
            else MPPIPlanner(env, _Return(), self.temperature, **sizes)
        )

    def act(self, cost: RolloutCost) -> Tensor:
        from tensordict import TensorDict

        cost.count(len(cost.states) * self.evaluations)
        with _random(self), torch.no_grad():
            return self.planner(TensorDict({"state": cost.states}, batch_size=[len(cost.states)]))[
                "action"
            ]


class _Return(torch.nn.Module):
    """The advantage that torchrl's MPPI asks for: the return, less the best one, as its exponential
    knows no largest exponent.
    """

    def forward(self, rolled: Any) -> Any:
        total = rolled["next", "reward"].sum(-2, keepdim=True)  # (B, N, 1, 1)
        best = total.amax(-3, keepdim=True)
        return rolled.set("advantage", (total - best).expand_as(rolled["next", "reward"]))


def _torchrl_environment(problem: Problem) -> Any:
    """A problem as a model-based environment of torchrl."""
    from tensordict import TensorDict
    from torchrl.data import Bounded, Composite, Unbounded
    from torchrl.envs import EnvBase

    class Environment(EnvBase):
        batch_locked = False

        def __init__(self) -> None:
            super().__init__(batch_size=[])
            self.observation_spec = Composite(state=Unbounded((problem.states,)))
            self.action_spec = Bounded(-1, 1, (problem.actions,))
            self.reward_spec = Unbounded((1,))

        def _reset(self, given: Any) -> Any:
            raise NotImplementedError("planners begin from the states they are given")

        def _step(self, now: Any) -> Any:
            state = problem.step(now["state"], now["action"])
            reward = -problem.cost(state, now["action"])[..., None]
            done = torch.zeros_like(reward, dtype=torch.bool)
            return TensorDict(
                {"state": state, "reward": reward, "done": done, "terminated": done},
                batch_size=now.batch_size,
            )

        def _set_seed(self, seed: int | None) -> None:
            pass

    return Environment()


@contextlib.contextmanager
def _random(contender: Any) -> Any:
    """Peers that draw from torch's global generator draw from the contender's own stream, and leave
    the global one as it was.
    """
    before = torch.get_rng_state()
    torch.set_rng_state(contender.random)
    try:
        yield
    finally:
        contender.random = torch.get_rng_state()
        torch.set_rng_state(before)


def missing() -> list[str]:
    """Peers that are not installed."""
    return [
        name
        for name in ("stable_worldmodel", "pytorch_mppi", "torchrl")
        if importlib.util.find_spec(name) is None
    ]


def _without_init(package: str, module: str) -> ModuleType:
    """A module of a package whose `__init__` is passed over."""
    if package not in sys.modules:
        spec = importlib.util.find_spec(package)
        if spec is None:
            raise ImportError(f"{package} is not installed here; docs/benchmarks.md says how")
        sys.modules[package] = importlib.util.module_from_spec(spec)  # made, not executed
    return importlib.import_module(module)


def peers(problem: Problem, evaluations: int) -> dict[str, Contender]:
    """Every peer at this budget, by its name in the tables.

    Standard deviations are the better of 0.5 and 1 for each, pytorch-mppi's one iteration is better
    than several: found on other starts.
    """
    split = SPLITS[evaluations]
    return {
        "swm CEM, cold": StableWorldModel(problem, "cem", split, std=1.0, warm=False),
        "swm CEM, warm": StableWorldModel(problem, "cem", split, std=0.5),
        "swm iCEM, warm": StableWorldModel(problem, "icem", split, std=0.5),
        "swm MPPI, warm": StableWorldModel(problem, "mppi", split, std=0.5),
        "pytorch-mppi MPPI": PytorchMPPI(problem, (evaluations, 1), std=1.0),
        "torchrl CEM": TorchRL(problem, "cem", split),
        "torchrl MPPI": TorchRL(problem, "mppi", split),
    }
