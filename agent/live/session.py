"""A session: one robot, one goal, one agent, in real time, without a browser.

`tick` does one control step of the closed loop that evaluation reads (`evaluation/episodes.py`), so
that with nothing touched the actions are the same to the bit. Whatever visitors ask for is queued
by `submit` and done between two steps, by the one thread that owns task and agent.

Shapes: n simulator state, A action, H horizon, K plans.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, make_agent
from latent_mpc.agent.evaluation.episodes import Step, stack, steps
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.agent.live.pilot import Pilot, aim, take_over
from latent_mpc.agent.live.settings import changed
from latent_mpc.agent.live.snapshot import Numbers, Snapshot
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.names import SPEEDS
from latent_mpc.configs.schema import PairsConfig
from latent_mpc.configs.seeding import POSES, stream
from latent_mpc.envs.posing import Poser
from latent_mpc.envs.task import Pair, Task, integration_state, set_integration_state

QUEUED = 100  # requests that wait at most: more in one control step come from no hand
CURVES = 20.0  # [s] of the robot that curves show
OTHERS = 8  # plans drawn beside the best one at most


class Session:
    """One robot that visitors share.

    Args:
        parts: the learned parts.
        task: theirs, observed as they were trained.
        planner, cost: `{"name": …, **fields}`.
        pairs: where starts and goals come from.
        pair: number of the first one.
        seed: of the planner's random numbers.
    """

    def __init__(
        self,
        parts: Parts,
        task: Task,
        planner: Mapping[str, Any],
        cost: Mapping[str, Any],
        pairs: PairsConfig,
        pair: int = 0,
        seed: int = 0,
    ) -> None:
        self.parts, self.task, self.pairs, self.seed = parts, task, pairs, seed
        self.poser = Poser(task, stream(task.name, pairs.seed, POSES))
        self.settings = {"planner": dict(planner), "cost": dict(cost)}
        self.pilot = Pilot(make_agent(parts, planner=planner, cost=cost, seed=seed))
        self.pair, self.paused, self.speed, self.number, self.time = pair, False, 1.0, 0, 0.0
        self.force: tuple[int, np.ndarray, float] | None = None  # body, [N], [s] left
        self.notices: deque[str] = deque(maxlen=QUEUED)  # lines for visitors, until they are shown
        self.curves: deque[Numbers] = deque()
        self.latest: Snapshot | None = None
        self.dropped = 0  # requests beyond QUEUED
        self._queue: dict[object, Callable[[], None]] = {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._steps = 0  # to be done while paused
        self._left: int | None = None  # control steps until another goal is drawn; None: never
        self._expected: torch.Tensor | None = None  # the latent that was imagined
        self._paths = np.zeros((0, 3)), np.zeros((0, 0, 3))
        self._decided = (math.nan, math.nan, math.nan)  # cost, ms, evaluations
        self.begin(self._pair(pair))

    @property
    def agent(self) -> Agent:
        """Who plans."""
        return self.pilot.agent

    # What visitors ask for

    def submit(self, request: Callable[[], None], key: object = None) -> None:
        """Have something done between two steps; a later request of the same key takes the place of
        an earlier one that still waits.
        """
        with self._lock:
            key = key if key is not None else object()
            if key not in self._queue and len(self._queue) >= QUEUED:
                self.dropped += 1
                return
            self._queue[key] = request

    def begin(self, pair: Pair) -> None:
        """Start anew, at a pair's start and towards its goal, as evaluation would."""
        self.state, self.goal = pair.start.copy(), pair.goal.copy()
        self.pilot.reset(stack([self.task.observation(self.goal)]))
        self._expected, self.force = None, None
        self._left = self.task.episode_steps

    def next_pair(self, start: bool = True, goal: bool = True) -> None:
        """A new start, a new goal or both: those of the next pair."""
        self.pair += 1
        drawn = self._pair(self.pair)
        if start:
            self.begin(Pair(drawn.start, drawn.goal if goal else self.goal))
        else:
            self.set_goal(drawn.goal)
            self._left = self.task.episode_steps

    def set_goal(self, goal: np.ndarray) -> None:
        """Another goal `[n]` from where the robot is, which then stays."""
        self._left = None
        self.goal = np.asarray(goal, dtype=np.float64).copy()
        aim(self.agent, stack([self.task.observation(self.goal)]))

    def set_goal_pose(self, values: Mapping[int, float]) -> None:
        """The goal with some of its positions, by index, changed. Raises ValueError for a pose that
        is no state of the robot.
        """
        qpos = self.task.qpos_qvel(self.goal)[0].copy()
        for position, value in values.items():
            qpos[position] = value
        self.set_goal(self.poser.pose_goal(qpos))

    def set_goal_on_ray(self, origin: Sequence[float], direction: Sequence[float]) -> None:
        """The goal where a visitor's click points `[3]` each. Raises ValueError for a place where
        the robot cannot be.
        """
        ray = np.asarray(direction, dtype=np.float64)
        ray = ray / max(float(np.linalg.norm(ray)), 1e-12)
        place = self.poser.on_ray(np.asarray(origin, dtype=np.float64), ray, self.goal)
        self.set_goal(self.poser.place_goal(place, self.goal))

    def set_setting(self, group: str, key: str, value: Any) -> None:
        """Turn a knob: a field of the planner or the cost, or its `name`. Raises ValueError with
        the dataclass's own message; nothing has changed then.
        """
        settings = {**self.settings, group: changed(group, self.settings[group], key, value)}
        agent = make_agent(
            self.parts, planner=settings["planner"], cost=settings["cost"], seed=self.seed
        )
        self.pilot.agent = take_over(agent, self.agent)
        self.settings = settings

    def push(self, body: int, force: np.ndarray, seconds: float = 0.3) -> None:
        """Push a body with a force `[3]` [N] for a while [s of the robot]."""
        self.force = (body, np.asarray(force, dtype=np.float64), seconds)

    def pause(self, paused: bool = True) -> None:
        self.paused = paused

    def step_once(self) -> None:
        """One control step of a robot that is paused."""
        self.paused, self._steps = True, 1

    def set_speed(self, speed: float) -> None:
        """Times real time. Raises ValueError."""
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise LatentMPCError(f"speed must be within {list(SPEEDS)} times, got {speed}")
        self.speed = float(speed)

    # The loop

    def start(self) -> None:
        """Play in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if there is one."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def tick(self) -> Snapshot:
        """Do what was asked for, then one control step unless paused; what is to be drawn."""
        self._obey()
        moving = not self.paused or self._steps > 0
        self._steps = 0
        before = self.state
        if moving:
            self._advance()
        self.latest = self._snapshot(before)
        return self.latest

    def _run(self) -> None:
        due = time.perf_counter()
        while not self._stop.is_set():
            self.tick()
            now = time.perf_counter()
            # a decision that took too long is not made up for by a robot that races
            due = max(due + self.task.control_period / self.speed, now)
            self._stop.wait(due - now)

    def _obey(self) -> None:
        with self._lock:
            requests, self._queue = list(self._queue.values()), {}
        for request in requests:
            try:
                request()
            except LatentMPCError as refused:
                self.notices.append(str(refused))

    def _advance(self) -> None:
        (step,) = steps(self.pilot, self.task, self._forced()[None], 1)
        self.state = self._released(step.after[0])
        self.time += self.task.control_period
        self.number += 1
        surprise = self._surprise()
        if self._left is not None and self.pilot.hands is None:
            self._left -= 1
        if step.plan is not None:
            self._decide(step)
        elif self.pilot.hands is not None:
            self._paths = np.zeros((0, 3)), np.zeros((0, 0, 3))
            self._decided = (math.nan, math.nan, math.nan)
        cost, ms, evaluations = self._decided
        distance = self.task.distance(self.state, self.goal)
        self.curves.append(
            Numbers(self.time, distance, cost, ms, evaluations, surprise, math.nan)
        )
        while self.curves[0].time < self.time - CURVES:
            self.curves.popleft()
        if self._left == 0:  # an episode as evaluation has them is over
            self.next_pair(start=False)

    def _decide(self, step: Step) -> None:
        """Note what was decided, and where it is imagined to lead."""
        assert step.plan is not None and self.agent.episodes is not None
        plan = step.plan
        self._decided = (
            float(plan.cost[0]),
            1e3 * step.seconds,
            float(plan.info["evaluations"][0]),
        )
        memory = self.agent.episodes.memory
        plans = torch.cat([plan.actions[:, None], plan.warm.elites[:, :OTHERS]], dim=1)
        with torch.inference_mode():
            z = self.agent.model.imagine(memory, plans)[0, 0]  # (1 + K, H, D)
            self._expected = z[0, 0]
            here = memory.z[0].expand(len(z), 1, -1)
            if self.parts.probe.knows_places:
                paths = self.parts.probe(torch.cat([here, z], dim=1)).cpu().numpy()
                self._paths = paths[0], paths[1:]

    def _surprise(self) -> float:
        """How far what is seen is from what was imagined of it; NaN where nothing was."""
        expected, self._expected = self._expected, None
        if expected is None or self.agent.episodes is None:
            return math.nan
        return float((self.agent.episodes.memory.z[0] - expected).square().mean().sqrt())

    def _forced(self) -> np.ndarray:
        """The state with the push in it, if there is one."""
        if self.force is None:
            return self.state
        body, force, _ = self.force
        return with_force(self.task, self.state, body, force)

    def _released(self, state: np.ndarray) -> np.ndarray:
        """The state without the push that was in it."""
        if self.force is None:
            return state
        body, force, left = self.force
        left -= self.task.control_period
        self.force = (body, force, left) if left > 1e-9 else None
        return with_force(self.task, state, body, np.zeros(3))

    def _pair(self, number: int) -> Pair:
        config = self.pairs
        return draw_pairs(
            self.task, 1, config.seed, config.kind, config.offset, first=number
        ).pairs[0]

    def _snapshot(self, before: np.ndarray) -> Snapshot:
        unknown = (math.nan,) * (len(Numbers._fields) - 2)
        distance = self.task.distance(self.state, self.goal)
        numbers = self.curves[-1] if self.curves else Numbers(0.0, distance, *unknown)
        return Snapshot(
            number=self.number,
            began=time.perf_counter(),
            seconds=self.task.control_period / self.speed,
            before=before,
            after=self.state,
            goal=self.goal,
            reached=self.task.reached(self.state, self.goal),
            numbers=replace_distance(numbers, distance),
            path=self._paths[0],
            others=self._paths[1],
            settings=self.settings,
            driver="planner" if self.pilot.hands is None else "hands",
            world="simulator",
            paused=self.paused,
            speed=self.speed,
            pair=self.pair,
            recorded=-1,
        )


def replace_distance(numbers: Numbers, distance: float) -> Numbers:
    """The same numbers, the distance being that to a goal set meanwhile."""
    return numbers._replace(distance=distance)


def with_force(task: Task, state: np.ndarray, body: int, force: np.ndarray) -> np.ndarray:
    """A simulator state in which a force `[3]` [N] acts on a body."""
    data = mujoco.MjData(task.model)
    set_integration_state(task.model, data, state)
    data.xfrc_applied[body, :3] = force
    return integration_state(task.model, data)
