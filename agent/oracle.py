"""The oracle: the agent's planner with the real simulator instead of the model, and the task's
privileged `steps_to_go` as cost.

What it misses, the planner, its horizon or its budget misses; what the agent misses beyond that,
the model and its cost do. Where a task brings a privileged controller (`Task.guide`), since such a
search would take too long, that one is played instead. Everything here is float64 numpy on the CPU,
up to the cost that the planner is handed.

Shapes: B problems, N candidates, H horizon, R control steps in a model step, T control steps, A
control action, n simulator state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import mujoco
import numpy as np
import torch
from jaxtyping import Float
from mujoco.rollout import Rollout
from torch import Tensor

from latent_mpc.agent.agent import rest_plan
from latent_mpc.agent.costs.cost import Cost
from latent_mpc.agent.devices import usable_cores
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.simulator_state import INTEGRATION
from latent_mpc.envs.task import Task
from latent_mpc.planners import Planner

SEEN = "simulator"  # the oracle's only observation: the full simulator state
ROWS = 4096  # rollouts at a time: all substeps of 4096 x 3 control steps of 10 take 7 MB on Reacher
FULL = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)
SPEC = int(INTEGRATION)
DRAWS = 100  # starts from which the scale of a task's coordinates is taken


class Simulator:
    """Open-loop rollouts of a task's control steps, threaded; each one is what `Task.restore` and
    `Task.apply` give.

    Applied forces and mocap poses within a state are not rolled out: MuJoCo's rollout sets them to
    the model's own.

    Args:
        task: its model and control period; its current state is left alone.
        threads: 0 means all usable cores; never changes the states.
    """

    def __init__(self, task: Task, threads: int = 0) -> None:
        self.task, self.threads = task, threads or usable_cores()
        self._pool = Rollout(nthread=self.threads)
        self._data = [mujoco.MjData(task.model) for _ in range(self.threads)]
        self._full, self._control, self._warm = (
            _within(task.model, int(part))
            for part in (FULL, mujoco.mjtState.mjSTATE_CTRL, mujoco.mjtState.mjSTATE_WARMSTART)
        )
        self._check_one_step()

    @cached_property
    def steps_to_go(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Worked out when it is asked for first: a task without one has to be drawn from."""
        return privileged(self.task)

    def __call__(
        self, states: Float[np.ndarray, "M n"], actions: Float[np.ndarray, "M T A"]
    ) -> Float[np.ndarray, "M T n"]:
        """The states after each control step. The solver's warm start within them is the first
        state's, as nothing else reads it.
        """
        control = np.empty_like(actions)
        before = states[:, self._control]
        for t in range(actions.shape[1]):
            control[:, t] = before = self.task.control(actions[:, t], before)
        substeps = np.repeat(control, self.task.substeps, axis=1)
        initial, warm = (
            np.ascontiguousarray(states[:, self._full]),
            np.ascontiguousarray(states[:, self._warm]),
        )
        physics, _ = self._pool.rollout(
            self.task.model, self._data, initial, substeps, initial_warmstart=warm
        )
        after = np.repeat(states[:, None], actions.shape[1], axis=1)
        after[..., self._full] = physics[:, self.task.substeps - 1 :: self.task.substeps]
        after[..., self._control] = control
        return after

    def _check_one_step(self) -> None:
        """Raise ValueError if the task's own step does more than hold a control: an environment may
        steer, clip or teleport.
        """
        here, action = self.task.snapshot(), np.full(self.task.action_width, 0.5)
        if self.task.action_width == self.task.model.nu:
            foreseen = self(here[None], action[None, None])[0, 0]
            self.task.apply(action)
            came = self.task.snapshot()
            self.task.restore(here)
            if np.allclose(foreseen[self._full], came[self._full], rtol=1e-3, atol=1e-4):
                return
        raise LatentMPCError(
            f"the oracle cannot foresee {self.task.name}: its step does more than hold a control;"
            " give oracle=false"
        )


class SimulatorCost:
    """The privileged cost of candidate plans for B problems: `steps_to_go` after each model step,
    added up as the agent adds its own.

    Args:
        simulator: of the task.
        states: where the B problems stand `[B, n]`.
        goals: where they are to come `[B, n]`.
        config: weights.
        action_repeat: control steps in a model step; the cost is in model steps.
    """

    differentiable = False

    def __init__(
        self,
        simulator: Simulator,
        states: np.ndarray,
        goals: np.ndarray,
        config: Cost,
        action_repeat: int = 1,
    ) -> None:
        self.simulator, self.states, self.goals, self.config, self.action_repeat = (
            simulator,
            states,
            goals,
            config,
            action_repeat,
        )

    def __call__(self, actions: Float[Tensor, "B N H RA"]) -> Float[Tensor, "B N"]:
        plans = actions.detach().double().cpu().numpy()
        some = max(1, ROWS // plans.shape[1])  # problems at a time
        costs = [
            self._cost(slice(first, first + some), plans[first : first + some])
            for first in range(0, len(plans), some)
        ]
        return torch.as_tensor(np.concatenate(costs), dtype=actions.dtype, device=actions.device)

    def imagine(self, plans: np.ndarray, problems: slice = slice(None)) -> np.ndarray:
        """Simulator states `[B, N, H, n]` after each model step of plans `[B, N, H, R * A]`."""
        B, N, H, width = plans.shape
        actions = plans.reshape(B * N, H * self.action_repeat, width // self.action_repeat)
        states = self.simulator(np.repeat(self.states[problems], N, axis=0), actions)
        return states[:, self.action_repeat - 1 :: self.action_repeat].reshape(B, N, H, -1)

    def _cost(self, problems: slice, plans: np.ndarray) -> np.ndarray:
        states = self.imagine(plans, problems)
        flat = states.reshape(len(states), -1, states.shape[-1])
        steps = np.stack(
            [
                self.simulator.steps_to_go(s, goal)
                for s, goal in zip(flat, self.goals[problems], strict=True)
            ]
        )
        steps = steps.reshape(states.shape[:3]) / self.action_repeat  # (B, N, H)
        return self.config.running * steps.mean(axis=-1) + self.config.terminal * steps[..., -1]


class Oracle:
    """A policy that sees the simulator state and plans in the simulator; otherwise as the agent:
    closed loop, warm, every model step.

    Args:
        task: only its model and `steps_to_go` are used.
        planner: bounds and horizon fit blocks of `action_repeat` actions.
        config: weights of running and terminal cost.
        seed: of the planner's random numbers.
        threads: of the simulator; 0 means all usable cores.

    Raises:
        ValueError: the task's step cannot be foreseen, or the planner takes gradients.
    """

    def __init__(
        self,
        task: Task,
        planner: Planner,
        config: Cost,
        action_repeat: int = 1,
        seed: int = 0,
        threads: int = 0,
    ) -> None:
        if planner.algorithm.differentiates:
            raise LatentMPCError(
                f"the oracle plans without gradients, planner {planner.algorithm.name!r} with; give"
                " oracle=false or another planner"
            )
        self.simulator, self.planner, self.config = Simulator(task, threads), planner, config
        self.action_repeat, self.seed = action_repeat, seed

    def reset(self, goal: Mapping[str, np.ndarray]) -> None:
        """Begin B episodes towards goals, simulator states `[B, n]` under the key `simulator`."""
        self.goals = goal[SEEN]
        self.warm, self.elapsed = self.planner.init(len(self.goals), self.seed), 0
        self.guides = [guide for goal in self.goals if (guide := self.simulator.task.guide(goal))]

    def act(self, obs: Mapping[str, np.ndarray], still: np.ndarray | None = None) -> np.ndarray:
        """The next control action `[B, A]` of every episode, in [-1, 1]; `still` as the agent has
        it.
        """
        if self.guides:
            pairs = zip(self.guides, obs[SEEN], strict=True)
            return np.stack([guide(state) for guide, state in pairs]).astype(np.float32)
        if self.elapsed % self.action_repeat == 0:
            cost = SimulatorCost(
                self.simulator, obs[SEEN], self.goals, self.config, self.action_repeat
            )
            rest = rest_plan(still, self.action_repeat, self.warm.mean)
            plan = self.planner.plan(cost, self.warm, proposals=rest)
            self.warm = plan.warm.shift(1)
            self.block = plan.actions[:, 0].unflatten(-1, (self.action_repeat, -1)).numpy()
        action = self.block[:, self.elapsed % self.action_repeat]
        self.elapsed += 1
        return action


def privileged(task: Task) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The task's `steps_to_go`; where it has none, the mean distance of coordinates in standard
    deviations of its starts: no promise.
    """
    if task.has_steps_to_go:
        return task.steps_to_go
    rng = np.random.default_rng(0)
    spread = np.std([task.qpos_qvel(task.draw_state(rng))[0] for _ in range(DRAWS)], axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)  # a coordinate that never differs
    return lambda states, goal: np.abs(
        (task.qpos_qvel(states)[0] - task.qpos_qvel(goal)[0]) / spread
    ).mean(axis=-1)


def _within(model: mujoco.MjModel, wanted: int) -> np.ndarray:
    """Where the parts of a state that `wanted` names stand in the full integration state."""
    parts = [1 << bit for bit in range(SPEC.bit_length())]
    sizes = [mujoco.mj_stateSize(model, part) for part in parts]
    return np.repeat([bool(part & wanted) for part in parts], sizes).nonzero()[0]
