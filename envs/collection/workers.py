"""Processes that work through numbers; one that dies or hangs is replaced, and its tasks are
re-queued.

Knows nothing of tasks: `start` is a picklable callable that each process calls once, for a function
from a number to a reply.
"""

from __future__ import annotations

import contextlib
import heapq
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
QUEUED = 2  # numbers a worker has been given: one in work, one waiting, so that it never idles
AHEAD = 4  # numbers per worker that may be finished before their turn: bounds memory
TRIES = 3  # workers that one number may cost
STARTUP = 60.0  # [s] at least that a new worker may take for its first reply: imports, the task
IMPORTS = 10.0  # [s] that a worker which nobody needs any more is given to finish its imports
Start = Callable[[], Callable[[int], Any]]


class Abandoned(NamedTuple):
    """The reply to a number that cannot be done, and why; the work goes on without it."""

    why: str


class Failed(NamedTuple):
    """The reply to a number at which the code itself failed."""

    why: str


@dataclass
class Worker:
    """One process and the numbers it has been given, of which the first is in hand."""

    process: BaseProcess
    connection: Connection
    given: deque[int] = field(default_factory=deque)
    since: float = 0.0  # when it began with the one in hand [s]
    started: bool = False  # its imports are over
    replied: bool = False

    def waits(self, patience: float) -> float:
        """How long it may still take for the number in hand [s]."""
        return (
            self.since + (patience if self.replied else max(patience, STARTUP)) - time.monotonic()
        )


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_workers(
    start: Start, numbers: Sequence[int], count: int, patience: float
) -> Generator[Any, None, None]:
    """The reply to each number, in order. `Failed` where `start` or its function raised,
    `Abandoned` where TRIES workers died or hung.

    Args:
        numbers: ascending.
        patience: [s] without a reply after which a worker counts as hung.
    """
    todo, done, tries = list(numbers), dict[int, Any](), Counter[int]()  # ascending, so a heap
    with _pool(start, count) as workers:
        for number in numbers:
            while number not in done:
                _hand_out(todo, workers, number + AHEAD * count)
                for i, why in _collect(workers, done, patience):
                    first, *others = workers[i].given
                    tries[first] += 1
                    for one in others if tries[first] == TRIES else (first, *others):
                        heapq.heappush(todo, one)
                    if tries[first] == TRIES:
                        done[first] = Abandoned(
                            f"{TRIES} worker processes in succession failed at it, the last {why}"
                        )
                    what = "it is left out" if tries[first] == TRIES else "it is done again"
                    print(
                        f"a worker {why} at number {first}; another takes its place, {what}",
                        file=sys.stderr,
                    )
                    _end(workers[i])
                    workers[i] = _begin(start)
            yield done.pop(number)


def _hand_out(todo: list[int], workers: Sequence[Worker], end: int) -> None:
    """Give every worker up to QUEUED numbers, those with the fewest first, below `end`."""
    for worker in sorted(workers, key=lambda one: len(one.given)):
        while todo and todo[0] < end and len(worker.given) < QUEUED:
            if not worker.given:
                worker.since = time.monotonic()
            worker.given.append(heapq.heappop(todo))
            with contextlib.suppress(OSError):  # a dead worker: reading from it will say so
                worker.connection.send(worker.given[-1])


def _collect(
    workers: Sequence[Worker], done: dict[int, Any], patience: float
) -> list[tuple[int, str]]:
    """Wait for replies and put them into `done`; the workers that died or hang, and which of the
    two.
    """
    busy = [(i, worker) for i, worker in enumerate(workers) if worker.given]
    ready = wait(
        [worker.connection for _, worker in busy],
        max(0.0, min(worker.waits(patience) for _, worker in busy)),
    )
    lost = []
    for i, worker in busy:
        if worker.connection in ready:
            try:
                reply = worker.connection.recv()
            except (EOFError, OSError):
                worker.process.join(timeout=5)
                lost.append((i, f"died (exit code {worker.process.exitcode})"))
                continue
            if not worker.started:
                worker.started = True  # said so: the reply is still to come
                continue
            done[worker.given.popleft()] = reply
            worker.since, worker.replied = time.monotonic(), True
        elif worker.waits(patience) <= 0:
            lost.append((i, f"hung for {patience:g} s"))
    return lost


def _serve(connection: Connection, start: Start) -> None:
    """A worker: a number comes, a reply goes. Ends when the parent does, even with a number in
    hand.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run: Callable[[int], Any] | None = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(None)  # the imports are over
        while True:
            number = connection.recv()
            try:
                run = run or start()
                reply = run(number)
            except Exception as error:
                reply = Failed(f"{type(error).__name__}: {error}")
            connection.send(reply)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # it was started by one
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _pool(start: Start, count: int) -> Iterator[list[Worker]]:
    """Worker processes, terminated at the end; the list may be changed meanwhile."""
    workers: list[Worker] = []
    try:
        for _ in range(count):
            workers.append(_begin(start))
        yield workers
    finally:
        for worker in workers:
            _end(worker)


def _begin(start: Start) -> Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, start), daemon=True)
    with _for_children():
        process.start()
    theirs.close()  # so that its death is the end of the stream
    return Worker(process, ours)


def _end(worker: Worker) -> None:
    # glfw, which MuJoCo imports, asks a process of its own, whose traceback is seen where this one
    # is killed
    if not worker.started:
        worker.connection.poll(IMPORTS)
    worker.connection.close()
    worker.process.kill()  # it holds nothing, and one that hangs may not answer to less
    worker.process.join()


@contextlib.contextmanager
def _for_children() -> Iterator[None]:
    """What processes started within inherit: one thread each, and no Ctrl-C, which is the parent's
    to answer.
    """
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
