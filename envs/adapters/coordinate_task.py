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
from latent_mpc.envs.adapters.bodies import (
    bystanders,
    moving_bodies,
    sensor_numbers,
    show_invisible,
    tracked_body,
)
from latent_mpc.envs.adapters.coordinates import (
    first_few,
    read_coordinates,
    require_named,
    to_change,
    tolerances_written,
)
from latent_mpc.envs.adapters.counted import Counted
from latent_mpc.envs.adapters.default_goal import (
    default_success,
    joints_success,
    objects_not_counted,
)
from latent_mpc.envs.adapters.drawn_states import DrawnStates
from latent_mpc.envs.adapters.feasible import usual_depth
from latent_mpc.envs.adapters.given_goals import GivenGoals
from latent_mpc.envs.adapters.increments import SHARE, change_to
from latent_mpc.envs.adapters.joints import HINGE, joint_names, joint_of_position, joint_trees
from latent_mpc.envs.adapters.markers import marker_trees
from latent_mpc.envs.adapters.places import SITE, split_places
from latent_mpc.envs.adapters.possible import (
    require_apart,
    require_multiple,
    require_possible,
    strays,
    untouched,
)
from latent_mpc.envs.adapters.roles import read_roles
from latent_mpc.envs.adapters.settle import hold
from latent_mpc.envs.adapters.swings import swing_time
from latent_mpc.envs.adapters.timed_by import timed_by
from latent_mpc.envs.cameras.looks import make_plain
from latent_mpc.envs.cameras.share import choose_near_view
from latent_mpc.envs.cameras.visible import counting_bodies, require_visible
from latent_mpc.envs.task import (
    INTEGRATION,
    action_of,
    set_integration_state,
)

OBSERVER = "observer"  # a camera of this name is taken, if none is asked for
PICTURED = 200  # poses from which a view is chosen
CHECKED = 8  # poses from which the pictures must change


class CoordinateTask(DrawnStates):
    """State: positions (unlimited hinges as cos and sin), velocities, actuators' own state, named
    sensors. Distance: in tolerances.

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
        goals: goals of one's own as in `given_goals.py`; none means drawn ones.
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
        self.usual_depth = usual_depth(model)
        show_invisible(model)
        if not camera and OBSERVER in [model.camera(i).name for i in range(model.ncam)]:
            camera = OBSERVER
        make_plain(model, camera)
        looks = model.geom_rgba.copy(), model.mat_rgba.copy()
        roles = read_roles(model)
        self._notes = list[str]()  # for people, of what nobody asked for
        chosen = not success
        self.given_goals = GivenGoals(model, goals, self.incremented, self.usual_depth)
        if chosen and self.given_goals.joints:
            success = joints_success(model, self.given_goals.joints)
        elif chosen:
            success, self._notes = default_success(model, roles), objects_not_counted(model, roles)
        joints, self.places = split_places(model, success)
        # what can be refused without it is, before seconds of simulation
        require_named(model, joints)
        if episode_steps and seconds:
            raise LatentMPCError(
                "an episode's length must be given once: task.seconds or task.episode_steps"
            )
        poses = None
        if not (
            control_period
            and (episode_steps or seconds)
            and camera
            and all(":" in entry for entry in success)
        ):
            goal = (
                read_coordinates(model, joints)
                if not self.places and tolerances_written(model, joints)
                else None
            )
            require_possible(self.name, model, step, control_period, goal, camera)
            look = partial(require_apart, self.name, goal) if goal else None
            poses = time_scale.probe(
                np.random.default_rng(0),
                self._begin_probe,
                self._advance_probe,
                len(controls),
                step,
                look,
            )
        flat = None if poses is None else poses.reshape(-1, model.nq)
        if chosen and poses is not None and flat is not None:
            self._notes += strays(self.name, model, flat) + untouched(model, roles, success, poses)
        self.coordinates = read_coordinates(model, joints, flat)
        carried = [int(model.jnt_qposadr[j]) for place in self.places for j in place.joints(model)]
        self._counted = Counted(model, roles, self.coordinates, self.places)
        # positions that success depends on
        self._counting = np.unique(np.concatenate([self.coordinates.index, np.array(carried, int)]))
        self._uncut = 0
        if poses is not None and not (control_period and (episode_steps or seconds)):
            # success may lie in what is rarely touched, a cube
            timed = timed_by(model, roles)
            moved = self.coordinates if timed.nothing else timed.joints
            rule = time_scale.follow_rule(poses, moved, step, timed.base, timed.most)
            if self.incremented.any() and not roles.bases:
                rule = rule.at_least(time_scale.DECISIONS, step)
            if not roles.bases:
                rule = rule.lasting(swing_time(model, roles.driven))
            self._uncut = 0 if episode_steps or seconds else rule.uncut_steps
            control_period, episode_steps = (
                control_period or rule.control_period,
                episode_steps or rule.episode_steps,
            )
        require_multiple(self.name, control_period, step)
        self.steps_held = round(control_period / step)  # of the adapter's own
        self.control_period = round(self.steps_held * step, 9)
        self.episode_steps = (
            max(1, round(seconds / self.control_period)) if seconds else episode_steps
        )
        self.pace = self.control_period / time_scale.USUAL
        self._kept = bystanders(model, self._counting)
        self._counting_dofs = np.flatnonzero(
            ~np.isin(model.dof_jntid, joint_of_position(model)[self._kept])
        )
        self._leave_out_markers()
        self._tracked = (
            self.places[0].body(model) if self.places else tracked_body(model, self.coordinates)
        )
        self._unlimited = [
            int(model.jnt_qposadr[j])
            for j in range(model.njnt)
            if int(model.jnt_type[j]) == HINGE
            and not model.jnt_limited[j]
            and j not in self._markers
        ]
        shown = np.flatnonzero(~np.isin(joint_of_position(model), self._markers))
        self._plain = np.setdiff1d(shown, self._unlimited)
        self._sensors = [
            i
            for s in range(model.nsensor)
            if model.sensor(s).name
            for i in sensor_numbers(model, s)
        ]
        self.camera_names = camera or str(
            choose_near_view(
                model,
                _some(flat, PICTURED),
                moving_bodies(model),
                counting_bodies(model, self._counting),
            )
        )
        # a reset may draw others: as in a process that need not probe
        model.geom_rgba[:], model.mat_rgba[:] = looks
        super().__init__(model, data=data, actions=controls, camera=self.camera_names, **options)
        if "pixels" in self.obs_keys:
            poses = data.qpos[None].copy() if flat is None else _some(flat, CHECKED)
            require_visible(self.name, model, self.cameras, poses, self._counting)

    # What an adapter writes

    def advance_step(self, control: np.ndarray) -> None:
        """Hold a control `[A]` for one step of the adapter's own."""
        raise NotImplementedError

    # The contract of a task

    def advance(self, control: np.ndarray) -> None:
        for _ in range(self.steps_held):
            self.advance_step(control)

    def state_vector(self) -> np.ndarray:
        qpos, angles = self.data.qpos, self.data.qpos[self._unlimited]
        others, qvel = qpos[self._plain], self.data.qvel[self._moving_dofs]
        sensors = self.data.sensordata[self._sensors]
        commands = self.data.ctrl[self.incremented] if self.incremented.any() else ()
        places = [number for place in self.places for number in place.value(self.data)]
        return np.concatenate(
            [np.cos(angles), np.sin(angles), others, qvel, self.data.act, sensors, commands, places]
        ).astype(np.float32)

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
        change = SHARE * (high - low) * np.clip(action, -1.0, 1.0)
        return np.where(self.incremented, np.clip(before + change, low, high), control)

    def distance(self, state: np.ndarray, goal: np.ndarray) -> float:
        return max(self.distances(state, goal).values())

    def distances(self, state: np.ndarray, goal: np.ndarray) -> dict[str, float]:
        each = self.coordinates.distances(self.qpos_qvel(state)[0], self.qpos_qvel(goal)[0])
        named = dict(zip(dict.fromkeys(self.coordinates.names), each.tolist(), strict=True))
        if self.places:
            here, there = (self._values(one) for one in (state, goal))
            named |= {
                place.label: place.distance(a, b)
                for place, a, b in zip(self.places, here, there, strict=True)
            }
        return named

    def counted(self, states: np.ndarray) -> np.ndarray:
        return self._counted(self.qpos_qvel(states)[0])

    def reached(self, state: np.ndarray, goal: np.ndarray) -> bool:
        return self.distance(state, goal) <= 1.0

    def tracked_point(self, state: np.ndarray) -> np.ndarray:
        """Centre of the first free body that counts, or of the body that most of the coordinates
        move; the first place that counts.
        """
        qpos = self.qpos_qvel(np.asarray(state))[0]
        points = np.empty((*qpos.shape[:-1], 3))
        for index in np.ndindex(qpos.shape[:-1]):
            self._scratch.qpos[:] = qpos[index]
            mujoco.mj_kinematics(self.model, self._scratch)
            pointed = self.places and self.places[0].kind == SITE
            points[index] = (
                self._scratch.site_xpos[self.places[0].number]
                if pointed
                else self._scratch.xipos[self._tracked]
            )
        return points

    def still(self) -> np.ndarray:
        """What holds the robot: a servo's own position, no force, and gravity's share where
        actuators can carry it.
        """
        ranges = self.actuator_range()
        if ranges is None:
            return self._neutral
        set_integration_state(self.model, self._scratch, self.snapshot())
        self._scratch.qvel[:] = 0.0
        held = action_of(hold(self.model, self._scratch, contacts=True).control, ranges)
        return np.where(self.incremented, 0.0, held)

    def holding(self, goal: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
        ranges = self.actuator_range()
        if ranges is None:
            return None
        set_integration_state(self.model, self._scratch, goal)
        self._scratch.qvel[:] = 0.0
        control = hold(self.model, self._scratch, contacts=True).control
        command = action_of(control, ranges)

        def act(state: np.ndarray) -> np.ndarray:
            mujoco.mj_setState(self.model, self._scratch, state, INTEGRATION)
            change = change_to(control, self._scratch.ctrl, ranges)
            return np.where(self.incremented, change, command)

        return act

    def actuator_range(self) -> np.ndarray | None:
        """What the actuators are given at actions -1 and 1 `[nu, 2]`; None where that is not an
        action for each, scaled.
        """
        return self._controls

    def settings(self) -> dict[str, Any]:
        success = self._success()
        return {
            "control_period": self.control_period,
            "episode_steps": self.episode_steps,
            "seconds": 0.0,  # it is in episode_steps now
            "success": success,
            "goals": self.given_goals.written,
            "camera": self.camera_names,
        }

    def about(self) -> list[str]:
        places = [
            f"{place.label} within {place.tolerance:.3g} {place.unit}" for place in self.places
        ]
        return [
            (
                f"{self.name}: {self.action_width} numbers in an action; followed from probing or"
                " from the command line:"
            ),
            (
                f"  reached: {', '.join(first_few([*self.coordinates.described(), *places]))} "
                f" {to_change(self._success())}"
            ),
            *(f"  {note}" for note in self._notes),
            *self._about_markers(),
            *self.about_goals(),
            (
                f"  a control step of {self.control_period:g} s "
                f" (task.control_period={self.control_period:g})"
            ),
            (
                f"  an episode of {self.episode_steps} control steps,"
                f" {self.episode_steps * self.control_period:g} s "
                f" (task.episode_steps={self.episode_steps}){self._about_cut()}"
            ),
            (
                f"  noise correlated over {0.3 * self.pace:.3g} s: collect.behaviour.correlation"
                f" times {self.pace:.3g}, as of a control step of {time_scale.USUAL} s"
            ),
            f"  pixels from {self.camera_names}  (task.camera={self.camera_names})",
        ]

    def _success(self) -> list[str]:
        """What counts, as a config has it."""
        return [*self.coordinates.written(), *(place.written() for place in self.places)]

    def _values(self, state: np.ndarray) -> list[np.ndarray]:
        """Where the places are in a simulator state."""
        self._scratch.qpos[:] = self.qpos_qvel(state)[0]
        mujoco.mj_kinematics(self.model, self._scratch)
        return [place.value(self._scratch) for place in self.places]

    def _leave_out_markers(self) -> None:
        """Find the joints that the state leaves out, and the degrees of freedom that it shows."""
        model, owner = self.model, joint_of_position(self.model)
        tree = joint_trees(model)
        markers = marker_trees(model, {int(tree[j]) for j in owner[self._counting]})
        self._markers = [j for j in range(model.njnt) if int(tree[j]) in markers]
        self._moving_dofs = np.flatnonzero(~np.isin(model.dof_treeid, list(markers)))

    def _about_cut(self) -> str:
        """Where the rule's least or most decided, and not how slow the robot is."""
        if self._uncut in (0, self.episode_steps):
            return ""
        return (
            f"; {self._uncut} by its slowest part, cut to {time_scale.SHORTEST} to"
            f" {time_scale.MOST}: longer ones by task.seconds"
        )

    def _about_markers(self) -> list[str]:
        """A line where there are some; in pictures they are seen."""
        names = [joint_names(self.model)[j] for j in self._markers]
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        return (
            [
                "  left out of the state, as nothing moves or touches them:"
                f" {', '.join(names[:4])}{more}"
            ]
            if names
            else []
        )

    def _begin_probe(self, rng: np.random.Generator) -> np.ndarray:
        self.begin(rng)
        return self.data.qpos.copy()

    def _advance_probe(self, action: np.ndarray) -> np.ndarray:
        self.advance_step(self._controls.mean(axis=1) + np.ptp(self._controls, axis=1) / 2 * action)
        return self.data.qpos.copy()


def _some(poses: np.ndarray | None, count: int) -> np.ndarray:
    """Some of the poses that probing met, from `count` on."""
    assert poses is not None  # probing was done, as no camera was given
    return poses[:: max(1, len(poses) // count)]
