"""Where numbered work is done, and by how many at once: `local`, processes of this machine, or
`ray`, tasks of a cluster.

Whatever the engine, number i gives the same reply, and replies come in order; so what is made of
them has the same bytes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol

from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.configs.names import ENGINES
from latent_mpc.envs.collection.ray_tasks import RayTasks
from latent_mpc.envs.collection.workers import Start, in_workers, usable_cores


class Engine(Protocol):
    """Numbers -> replies, by others than this process."""

    # little work is done sooner without it
    has_to_pay: bool

    def cores(self) -> int:
        """How many numbers it can work on at once."""

    def run(
        self, start: Start, numbers: Sequence[int], count: int, patience: float
    ) -> Generator[Any, None, None]:
        """As `workers.in_workers`: `start` and replies are picklable, `count` are at work at a
        time.
        """


class Local:
    """A process per core of this machine."""

    has_to_pay = True

    def cores(self) -> int:
        return usable_cores()

    def run(
        self, start: Start, numbers: Sequence[int], count: int, patience: float
    ) -> Generator[Any, None, None]:
        return in_workers(start, numbers, count, patience)


def make_engine(name: str) -> Engine:
    """The engine of a name. Raises KeyError listing them, ValueError where it is not installed."""
    if name not in ENGINES:
        raise UnknownNameError(f"no engine {name!r}; there are: {', '.join(ENGINES)}")
    return Local() if name == "local" else RayTasks()
