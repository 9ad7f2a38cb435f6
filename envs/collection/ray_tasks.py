"""`engine=ray`: numbers as tasks of a Ray cluster (extra `cluster`). RAY_ADDRESS names one; without
it Ray starts on this machine.

A task whose node is lost is done again on another, TRIES times. Ray pickles what goes over the
wire, within a cluster whose machines trust one another; no pickle is kept on disk.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Generator, Sequence
from importlib.util import find_spec
from typing import Any

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.collection.workers import Abandoned, Failed, Start

TRIES = 5  # nodes that a task may cost
AHEAD = 2  # tasks per core that may wait or be finished before their turn: bounds memory
ADDRESS = "RAY_ADDRESS"
PATIENCE = 5.0  # [s] for a cluster to answer
# said before Ray is imported: nothing is told to anybody
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}

_started: dict[bytes, Callable[[int], Any]] = {}  # in a process of Ray's: what it works with


class RayTasks:
    """A task per number; each asks for one core."""

    has_to_pay = False

    def __init__(self) -> None:
        """Raises ValueError where Ray is not installed, ConnectionError for no such cluster."""
        if find_spec("ray") is None:
            raise LatentMPCError(
                "engine=ray needs Ray, which is not installed: pip install 'latent-mpc[cluster]'"
            )
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)

    def cores(self) -> int:
        import ray

        _connect()
        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def run(
        self, start: Start, numbers: Sequence[int], count: int, patience: float
    ) -> Generator[Any, None, None]:
        """As `workers.in_workers`; a number that takes longer than `patience` [s] from its turn on
        is `Abandoned`.
        """
        import ray
        from ray import cloudpickle

        _connect()
        pickled = ray.put(cloudpickle.dumps(start))
        task = ray.remote(num_cpus=1, max_retries=TRIES)(_work)
        todo, waiting = deque(numbers), deque[Any]()
        try:
            while todo or waiting:
                while todo and len(waiting) < AHEAD * count:
                    waiting.append(task.remote(pickled, todo.popleft()))
                try:
                    yield ray.get(waiting[0], timeout=patience)
                except ray.exceptions.GetTimeoutError:
                    ray.cancel(waiting[0], force=True)
                    yield Abandoned(f"its task took longer than {patience:g} s")
                except ray.exceptions.RayError as error:
                    why = str(error).strip().partition("\n")[0]
                    yield Abandoned(f"Ray gave it up after {TRIES} retries: {why}")
                waiting.popleft()
        finally:
            for left in waiting:
                ray.cancel(left, force=True)


def _work(pickled: bytes, number: int) -> Any:
    """Within a process of Ray's, which keeps what it has started."""
    from ray import cloudpickle

    try:
        if pickled not in _started:
            _started.clear()
            _started[pickled] = cloudpickle.loads(pickled)()
        return _started[pickled](number)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}")


def _connect() -> None:
    """To the cluster of RAY_ADDRESS, or to one that starts here and ends with this process."""
    import ray

    if ray.is_initialized():
        return
    address = os.environ.get(ADDRESS, "")
    _require_reachable(address)
    own: dict[str, Any] = (
        {} if address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    )
    try:
        ray.init(
            address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        why = str(error).strip().partition("\n")[0]
        raise LatentMPCError(
            f"{ADDRESS}={address or 'local'} must name a Ray cluster that runs, see"
            f" docs/cluster.md: {why}"
        ) from error


def _require_reachable(address: str) -> None:
    """Raise ValueError for a HOST:PORT where nobody answers: Ray itself would ask for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise LatentMPCError(
            f"{ADDRESS} must name a Ray cluster that runs (docs/cluster.md), nobody answers at"
            f" {address}: {error}"
        ) from error
