"""Where the states of a model's task come from: starts and goals are where random actions lead,
goals again until the robot stays there, or one of those that were given.

Shapes: n simulator state.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.falling import falling_body
from latent_mpc.envs.adapters.feasible import constraint_violation
from latent_mpc.envs.adapters.given_goals import GivenGoals
from latent_mpc.envs.adapters.held_goals import (
    MOVING,
    RESTING,
    TRIED,
    Candidate,
    draw_held,
    held_of,
)
from latent_mpc.envs.adapters.settle import settle
from latent_mpc.envs.adapters.touching import Touching
from latent_mpc.envs.adapters.travel import Standing, episodes_apart
from latent_mpc.envs.behaviour import BehaviourConfig, Motion
from latent_mpc.envs.cameras.distractor import beginning
from latent_mpc.envs.simulator_state import integration_state, set_integration_state
from latent_mpc.envs.task import Pair, Task

AT_GOALS = 0.5  # share of rollouts that begin at given goals, where there are
FALLEN = 10.0  # as bad as constraints violated by so many times what they may be
TOUCHING = 2.0  # alike
LOOK = 10  # control steps after which a robot that fell goes back to where it stood
MOST_DRAWS = 20  # of a state, until one is met that the mechanism can take


class DrawnStates(Task):
    """A task that draws its states; an adapter says how to reset, `CoordinateTask` what counts."""

    starts_moved = True  # starts are where random actions lead, too; else fresh resets
    incremented: np.ndarray  # (A,) actions that change a servo's command
    usual_depth: float  # how deep things overlap in this model where nothing is wrong [m]
    given_goals: GivenGoals
    _kept: np.ndarray  # (nq,) positions of what is in the scene and does not count
    _counting_dofs: np.ndarray  # degrees of freedom of all else
    _travels: bool  # it is a mobile robot
    _standing: Standing
    _touching: Touching
    _held: int | None = None  # goals of TRIED that hold, once it is known

    def begin(self, rng: np.random.Generator) -> None:
        """Bring `self.data` to a fresh reset."""
        raise NotImplementedError

    def draw_state(self, rng: np.random.Generator) -> np.ndarray:
        """Where random actions lead from a fresh reset, after 0 to `walk_steps` control steps (none
        of a robot that would fall), brought to rest.

        Drawn again until joint limits, contacts and closed loops hold there, what stands at a
        reset stands, and an arm touches nothing; of 20 that do not, the one that comes nearest.
        """
        here = self.snapshot()
        state = self._draw(rng, self.starts_moved).state
        self.restore(here)
        return state

    def draw_beginning(self, rng: np.random.Generator) -> np.ndarray:
        """Every second time one of the goals that were given: random actions may never lead there,
        and what happens there has to be learned, too.
        """
        if self.given_goals.states and rng.random() < AT_GOALS:
            return self.given_goals.draw(rng)
        return self.draw_state(rng)

    @cached_property
    def walk_steps(self) -> int:
        """Control steps of random actions that lead to a start or goal, at most: those of an
        episode, of a mobile robot of several where one leads nowhere.
        """
        if not self._travels:
            return self.episode_steps
        here, rng = self.snapshot(), np.random.default_rng(0)

        def reset() -> tuple[np.ndarray, np.ndarray]:
            self.begin(rng)
            fresh = self.snapshot()
            rest = self._settled(fresh)[0].state
            return self.qpos_qvel(fresh)[0], self.qpos_qvel(rest)[0]

        def pair(episodes: int) -> Pair:
            most = episodes * self.episode_steps
            start = self._walk(rng, most if self.starts_moved else 0)
            return Pair(start.state, self._walk(rng, most).state)

        self._standing.learn(reset)
        episodes = 1
        if not self.given_goals.states:  # these are as far as they are
            episodes = episodes_apart(pair, lambda one: self.reached(one.start, one.goal))
        self.restore(here)
        return episodes * self.episode_steps

    def _draw(self, rng: np.random.Generator, moved: bool = True) -> Candidate:
        return self._walk(rng, self.walk_steps if moved else 0)

    def _walk(self, rng: np.random.Generator, most: int) -> Candidate:
        """Where at most so many control steps of random actions lead from a fresh reset."""
        candidates: list[tuple[float, int, Candidate]] = []
        moved, falls = most > 0, self._standing.matters
        while len(candidates) < MOST_DRAWS:
            steps = LOOK
            if not (candidates and moved and falls):
                self.begin(rng)
                steps = int(rng.integers(most + 1)) if moved else 0
            self._move(rng, steps)
            here = self.snapshot()
            # a reset that is a start as it is has come to rest
            candidate, violation = self._settled(here, moved)
            if not self._standing(self.qpos_qvel(candidate.state)[0]):
                violation += FALLEN
            candidates.append((violation, len(candidates), candidate))
            if violation <= 1.0:
                break
            self.restore(here)  # what walks goes on from there: few long walks end on its feet
        return min(candidates, key=lambda one: one[:2])[-1]

    def _move(self, rng: np.random.Generator, steps: int) -> None:
        """So many control steps of random actions; what fell goes back to where it stood."""
        motion = Motion(
            rng, steps, self.action_width, self.control_period / self.pace, BehaviourConfig()
        )
        stood = self.snapshot()
        for t in range(steps):
            self.apply(motion.action(t, self))
            if self._standing.matters and (t % LOOK == 0 or t + 1 == steps):
                if self._standing(self.data.qpos):
                    stood = self.snapshot()
                else:
                    self.restore(stood)

    def draw_start_and_goal(self, rng: np.random.Generator) -> Pair:
        """Both drawn alike, the goal again until the robot stays there, as in `held_goals.py`, or
        one of those that were given; what is in the scene and does not count, such as a marker,
        stands at the goal where it stands at the start.
        """
        here = self.snapshot()
        start = self._draw(rng, self.starts_moved).state
        bystanding = 1 + np.flatnonzero(self._kept)  # behind the time
        if self.given_goals.states:
            self.restore(here)
            goal = self.given_goals.draw(rng)
            goal[bystanding] = start[bystanding]
            if self.distractor:
                goal[0] = beginning(self.qpos_qvel(goal)[0])
            return Pair(start, goal)

        def draw() -> Candidate:
            goal = self._draw(rng)
            if self._kept.any():
                goal.state[bystanding] = start[bystanding]
                goal, _ = self._settled(goal.state)
            return goal

        goal = draw_held(self, draw) if self.goals_held() >= RESTING else draw().state
        self.restore(here)
        return Pair(start, goal)

    def goals_held(self) -> int:
        """How many of TRIED drawn goals hold; RESTING where that is enough. Raises ValueError for a
        body that falls for ever.
        """
        if self._held is None:
            here, rng = self.snapshot(), np.random.default_rng(0)
            held = held_of(self, lambda: self._draw(rng))
            if held < RESTING:
                self.begin(rng)
                set_integration_state(self.model, self._scratch, self.snapshot())
                trees = set(self.model.dof_treeid[self._counting_dofs].tolist())
                if body := falling_body(self.model, self._scratch, trees):
                    raise LatentMPCError(
                        f"{self.name}: {body} falls for ever, so no goal of it rests; add a floor"
                        " below it, or take away gravity"
                    )
            self.restore(here)
            self._held = held
        return self._held

    def rest_state(self, qpos: np.ndarray) -> np.ndarray:
        """The simulator state `[n]` at the given positions, brought to rest."""
        return self._settled(super().rest_state(qpos))[0].state

    def about_goals(self) -> list[str]:
        """Lines where they are given, lie further than an episode leads, or few of them hold."""
        if self.given_goals.states:
            return [self.given_goals.about()]
        held, lines = self.goals_held(), list[str]()
        if self.walk_steps > self.episode_steps:
            lines.append(
                f"  starts and goals up to {self.walk_steps} control steps of random actions from a"
                " reset: an episode of them leads nowhere"
            )
        if held < RESTING:
            lines.append(
                f"  goals do not rest: {held} of {TRIED} held; success at the end means passing"
                " through"
            )
        return lines

    def _settled(self, state: np.ndarray, moving: bool = True) -> tuple[Candidate, float]:
        """The state brought to rest if it moves, and how far it violates the mechanism's
        constraints, above 1 where it cannot take it.
        """
        set_integration_state(self.model, self._scratch, state)
        # an action may stand for no actuator, and then nothing of them is kept
        kept = self.incremented if self.incremented.any() else None
        speeds = settle(self.model, self._scratch, kept) if moving else np.zeros(0)
        rests = bool(speeds[self._counting_dofs].max(initial=0.0) < MOVING) if moving else True
        violation = constraint_violation(self.model, self._scratch, self.usual_depth)
        if self._touching(self._scratch):
            violation += TOUCHING
        if self.distractor:
            self._scratch.time = beginning(self._scratch.qpos)
        return Candidate(integration_state(self.model, self._scratch), rests), violation
