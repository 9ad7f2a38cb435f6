"""A task made of a model alone: goals are states that random actions lead to, success is a
tolerance on named coordinates.

What the two adapters share, `envs/adapters/gymnasium_task.py` and `envs/adapters/mjcf_task.py`. An
adapter says how to reset and how to advance by its own step; what it is not told (control period,
episode length, coordinates, camera) follows from probing, the same every time.

Shapes: A action, C coordinates, M states, n simulator state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters import time_scale
from latent_mpc.envs.adapters.balance import balanced_goal
from latent_mpc.envs.adapters.bodies import bystanders, moving_bodies, show_invisible
from latent_mpc.envs.adapters.counted import Counted
from latent_mpc.envs.adapters.drawn_states import DrawnStates
from latent_mpc.envs.adapters.feasible import usual_depth
from latent_mpc.envs.adapters.given_goals import GivenGoals
from latent_mpc.envs.adapters.increments import change_to, full_change
from latent_mpc.envs.adapters.joints import joint_of_position, joint_trees
from latent_mpc.envs.adapters.possible import require_apart, require_possible, strays, untouched
from latent_mpc.envs.adapters.roles import read_roles
from latent_mpc.envs.adapters.settle import hold
from latent_mpc.envs.adapters.shown_state import ShownState
from latent_mpc.envs.adapters.success import AskedSuccess
from latent_mpc.envs.adapters.timing import AskedTiming, time_scale_of
from latent_mpc.envs.adapters.touching import Touching
from latent_mpc.envs.adapters.travel import Standing
from latent_mpc.envs.cameras.looks import make_plain
from latent_mpc.envs.cameras.share import choose_near_views
from latent_mpc.envs.cameras.visible import counting_bodies, require_visible
from latent_mpc.envs.simulator_state import INTEGRATION, set_integration_state
from latent_mpc.envs.task import action_of

OBSERVER = "observer"  # a camera of this name is taken, if none is asked for
PICTURED = 200  # poses from which a view is chosen
BALANCED = (
    "the goal: balanced, as the model itself stands; goals at rest are drawn where task.success"
    " names what counts"
)
CHECKED = 8  # poses from which the pictures must change


class CoordinateTask(DrawnStates):
    """State: as `shown_state.py` has it. Distance: of what counts (`success.py`), in tolerances.

    Args:
        model, data: the simulation, owned by the adapter.
        step: the adapter's own step [s], of which the control period is a multiple.
        controls: what actions -1 and 1 stand for `[A, 2]`.
        control_period: over which an action is held [s]; 0 means by the rule of
            `envs/adapters/time_scale.py`.
        episode_steps: [control steps]; 0 means by that rule.
        seconds: the same in seconds, in the place of `episode_steps`; 0 means not.
        success: what has to come to the goal: joints as in `coordinates.py`, places as in
            `places.py`; none means what `default_goal.py` says.
        goals: goals of one's own as in `given_goals.py`; none means drawn ones, or where nothing is
            said of success either, the pose of `balance.py`.
        incremented: actions that change a servo's command by up to a share of its range, bool
            `[A]`, and are not the command itself; none by default.
        camera: see `Task`; empty means the model's `observer`, or a view of all that moves.
        options: those of `Task`.

    Raises:
        ValueError, KeyError: a joint or camera that is not there, a control period that is no
            multiple of `step`, actions without effect.
    """

    unit = "tol"  # short: it stands in pictures

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        *,
        step: float,
        controls: np.ndarray,
        control_period: float = 0.0,
        episode_steps: int = 0,
        seconds: float = 0.0,
        success: Sequence[str] = (),
        goals: Sequence[str] = (),
        camera: str = "",
        incremented: np.ndarray | None = None,
        **options: Any,
    ) -> None:
        self.model, self.data, self._controls = model, data, controls
        self.incremented = np.zeros(len(controls), bool) if incremented is None else incremented
        if self.incremented.any():
            self._full_change = full_change(model, controls)
        self.usual_depth = usual_depth(model)
        show_invisible(model)
        if not camera and OBSERVER in [model.camera(i).name for i in range(model.ncam)]:
            camera = OBSERVER
        make_plain(model, camera)
        looks = model.geom_rgba.copy(), model.mat_rgba.copy()
        roles = read_roles(model)
        self._touching = Touching(model, roles)
        balanced = [] if goals or success else balanced_goal(model, roles)
        self.given_goals = GivenGoals(model, goals or balanced, self.incremented, self.usual_depth)
        # what can be refused without it is, before seconds of simulation
        named = AskedSuccess(model, roles, success, self.given_goals.joints)
        timed = AskedTiming(control_period, episode_steps, seconds)
        self._notes, poses, flat = named.notes, None, None
        if balanced:
            self._notes.append(BALANCED)
        if not (timed.complete and camera and named.complete):
            goal = named.coordinates()
            require_possible(self.name, model, step, control_period, goal, camera)
            poses = self._probe(step, partial(require_apart, self.name, goal) if goal else None)
            flat = poses.reshape(-1, model.nq)
            if named.default:
                self._notes += strays(self.name, model, flat)
                self._notes += untouched(model, roles, named.written, poses)
        self.success = named.read(flat)
        direct = self.actuator_range() is not None
        self._travels, self._standing = bool(roles.bases), Standing(self.success)
        self._counted = Counted(self.success, roles, direct)
        counting = joint_trees(model)[joint_of_position(model)[self.success.positions]]
        self.pushes = bool(np.isin(counting, model.body_treeid[list(roles.objects)]).any())
        rule = None
        if poses is not None and not timed.complete:
            rule = time_scale_of(
                model,
                roles,
                self.success.coordinates,
                poses,
                step,
                commanded=bool(self.incremented.any()),
                direct=direct,
            )
        self._timing = timed.timing(self.name, step, rule)
        self.steps_held, self.control_period, self.episode_steps, _ = self._timing
        self.pace = self._timing.pace
        self._kept = bystanders(model, self.success.positions)
        self._counting_dofs = np.flatnonzero(
            ~np.isin(model.dof_jntid, joint_of_position(model)[self._kept])
        )
        self._shown = ShownState(model, self.success, self.incremented)
        self.camera_names = camera or "+".join(
            str(view)
            for view in choose_near_views(
                model,
                _some(flat, PICTURED),
                moving_bodies(model),
                counting_bodies(model, self.success.positions),
            )
        )
        # a reset may draw others: as in a process that need not probe
        model.geom_rgba[:], model.mat_rgba[:] = looks
        super().__init__(model, data=data, actions=controls, camera=self.camera_names, **options)
        if "pixels" in self.obs_keys:
            shown = data.qpos[None].copy() if flat is None else _some(flat, CHECKED)
            require_visible(self.name, model, self.cameras, shown, self.success.positions)

    # What an adapter writes

    def advance_step(self, control: np.ndarray) -> None:
        """Hold a control `[A]` for one step of the adapter's own."""
        raise NotImplementedError

    # The contract of a task

    def advance(self, control: np.ndarray) -> None:
        for _ in range(self.steps_held):
            self.advance_step(control)

    def state_vector(self) -> np.ndarray:
        return self._shown(self.data)

    def control(self, action: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        control = super().control(action, before)
        if not self.incremented.any():
            return control
        if before is None:
            raise LatentMPCError(
                f"{self.name}: actions change the commands of servos, so these alone say nothing;"
                " give task.actions=absolute"
            )
        low, high = self._controls.T
        change = self._full_change * np.clip(action, -1.0, 1.0)
        return np.where(self.incremented, np.clip(before + change, low, high), control)

    def distance(self, state: np.ndarray, goal: np.ndarray) -> float:
        return max(self.distances(state, goal).values())

    def distances(self, state: np.ndarray, goal: np.ndarray) -> dict[str, float]:
        return self.success.distances(self.qpos_qvel(state)[0], self.qpos_qvel(goal)[0])

    def counted(self, states: np.ndarray) -> np.ndarray:
        return self._counted(self.qpos_qvel(states)[0])

    def reached(self, state: np.ndarray, goal: np.ndarray) -> bool:
        return self.distance(state, goal) <= 1.0

    def tracked_point(self, state: np.ndarray) -> np.ndarray:
        return self.success.points(self.qpos_qvel(np.asarray(state))[0])

    def still(self) -> np.ndarray:
        """What holds the robot: a servo's own position, no force, and gravity's share where
        actuators can carry it.
        """
        ranges = self.actuator_range()
        if ranges is None:
            return self._neutral
        held = action_of(self._holding_control(self.snapshot()), ranges)
        return np.where(self.incremented, 0.0, held)

    def holding(self, goal: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
        ranges = self.actuator_range()
        if ranges is None:
            return None
        control = self._holding_control(goal)
        command = action_of(control, ranges)

        def act(state: np.ndarray) -> np.ndarray:
            mujoco.mj_setState(self.model, self._scratch, state, INTEGRATION)
            if not self.incremented.any():
                return command
            change = change_to(control, self._scratch.ctrl, self._full_change)
            return np.where(self.incremented, change, command)

        return act

    def settings(self) -> dict[str, Any]:
        return {
            "control_period": self.control_period,
            "episode_steps": self.episode_steps,
            "seconds": 0.0,  # it is in episode_steps now
            "success": self.success.written(),
            "goals": self.given_goals.written,
            "camera": self.camera_names,
        }

    def about(self) -> list[str]:
        return [
            (
                f"{self.name}: {self.action_width} numbers in an action; followed from probing or"
                " from the command line:"
            ),
            self.success.about(),
            *(f"  {note}" for note in self._notes),
            *self._shown.about(),
            *self.about_goals(),
            *self._timing.about(),
            f"  pixels from {self.camera_names}  (task.camera={self.camera_names})",
        ]

    def _holding_control(self, state: np.ndarray) -> np.ndarray:
        """What actuators are given that holds the robot where a simulator state has it `[nu]`."""
        set_integration_state(self.model, self._scratch, state)
        self._scratch.qvel[:] = 0.0
        return hold(self.model, self._scratch, contacts=True).control

    def _probe(self, step: float, look: Callable[[np.ndarray], None] | None) -> np.ndarray:
        """As of `time_scale.probe`."""
        middle, half = self._controls.mean(axis=1), np.ptp(self._controls, axis=1) / 2

        def begin(rng: np.random.Generator) -> np.ndarray:
            self.begin(rng)
            return self.data.qpos.copy()

        def advance(action: np.ndarray) -> np.ndarray:
            self.advance_step(middle + half * action)
            return self.data.qpos.copy()

        rng = np.random.default_rng(0)
        return time_scale.probe(rng, begin, advance, len(self._controls), step, look)


def _some(poses: np.ndarray | None, count: int) -> np.ndarray:
    """Some of the poses that probing met, from `count` on."""
    assert poses is not None  # probing was done, as no camera was given
    return poses[:: max(1, len(poses) // count)]
