"""The contract of a task: a goal-reaching problem in one MuJoCo environment. No learning here.

A task family subclasses `Task` and writes `draw_state`, `state_vector`, `distance`, `reached`,
`steps_to_go` and `tracked_point`; stepping, pairs, snapshots and observations are written once,
here.

Shapes: S observed state, A action, n simulator state (`mjSTATE_INTEGRATION`), H and W pixels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.names import OBSERVATIONS
from latent_mpc.envs import mujoco_warnings
from latent_mpc.envs.cameras.distractor import DistractedCamera, Distractor, beginning
from latent_mpc.envs.cameras.ray import RayCamera
from latent_mpc.envs.cameras.view import split_names
from latent_mpc.envs.simulator_state import integration_state, set_integration_state

mujoco_warnings.listen()  # before a model is compiled

MAX_DRAWS = 1000  # pairs drawn before a task is called too loose


@dataclass(frozen=True)
class Pair:
    """One start and one goal: full simulator states at rest, float64 `[n]` each."""

    start: np.ndarray
    goal: np.ndarray


class Task(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """A goal-reaching problem in one MuJoCo environment.

    Args:
        model: the MuJoCo model; its actuators' control ranges are mapped to actions in [-1, 1].
        obs: keys of the observation: "state", "pixels" or both, "state+pixels".
        size: rows and columns of the pixels.
        camera: the model's camera that takes them, by name, or a view (`envs/cameras/view.py`);
            several are stacked along channels: "front+top".
        data: the simulation to advance, where somebody else owns it.
        actions: range `[A, 2]` of the controls that actions in [-1, 1] are mapped to, if not that
            of the actuators.
        distractor: what moves in the pictures by itself (`envs/cameras/distractor.py`), one of
            DISTRACTORS.
        distractor_share: of the picture that it covers.
        render_mode: "rgb_array", or None; there for `gymnasium.make`, `render` works either way.

    Raises:
        ValueError: an unknown observation key or render mode, or a picture smaller than 16 pixels.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}
    name: str
    unit: str  # of `distance`
    control_period: float  # [s]
    episode_steps: int  # [control steps]
    pace: float = 1.0  # times of the collector's behaviour are multiplied by it
    pushes: bool = False  # whether an object counts, which the robot can only push

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        obs: str | Sequence[str] = ("state",),
        size: int = 64,
        camera: str = "observer",
        render_mode: str | None = "rgb_array",
        data: mujoco.MjData | None = None,
        actions: np.ndarray | None = None,
        distractor: str = "none",
        distractor_share: float = 0.2,
    ) -> None:
        keys = tuple(obs.split("+") if isinstance(obs, str) else obs)
        unknown = [key for key in keys if key not in OBSERVATIONS]
        if unknown or not keys:
            raise LatentMPCError(
                f"obs must be one or more of {', '.join(OBSERVATIONS)}, got"
                f" {', '.join(unknown) or 'nothing'}"
            )
        if size < 16:
            raise LatentMPCError(f"size must be at least 16 pixels, got {size}")
        if render_mode not in (None, "rgb_array"):
            raise LatentMPCError(f"render_mode must be rgb_array, got {render_mode!r}")
        self.model, self.data, self._scratch = (
            model,
            data or mujoco.MjData(model),
            mujoco.MjData(model),
        )
        names = split_names(camera)
        self.distractor = (
            None
            if distractor == "none"
            else Distractor(distractor, distractor_share, self.control_period)
        )
        self.cameras = [
            DistractedCamera(model, name, size, self.distractor)
            if self.distractor
            else RayCamera(model, name, size)
            for name in names
        ]
        self.camera, self.view = self.cameras[0], names[0]
        self.obs_keys, self.render_mode, self.elapsed = keys, render_mode, 0
        self.substeps = round(self.control_period / model.opt.timestep)
        mujoco.mj_forward(model, self.data)
        self.goal = self.snapshot()
        self._goal_observation: dict[str, np.ndarray] = {}
        spaces: dict[str, gymnasium.Space[Any]] = {
            "state": gymnasium.spaces.Box(-np.inf, np.inf, self.state_vector().shape, np.float32),
            "pixels": gymnasium.spaces.Box(0, 255, (size, size, 3 * len(self.cameras)), np.uint8),
        }
        self.observation_space = gymnasium.spaces.Dict({key: spaces[key] for key in self.obs_keys})  # type: ignore[assignment]
        controls = self._controls = model.actuator_ctrlrange if actions is None else actions
        self._control_mid, self._control_half = controls.mean(axis=1), np.ptp(controls, axis=1) / 2
        self._neutral = action_of(np.zeros(len(controls)), controls)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (len(controls),), np.float32)

    # What a task family writes

    def draw_state(self, rng: np.random.Generator) -> np.ndarray:
        """A full simulator state at rest `[n]`, drawn from the task's distribution of starts and
        goals.
        """
        raise NotImplementedError

    def draw_beginning(self, rng: np.random.Generator) -> np.ndarray:
        """Where an episode of rollouts begins `[n]`; as `draw_state` by default."""
        return self.draw_state(rng)

    def state_vector(self) -> np.ndarray:
        """The observed state, float32 `[S]`, of `self.data`."""
        raise NotImplementedError

    def distance(self, state: np.ndarray, goal: np.ndarray) -> float:
        """The task's own metric between two simulator states, in `unit`."""
        raise NotImplementedError

    def distances(self, state: np.ndarray, goal: np.ndarray) -> dict[str, float]:
        """Where several things have to come to the goal, each by name, reached at 1 or less; none
        by default.
        """
        return {}

    def reached(self, state: np.ndarray, goal: np.ndarray) -> bool:
        """Whether the state counts as the goal reached."""
        raise NotImplementedError

    def steps_to_go(self, states: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Privileged estimate `[M]` of the control steps from states `[M, n]` to the goal `[n]`;
        for the oracle and reports only.
        """
        raise NotImplementedError

    def tracked_point(self, state: np.ndarray) -> np.ndarray:
        """World position `[3]` [m] of what has to reach the goal; for probes and pictures only."""
        raise NotImplementedError

    def counted(self, states: np.ndarray) -> np.ndarray | None:
        """The numbers on which success depends `[M, C]` of simulator states `[M, n]`; None, the
        default, where the whole state counts.
        """
        return None

    # What every task has

    @property
    def has_steps_to_go(self) -> bool:
        """Whether the task offers `steps_to_go`."""
        return type(self).steps_to_go is not Task.steps_to_go

    @property
    def action_width(self) -> int:
        """A, the numbers in an action."""
        return len(self._control_mid)

    def settings(self) -> dict[str, Any]:
        """Options that were left open and what they came to be, so that the same task can be made
        again; none by default.
        """
        return {}

    def about(self) -> list[str]:
        """Lines to print before a long run: what was chosen for the user, and what changes it."""
        return []

    def keep(self, folder: Path) -> dict[str, Any]:
        """Copy what the task is made of into a checkpoint's folder; returns the options that name
        it there. Nothing by default.
        """
        return {}

    def without_pixels(self) -> Task:
        """The same task, the same simulation, observed by states only."""
        blind = copy.copy(self)
        blind.obs_keys = ("state",)
        return blind

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin an episode at `options["pair"]`, or at a pair drawn from the environment's own
        generator.
        """
        super().reset(seed=seed)
        pair = (options or {}).get("pair") or self.draw_pair(self.np_random)
        self.elapsed, self.goal = 0, np.asarray(pair.goal, dtype=np.float64)
        self._goal_observation = self.observation(self.goal)
        self.restore(pair.start)
        return self.observation(), self._info()

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Apply one action `[A]` in [-1, 1] for one control period; the reward is always 0."""
        self.apply(action)
        self.elapsed += 1
        return self.observation(), 0.0, False, self.elapsed >= self.episode_steps, self._info()

    def apply(self, action: np.ndarray) -> None:
        """Advance the physics by one control step, without observing. Raises ValueError for an
        action of another shape or with NaN.
        """
        action = np.asarray(action, dtype=np.float64)
        if action.shape != (self.action_width,) or not np.isfinite(action).all():
            raise LatentMPCError(
                f"action must be {self.action_width} finite numbers in [-1, 1], got {action}"
            )
        self.advance(self.control(action, self.data.ctrl))
        # positions of geoms that belong to the new state, for pixels and metrics
        mujoco.mj_forward(self.model, self.data)

    def advance(self, control: np.ndarray) -> None:
        """Hold a control for one control period."""
        self.data.ctrl[:] = control
        mujoco.mj_step(self.model, self.data, self.substeps)

    def control(self, action: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """What the actuators are told for actions `[..., A]`: clipped to [-1, 1], then scaled to
        their control ranges.

        Args:
            before: what they were told last `[..., nu]`, for tasks whose actions change that.
        """
        return self._control_mid + self._control_half * np.clip(action, -1.0, 1.0)

    def actuator_range(self) -> np.ndarray | None:
        """What the actuators are given at actions -1 and 1 `[nu, 2]`; None where that is not an
        action for each, scaled.
        """
        return self._controls

    def still(self) -> np.ndarray:
        """The action `[A]` that, held from now on, keeps the robot where it is now; here: that
        without effect, zero of each control.

        One meaning everywhere: the floor that stays, pairs that are solved by it, the collector's
        rests, the planner's candidate.
        """
        return self._neutral

    def holding(self, goal: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
        """A policy without learning, simulator state `[n]` -> action `[A]`: it gives the actuators
        what holds the robot at the goal `[n]`, wherever it is; None where that is not known.
        """
        return None

    def guide(self, goal: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
        """A privileged controller to the goal `[n]`, simulator state `[n]` -> action `[A]`, where
        the oracle's search would take too long: it is then played in its place. None by default.
        """
        return None

    def lost(self, states: np.ndarray) -> np.ndarray | None:
        """Which of simulator states `[..., n]` no action leads back from, bool `[...]`; None, the
        default, where there are none.
        """
        return None

    def snapshot(self) -> np.ndarray:
        """The full integration state of the simulator, float64 `[n]`."""
        return integration_state(self.model, self.data)

    def restore(self, state: np.ndarray) -> None:
        """Continue from a snapshot. Raises ValueError if it is of another length."""
        set_integration_state(self.model, self.data, state)

    def observation(self, state: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """The observation at the current simulator state, or at a given one (the current one is
        left as it was).
        """
        if state is not None:
            set_integration_state(self.model, self._scratch, state)
            self.data, self._scratch = self._scratch, self.data
        observation: dict[str, np.ndarray] = {}
        if "state" in self.obs_keys:
            observation["state"] = self.state_vector()
        if "pixels" in self.obs_keys:
            pictures = [camera.render(self.data) for camera in self.cameras]
            observation["pixels"] = (
                pictures[0] if len(pictures) == 1 else np.concatenate(pictures, axis=-1)
            )
        if state is not None:
            self.data, self._scratch = self._scratch, self.data
        return observation

    def render(self) -> np.ndarray:
        """The current picture, uint8 `[H, W, 3]`."""
        return self.camera.render(self.data)

    def draw_start_and_goal(self, rng: np.random.Generator) -> Pair:
        """An independent start and goal, perhaps already solved."""
        return Pair(self.draw_state(rng), self.draw_state(rng))

    def draw_pair(self, rng: np.random.Generator) -> Pair:
        """An independent start and goal, not already solved. Raises ValueError if nearly every pair
        is.
        """
        for _ in range(MAX_DRAWS):
            pair = self.draw_start_and_goal(rng)
            if not self.reached(pair.start, pair.goal):
                return pair
        raise LatentMPCError(
            f"{self.name}: none of {MAX_DRAWS} pairs was unsolved at the start; the task's"
            " tolerance is too loose"
        )

    def qpos_qvel(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions `[..., nq]` and velocities `[..., nv]` within simulator states `[..., n]`
        (which begin with time, qpos, qvel).
        """
        nq, nv = self.model.nq, self.model.nv
        return state[..., 1 : 1 + nq], state[..., 1 + nq : 1 + nq + nv]

    def rest_state(self, qpos: np.ndarray) -> np.ndarray:
        """The simulator state `[n]` at rest at the given positions."""
        mujoco.mj_resetData(self.model, self._scratch)
        self._scratch.qpos[:] = qpos
        if self.distractor:
            self._scratch.time = beginning(self._scratch.qpos)
        mujoco.mj_forward(self.model, self._scratch)
        return integration_state(self.model, self._scratch)

    def _info(self) -> dict[str, Any]:
        state = self.snapshot()
        # the caller may keep or change what it is given
        goal = {key: value.copy() for key, value in self._goal_observation.items()}
        return {
            "goal": goal,
            "success": self.reached(state, self.goal),
            "distance": self.distance(state, self.goal),
        }


def action_of(control: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The action `[A]` in [-1, 1] nearest to a control `[A]`, where actions -1 and 1 stand for
    `ends` `[A, 2]`.
    """
    low, high = ends.T
    return np.clip(
        (control - (low + high) / 2) / np.where(high == low, 1.0, (high - low) / 2), -1.0, 1.0
    )
