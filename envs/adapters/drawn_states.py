"""Where the states of a model's task come from: starts and goals are where random actions lead,
goals again until the robot stays there, or one of those that were given.

Shapes: n simulator state.
"""

from __future__ import annotations

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
from latent_mpc.envs.behaviour import BehaviourConfig, Motion
from latent_mpc.envs.task import Pair, Task, integration_state, set_integration_state

AT_GOALS = 0.5  # share of rollouts that begin at given goals, where there are
MOST_DRAWS = 20  # of a state, until one is met that the mechanism can take


class DrawnStates(Task):
    """A task that draws its states; an adapter says how to reset, `CoordinateTask` what counts."""

    starts_moved = True  # starts are where random actions lead, too; else fresh resets
    incremented: np.ndarray  # (A,) actions that change a servo's command
    usual_depth: float  # how deep things overlap in this model where nothing is wrong [m]
    given_goals: GivenGoals
    _kept: np.ndarray  # (nq,) positions of what is in the scene and does not count
    _counting_dofs: np.ndarray  # degrees of freedom of all else
    _held: int | None = None  # goals of TRIED that hold, once it is known

    def begin(self, rng: np.random.Generator) -> None:
        """Bring `self.data` to a fresh reset."""
        raise NotImplementedError

    def draw_state(self, rng: np.random.Generator) -> np.ndarray:
        """Where random actions lead from a fresh reset, after 0 to `episode_steps` control steps
        (none of a robot that would fall), brought to rest.

        Drawn again until joint limits, contacts and closed loops hold there; of 20 that do not, the
        one that comes nearest.
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

    def _draw(self, rng: np.random.Generator, moved: bool = True) -> Candidate:
        candidates: list[tuple[float, int, Candidate]] = []
        while len(candidates) < MOST_DRAWS:
            self.begin(rng)
            steps = int(rng.integers(self.episode_steps + 1)) if moved else 0
            motion = Motion(
                rng, steps, self.action_width, self.control_period / self.pace, BehaviourConfig()
            )
            for t in range(steps):
                self.apply(motion.action(t, self))
            # a reset that is a start as it is has come to rest
            candidate, violation = self._settled(self.snapshot(), moved)
            candidates.append((violation, len(candidates), candidate))
            if violation <= 1.0:
                break
        return min(candidates, key=lambda one: one[:2])[-1]

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
        """A line where few of them hold, or they are given."""
        if self.given_goals.states:
            return [self.given_goals.about()]
        held = self.goals_held()
        return (
            []
            if held >= RESTING
            else [
                f"  goals do not rest: {held} of {TRIED} held; success at the end means passing"
                " through"
            ]
        )

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
        return Candidate(integration_state(self.model, self._scratch), rests), violation
