"""Collect rollouts with worker processes. Episode i depends on (task, behaviour, seed, i) only; the parent writes episodes in order,
so the bytes on disk are the same for any number of workers, and after any number of interruptions.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import multiprocessing
import os
import signal
import time
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from latent_mpc.envs.behaviour import BehaviourConfig, actions
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts import Arrays, Rollouts, RolloutWriter
from latent_mpc.envs.task import Task

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
QUEUED = 2  # episodes a worker has been given: one in work, one waiting, so that it never idles
AHEAD = 4  # episodes per worker that may be finished before their turn to be written: bounds memory


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
    progress: bool = True,
    steps: int | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Rollouts:
    """Record episodes 0 .. `episodes` - 1 into the folder `out`, going on where an earlier call was stopped.

    Args:
        task_options: passed to the task, JSON values only.
        workers: processes; 0 or 1 records in this process, None takes one per usable core.
        steps: length of an episode [control steps], if not the task's own.
        notes: what else the meta data say, JSON values only.

    Raises:
        KeyError, ValueError: an unknown task or option, or `out` holds rollouts that were collected otherwise (names the key).
        OSError: `out` cannot be written, e.g. disk full; what was written stays.
        RuntimeError: an episode failed or its worker died (names the episode).
        KeyboardInterrupt: after Ctrl-C, saying how to go on.
    """
    if episodes < 1 or seed < 0 or (steps is not None and steps < 1):
        raise ValueError(f"collect needs episodes >= 1, seed >= 0 and steps >= 1, got {episodes}, {seed} and {steps}")
    job = Job(task_name, dict(task_options), tuple(sorted(obs)), behaviour, seed, steps or 0)
    count = len(os.sched_getaffinity(0)) if workers is None else workers
    with RolloutWriter(out, describe(job) | dict(notes or {})) as writer:
        numbers = range(writer.next_number, episodes)
        count = min(count, len(numbers))
        source = _in_workers(job, numbers, count) if count > 1 else _in_process(job, numbers)
        try:
            with contextlib.closing(source), _bar(task_name, episodes, progress) as advance:
                advance(episodes - len(numbers), 0)
                for number, episode in zip(numbers, source, strict=True):
                    writer.append(episode, number)
                    advance(number + 1, len(episode["action"]))
        except KeyboardInterrupt:
            saved = f"{len(writer)} of {episodes} episodes are in {writer.path}"
            raise KeyboardInterrupt(f"stopped: {saved}; the same command again goes on from there") from None
    return Rollouts(out)


def describe(job: Job) -> dict[str, Any]:
    """The rollouts' meta data."""
    task = job.make()
    shown = task.observation()
    observation = {key: {"dtype": str(array.dtype), "shape": list(array.shape)} for key, array in sorted(shown.items())}
    return {
        "task": {"name": job.task_name, "options": dict(job.task_options)},
        "obs": list(job.obs),
        "spaces": {"observation": observation, "action": {"dtype": "float32", "shape": [task.action_width], "low": -1.0, "high": 1.0}},
        "control_period": task.control_period,
        "steps": job.steps or task.episode_steps,
        "behaviour": asdict(job.behaviour),
        "seed": job.seed,
        "versions": {name: _version(name) for name in ("latent-mpc", "mujoco", "numpy")},
    }


def record(task: Task, job: Job, number: int) -> Arrays:
    """Run one episode from a state drawn from the task's distribution: per key T + 1 rows, see `rollouts.py`.

    Raises ValueError if the simulation diverges.
    """
    rng = np.random.default_rng(np.random.SeedSequence([zlib.crc32(job.task_name.encode()), job.seed, number]))
    task.restore(task.draw_state(rng))
    steps, width = job.steps or task.episode_steps, task.action_width
    plan = actions(rng, steps, width, task.control_period / task.pace, job.behaviour, task.held)
    observations, physics = [task.observation()], [task.snapshot()]
    for action in plan:
        task.apply(action)
        observations.append(task.observation())
        physics.append(task.snapshot())
    episode = {key: np.stack([observation[key] for observation in observations]) for key in job.obs}
    episode |= {"action": np.concatenate([plan, np.zeros((1, width), np.float32)]), "physics": np.stack(physics)}
    check_physics(episode)
    return episode


def check_physics(episode: Arrays) -> None:
    """Raise ValueError if the simulation diverged: MuJoCo then gives NaN or, by default, resets itself and its time with it."""
    broken = [key for key, array in episode.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if broken:
        raise ValueError(f"the simulation diverged: {', '.join(broken)} not finite")
    clock = episode["physics"][:, 0]
    if (np.diff(clock) <= 0).any():
        raise ValueError(f"the simulation diverged: MuJoCo reset itself within control step {int(np.argmax(np.diff(clock) <= 0))}")


def _in_process(job: Job, numbers: range) -> Generator[Arrays, None, None]:
    """The episodes, in order."""
    task = job.make()
    for number in numbers:
        try:
            yield record(task, job, number)
        except Exception as error:
            raise _failed(job, number, f"{type(error).__name__}: {error}") from error


def _in_workers(job: Job, numbers: range, count: int) -> Generator[Arrays, None, None]:
    """The same episodes in the same order, from worker processes."""
    todo, done = deque(numbers), dict[int, Arrays]()
    with _workers(job, count) as workers:
        given: dict[Connection, deque[int]] = {connection: deque() for connection in workers}
        for number in numbers:
            while number not in done:
                _hand_out(todo, given, number + AHEAD * count)
                ready = wait([connection for connection in given if given[connection]])
                for connection in [one for one in given if one in ready]:
                    first = given[connection].popleft()
                    done[first] = _receive(connection, workers[connection], job, first)
            yield done.pop(number)


def _hand_out(todo: deque[int], given: dict[Connection, deque[int]], end: int) -> None:
    """Give every worker up to QUEUED episodes, those with the fewest first, below number `end`."""
    for connection in sorted(given, key=lambda one: len(given[one])):
        while todo and todo[0] < end and len(given[connection]) < QUEUED:
            given[connection].append(todo[0])
            with contextlib.suppress(OSError):  # a dead worker: reading from it will say so
                connection.send(todo[0])
            todo.popleft()


def _receive(connection: Connection, worker: BaseProcess, job: Job, number: int) -> Arrays:
    try:
        reply = connection.recv()
    except (EOFError, OSError):
        worker.join(timeout=5)
        raise _failed(job, number, f"its worker process died (exit code {worker.exitcode})") from None
    if isinstance(reply, str):
        raise _failed(job, number, reply)
    return reply


def _failed(job: Job, number: int, why: str) -> RuntimeError:
    return RuntimeError(f"episode {number} of {job.task_name} (seed {job.seed}) failed: {why}; the episodes before it are safe")


def _serve(connection: Connection, job: Job) -> None:
    """A worker: a number comes, an episode goes; a string goes where it failed. Ends when the parent does."""
    task: Task | None = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            number = connection.recv()
            try:
                task = task or job.make()
                reply: Arrays | str = record(task, job, number)
            except Exception as error:
                reply = f"{type(error).__name__}: {error}"
            connection.send(reply)


@contextlib.contextmanager
def _workers(job: Job, count: int) -> Iterator[dict[Connection, BaseProcess]]:
    """Worker processes by the connection to each; terminated at the end."""
    context, workers = multiprocessing.get_context("spawn"), dict[Connection, BaseProcess]()
    try:
        with _for_children():
            for _ in range(count):
                ours, theirs = context.Pipe()
                process: BaseProcess = context.Process(target=_serve, args=(theirs, job), daemon=True)
                process.start()
                theirs.close()  # so that its death is the end of the stream
                workers[ours] = process
        yield workers
    finally:
        for connection, process in workers.items():
            connection.close()
            process.terminate()
            process.join()


@contextlib.contextmanager
def _for_children() -> Iterator[None]:
    """What processes started within inherit: one thread each, and no Ctrl-C, which is the parent's to answer."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    resource_tracker.ensure_running()  # here, for when it starts it unblocks SIGINT again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def _bar(task_name: str, episodes: int, shown: bool) -> Iterator[Any]:
    """A progress bar on stderr; yields `advance(episodes done, frames added)`."""
    frames, begun = 0, time.perf_counter()
    columns = (TextColumn("collecting {task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("episodes"))
    rate = TextColumn("{task.fields[rate]:,.0f} frames/s")
    with Progress(*columns, rate, TimeRemainingColumn(), console=Console(stderr=True), disable=not shown) as progress:
        bar = progress.add_task(task_name, total=episodes, rate=0.0)

        def advance(done: int, added: int) -> None:
            nonlocal frames
            frames += added
            progress.update(bar, completed=done, rate=frames / (time.perf_counter() - begun))

        yield advance


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # a checkout that was not installed
        return "unknown"
