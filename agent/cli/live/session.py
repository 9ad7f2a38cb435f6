"""A session: one robot, one goal, one agent, in real time, without a browser.

`tick` does one control step of the closed loop that evaluation reads (`evaluation/episodes.py`), so
that with nothing touched the actions are the same to the bit. Whatever visitors ask for waits in
`requests` and is done between two steps, by the one thread that owns task and agent.

Shapes: n simulator state, A action.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, make_agent
from latent_mpc.agent.cli.live.dream import Dream
from latent_mpc.agent.cli.live.hands import Hands
from latent_mpc.agent.cli.live.pilot import Pilot, aim, seen_now, take_over
from latent_mpc.agent.cli.live.pushes import Push
from latent_mpc.agent.cli.live.recording import Recording
from latent_mpc.agent.cli.live.requests import Requests
from latent_mpc.agent.cli.live.settings import changed
from latent_mpc.agent.cli.live.snapshot import Numbers, Snapshot
from latent_mpc.agent.cli.live.thoughts import Thoughts
from latent_mpc.agent.evaluation.episodes import Step, stack, steps
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.names import SPEEDS
from latent_mpc.configs.schema import PairsConfig
from latent_mpc.configs.seeding import POSES, stream
from latent_mpc.envs.posing import Poser
from latent_mpc.envs.task import Pair, Task

CURVES, CLIP = 20.0, 12.0  # [s] of the robot that curves and clips show
PUSH = 0.3  # [s] of the robot that a push lasts
NOTICES = 100  # lines that wait to be shown at most
WORLDS = (SIMULATOR, DREAM, BOTH) = ("simulator", "dream", "side by side")


class Moment(NamedTuple):
    """One control step of a clip."""

    after: np.ndarray  # (n,)
    path: np.ndarray  # (H + 1, 3)


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
        self.settings = {"planner": dict(planner), "cost": dict(cost)}
        self.pilot = Pilot(make_agent(parts, planner=planner, cost=cost, seed=seed))
        self.poser = Poser(task, stream(task.name, pairs.seed, POSES))
        self.hands, self.thoughts, self.requests = Hands(task.action_width), Thoughts(), Requests()
        self.driving, self.world = False, SIMULATOR
        self.paused, self.speed, self.number, self.time = False, 1.0, 0, 0.0
        self.dream: Dream | None = None
        self.push: Push | None = None
        self.recording: Recording | None = None
        self.notices: deque[str] = deque(maxlen=NOTICES)  # until somebody shows them
        self.curves: deque[Numbers] = deque()
        self.history: deque[Moment] = deque(maxlen=round(CLIP / task.control_period))
        self.latest: Snapshot | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._steps = 0  # to be done while paused
        self._left: int | None = None  # control steps until another goal is drawn; None: never
        self._seen: np.ndarray | None = None
        self.pair = self.begun = pair  # numbers of the last pair drawn, of that with this start
        self.state = self.goal = self.started = task.snapshot()
        self.first = self.drawn(pair)  # the pair of number `begun`
        self.begin(self.first)

    @property
    def agent(self) -> Agent:
        """Who plans."""
        return self.pilot.agent

    # What visitors ask for

    def submit(self, request: Callable[[], None], key: object = None) -> None:
        """Have something done between two steps; from any thread. A later request of the same key
        takes the place of one that still waits.
        """
        self.requests.put(request, key)

    def begin(self, pair: Pair) -> None:
        """Start anew, at a pair's start and towards its goal, as evaluation would."""
        if self.recording is not None:
            self.recording.cut(self.state)
        self.state, self.goal = pair.start.copy(), pair.goal.copy()
        self.started = self.state
        self.pilot.reset(stack([self.task.observation(self.goal)]))
        self.thoughts.forget()
        self.push = None
        self.history.clear()
        self.set_world(SIMULATOR)
        self._left = self.task.episode_steps

    def next_pair(self, start: bool = True, goal: bool = True) -> None:
        """A new start, a new goal or both: those of the next pair."""
        self.pair += 1
        drawn = self.drawn(self.pair)
        if start:
            self.begun, self.first = self.pair, drawn
            self.begin(Pair(drawn.start, drawn.goal if goal else self.goal))
        else:
            self.set_goal(drawn.goal)
            self._left = self.task.episode_steps

    def set_goal(self, goal: np.ndarray) -> None:
        """Another goal `[n]` from where the robot is, which then stays."""
        self.goal, self._left = np.asarray(goal, dtype=np.float64).copy(), None
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

    def set_push(self, body: int, force: np.ndarray) -> None:
        """Push a body with a force `[3]` [N] for a moment."""
        self.push = Push(body, np.asarray(force, dtype=np.float64), PUSH)

    def drive(self, driving: bool) -> None:
        """Take the robot into one's own hands, or give it back to the planner."""
        self.driving = driving
        if not driving:
            self.set_world(SIMULATOR)

    def set_world(self, world: str) -> None:
        """What hands move: the simulator, the dream that begins here, or both side by side. Raises
        ValueError for another one, or where a dream could not be seen.
        """
        if world not in WORLDS:
            raise LatentMPCError(f"world must be one of {', '.join(WORLDS)}, got {world!r:.60}")
        if world == SIMULATOR:
            self.dream, self.world = None, world
            return
        if self.pilot.within_model_step:  # a dream begins with a model step
            self.submit(lambda: self.set_world(world), "world")
            return
        memory = seen_now(self.agent, stack([self.task.observation(self.state)]))
        self.dream = Dream(self.parts, self.task, memory, self.state, self.poser.width)
        self.driving, self.world = True, world

    def pause(self, paused: bool = True) -> None:
        """Stop the time, or let it go on."""
        self.paused = paused

    def step_once(self) -> None:
        """One control step of a robot that is paused."""
        self.paused, self._steps = True, 1

    def set_speed(self, speed: float) -> None:
        """Times real time. Raises ValueError."""
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise LatentMPCError(f"speed must be within {list(SPEEDS)} times, got {speed}")
        self.speed = float(speed)

    def record(self, folder: Path) -> None:
        """Begin to record, or end it and say what was written."""
        if self.recording is None:
            self.recording = Recording(folder, self.parts, self.task, self.pairs.seed)
            return
        recording, self.recording = self.recording, None
        episodes = recording.close(self.state)
        self.notices.append(f"wrote {recording.steps} steps; {folder} holds {episodes} episodes")

    # The loop

    def start(self) -> None:
        """Play in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if there is one, and the recording."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self.recording is not None:
            self.recording.close(self.state)
            self.recording = None

    def tick(self) -> Snapshot:
        """Do what was asked for, then one control step unless paused; what is to be drawn."""
        for request in self.requests.take():
            try:
                request()
            except (LatentMPCError, OSError) as refused:
                self.notices.append(" ".join(str(refused).split()))
        before = self.state
        if not self.paused or self._steps:
            self._steps = 0
            self._advance()
        self.latest = self._snapshot(before)
        return self.latest

    def drawn(self, number: int) -> Pair:
        """A pair by its number, as evaluation draws it."""
        config = self.pairs
        return draw_pairs(
            self.task, 1, config.seed, config.kind, config.offset, first=number
        ).pairs[0]

    def _run(self) -> None:
        due = time.perf_counter()
        while not self._stop.is_set():
            self.tick()
            now = time.perf_counter()
            # what one slow decision cost is made up for, no more: a robot must not race
            period = self.task.control_period / self.speed
            due = max(due + period, now - period)
            self._stop.wait(max(0.0, due - now))

    def _advance(self) -> None:
        self.pilot.hands = None
        if self.driving:
            self.task.restore(self.state)
            self.pilot.hands = self.hands.action(self.task.still(), self.task.control_period)
            self.thoughts.forget()
        if self.dream is not None and self.pilot.hands is not None:
            self.dream.step(self.pilot.hands)
        if self.world != DREAM:
            self._simulate()
        self.time += self.task.control_period
        self.number += 1
        self.curves.append(self._numbers())
        while self.curves[0].time < self.time - CURVES:
            self.curves.popleft()
        if self._left == 0:  # an episode as evaluation has them is over
            self.next_pair(start=False)

    def _simulate(self) -> None:
        """One step of the closed loop, by the agent or by hands."""
        state = self.push.into(self.task, self.state) if self.push else self.state
        (step,) = steps(self.pilot, self.task, state[None], 1)
        self.state = step.after[0]
        if self.push:
            self.state = self.push.out_of(self.task, self.state)
            self.push.left -= self.task.control_period
            self.push = self.push if self.push.left > 1e-9 else None
        if step.plan is not None:
            self.thoughts.note(self.agent, self.parts.probe, step)
        if self._left is not None and not self.driving:
            self._left -= 1
        self._keep(step)

    def _keep(self, step: Step) -> None:
        if self.recording is not None:
            self.recording.add(step)
        pixels = step.obs.get("pixels")
        self._seen = None if pixels is None else pixels[0, :, :, :3]
        if not self.history:
            self.history.append(Moment(step.states[0], self.thoughts.path))
        self.history.append(Moment(self.state, self.thoughts.path))

    def _numbers(self) -> Numbers:
        thoughts, dream = self.thoughts, self.dream
        return Numbers(
            self.time,
            self.task.distance(self.state, self.goal),
            thoughts.cost,
            thoughts.decision_ms,
            thoughts.evaluations,
            thoughts.surprise,
            dream.apart(self.state) if dream is not None and self.world == BOTH else math.nan,
        )

    def _snapshot(self, before: np.ndarray) -> Snapshot:
        return Snapshot(
            number=self.number,
            began=time.perf_counter(),
            seconds=self.task.control_period / self.speed,
            before=before,
            after=self.state,
            goal=self.goal,
            reached=self.task.reached(self.state, self.goal),
            numbers=self._numbers(),
            path=self.thoughts.path,
            others=self.thoughts.others,
            settings=self.settings,
            driving=self.driving,
            world=self.world,
            paused=self.paused,
            speed=self.speed,
            pair=self.pair,
            recorded=-1 if self.recording is None else self.recording.steps,
            dream=None if self.dream is None else self.dream.shown(),
            seen=self._seen,
        )
