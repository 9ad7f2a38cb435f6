"""Collect rollouts with worker processes. Episode i depends on (task, behaviour, seed, i) only; the
parent writes episodes in order, so the bytes on disk are the same for any number of workers, and
after any number of interruptions.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from latent_mpc.configs.errors import FailedError, LatentMPCError, UnknownNameError
from latent_mpc.configs.plugins import package_version
from latent_mpc.configs.seeding import stream
from latent_mpc.envs.behaviour import BehaviourConfig, Motion
from latent_mpc.envs.collection.engines import make_engine
from latent_mpc.envs.collection.workers import Abandoned, Failed
from latent_mpc.envs.guided_play import Play
from latent_mpc.envs.progress import Progress
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.quarantine import QUARANTINE, quarantine, quarantined
from latent_mpc.envs.rollouts.reader import Arrays, Rollouts, RolloutWriter
from latent_mpc.envs.task import Task

PATIENCE = 300.0  # [s] for one episode
# episodes left out from the first on, and none kept, after which there is no use in going on
MAX_FAILED_EPISODES = 10


@dataclass(frozen=True)
class Job:
    """Everything that episode i depends on, but i."""

    task_name: str
    task_options: Mapping[str, Any]
    obs: tuple[str, ...]
    behaviour: BehaviourConfig
    seed: int
    steps: int = 0  # [control steps] of an episode; 0: the task's own

    def make(self) -> Task:
        return make(self.task_name, obs=self.obs, **self.task_options)


def collect(
    task_name: str,
    task_options: Mapping[str, Any],
    obs: Sequence[str],
    behaviour: BehaviourConfig,
    episodes: int,
    seed: int,
    out: str | os.PathLike[str],
    workers: int | None = None,
    engine: str = "local",
    progress: bool = True,
    steps: int | None = None,
    patience: float = PATIENCE,
    notes: Mapping[str, Any] | None = None,
) -> Rollouts:
    """Record episodes 0 .. `episodes` - 1 into the folder `out`, going on where an earlier call was
    stopped.

    An episode whose simulation diverges, or that costs several workers, is left out and noted
    (`quarantine.py`).

    Args:
        task_options: passed to the task, JSON values only.
        workers: processes, None = one per usable core; 0 or 1 records in this process, where
            nothing watches for hanging.
        engine: whose processes, see `engines.py`; of another than this machine's there is always
            one.
        steps: length of an episode [control steps], if not the task's own.
        patience: [s] for one episode, after which its worker counts as hung and is replaced.
        notes: what else the meta data say, JSON values only.

    Raises:
        KeyError, ValueError: an unknown task or option, or `out` holds rollouts that were collected
            otherwise (names the key).
        OSError: `out` cannot be written, e.g. disk full; what was written stays.
        RuntimeError: an episode failed (names it), or the first MAX_FAILED_EPISODES were all left
            out.
        KeyboardInterrupt: after Ctrl-C, saying how to go on.
    """
    if episodes < 1 or seed < 0 or (steps is not None and steps < 1):
        raise LatentMPCError(
            f"collect needs episodes >= 1, seed >= 0 and steps >= 1, got {episodes}, {seed} and"
            f" {steps}"
        )
    job = Job(task_name, dict(task_options), tuple(sorted(obs)), behaviour, seed, steps or 0)
    task = job.make()
    job = replace(job, behaviour=suited(behaviour, task))
    made = make_engine(engine)
    count = made.cores() if workers is None else workers
    metadata = describe(job, task) | dict(notes or {})
    with RolloutWriter(out, metadata) as writer:
        numbers = range(writer.next_number, episodes)
        count = min(count, len(numbers))
        # on a single core too
        watched = workers is None or count > 1 or not made.has_to_pay
        source = (
            made.run(partial(recorder, job), numbers, count, patience)
            if watched
            else _in_process(job, numbers)
        )
        begun, frames = episodes - len(numbers), 0
        shown = Progress(f"collecting {task_name}", episodes, "episodes", begun, shown=progress)
        try:
            with contextlib.closing(source), shown:
                for number, episode in zip(numbers, source, strict=True):
                    if isinstance(episode, Failed):
                        raise _failed(job, number, episode.why)
                    if isinstance(episode, Abandoned):
                        _put_aside(writer.path, job, number, episode.why, metadata)
                        if not len(writer) and number + 1 in (MAX_FAILED_EPISODES, episodes):
                            raise _failed(
                                job, number, f"{episode.why}, and none before it could be kept"
                            )
                        shown.advance()
                        continue
                    writer.append(episode, number)
                    frames += len(episode["action"])
                    shown.advance(note=f"{frames / shown.elapsed:,.0f} frames/s")
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped: {len(writer)} of {episodes} episodes are in {writer.path}; the same"
                " command again goes on from there"
            ) from None
    return Rollouts(out)


def suited(behaviour: BehaviourConfig, task: Task) -> BehaviourConfig:
    """The behaviour; where its name is left open, that which suits the task."""
    if behaviour.name != "auto":
        return behaviour
    return replace(behaviour, name="play" if task.pushes else "coloured")


def describe(job: Job, task: Task) -> dict[str, Any]:
    """The rollouts' meta data."""
    begin(np.random.default_rng(0), 1, task, job.behaviour)  # refused here, if at all
    shown = task.observation()
    observation = {
        key: {"dtype": str(array.dtype), "shape": list(array.shape)}
        for key, array in sorted(shown.items())
    }
    return {
        "task": {"name": job.task_name, "options": dict(job.task_options)},
        "obs": list(job.obs),
        "spaces": {
            "observation": observation,
            "action": {"dtype": "float32", "shape": [task.action_width], "low": -1.0, "high": 1.0},
        },
        "control_period": task.control_period,
        "steps": job.steps or task.episode_steps,
        "behaviour": asdict(job.behaviour),
        "seed": job.seed,
        "versions": {name: package_version(name) for name in ("latent-mpc", "mujoco", "numpy")},
    }


class Diverged(LatentMPCError):
    """The simulation left the numbers that physics knows."""


def record(task: Task, job: Job, number: int) -> Arrays:
    """Run one episode from a state drawn from the task's distribution: per key T + 1 rows, see
    `envs/rollouts/reader.py`.

    Raises Diverged if the simulation diverges.
    """
    episode = play(task, job, number)
    check_physics(episode)
    return episode


def play(task: Task, job: Job, number: int) -> Arrays:
    """The same, whatever comes of it."""
    rng = stream(job.task_name, job.seed, number)
    task.restore(task.draw_beginning(rng))
    steps, width = job.steps or task.episode_steps, task.action_width
    motion = begin(rng, steps, task, job.behaviour)
    observations, physics, done = [task.observation()], [task.snapshot()], []
    for t in range(steps):
        done.append(motion.action(t, task))
        task.apply(done[-1])
        observations.append(task.observation())
        physics.append(task.snapshot())
    done.append(np.zeros(width, np.float32))  # belongs to no step
    return {
        **{key: np.stack([observation[key] for observation in observations]) for key in job.obs},
        "action": np.stack(done),
        "physics": np.stack(physics),
    }


def begin(
    rng: np.random.Generator, steps: int, task: Task, behaviour: BehaviourConfig
) -> Motion | Play:
    """The actions of an episode. Raises ValueError where the task has nothing to play with."""
    if behaviour.name == "play":
        return Play(rng, task, behaviour)
    return Motion(rng, steps, task.action_width, task.control_period / task.pace, behaviour)


def check_physics(episode: Arrays) -> None:
    """Raise Diverged if the simulation diverged: MuJoCo then gives NaN or, by default, resets
    itself and its time with it.
    """
    broken = [
        key
        for key, array in episode.items()
        if array.dtype.kind == "f" and not np.isfinite(array).all()
    ]
    if broken:
        raise Diverged(f"the simulation diverged: {', '.join(broken)} not finite")
    clock = episode["physics"][:, 0]
    if (np.diff(clock) <= 0).any():
        raise Diverged(
            "the simulation diverged: MuJoCo reset itself within control step"
            f" {int(np.argmax(np.diff(clock) <= 0))}"
        )


def replay(path: str | os.PathLike[str], number: int) -> Arrays:
    """Play an episode that was put aside again, as it was, without judging it. Raises KeyError if
    none of that number was.
    """
    lines = {line["number"]: line for line in quarantined(Path(path))}
    if number not in lines:
        raise UnknownNameError(
            f"no episode {number} was put aside in {path}; there are:"
            f" {', '.join(map(str, lines)) or 'none'}"
        )
    metadata = lines[number]
    job = Job(
        metadata["task"]["name"],
        metadata["task"]["options"],
        tuple(metadata["obs"]),
        BehaviourConfig(**metadata["behaviour"]),
        metadata["seed"],
        metadata["steps"],
    )
    return play(job.make(), job, number)


def recorder(job: Job) -> Callable[[int], Arrays | Abandoned]:
    """What records episode after episode of the job, in this process or in a worker."""
    task = job.make()

    def run(number: int) -> Arrays | Abandoned:
        try:
            return record(task, job, number)
        except Diverged as error:
            return Abandoned(str(error))

    return run


def _in_process(job: Job, numbers: range) -> Generator[Arrays | Abandoned | Failed, None, None]:
    """The episodes, in order."""
    run = recorder(job)
    for number in numbers:
        try:
            yield run(number)
        except Exception as error:
            yield Failed(f"{type(error).__name__}: {error}")


def _failed(job: Job, number: int, why: str) -> FailedError:
    return FailedError(
        f"episode {number} of {job.task_name} (seed {job.seed}) failed: {why}; the episodes before"
        " it are safe"
    )


def _put_aside(path: Path, job: Job, number: int, why: str, metadata: Mapping[str, Any]) -> None:
    """Note the episode, and say so."""
    depends_on = {key: metadata[key] for key in ("task", "obs", "behaviour", "seed", "steps")}
    quarantine(path, {"number": number, "why": why, **depends_on})
    print(
        f"episode {number} of {job.task_name} (seed {job.seed}) is left out: {why}; noted in"
        f" {path / QUARANTINE}, latent_mpc.envs.collection.collect.replay({str(path)!r}, {number})"
        " plays it again",
        file=sys.stderr,
    )
