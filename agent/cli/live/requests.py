"""What visitors ask for, until the one thread that owns the robot does it."""

from __future__ import annotations

import threading
from collections.abc import Callable

QUEUED = 100  # requests that wait at most: more between two control steps come from no hand


class Requests:
    """A bounded queue in which a later request of the same key takes the place of an earlier
    one: of a slider that is dragged only the last place counts.
    """

    def __init__(self) -> None:
        self.dropped = 0  # beyond QUEUED
        self._waiting: dict[object, Callable[[], None]] = {}
        self._lock = threading.Lock()

    def put(self, request: Callable[[], None], key: object = None) -> None:
        """From any thread."""
        with self._lock:
            key = object() if key is None else key
            if key not in self._waiting and len(self._waiting) >= QUEUED:
                self.dropped += 1
                return
            self._waiting[key] = request

    def take(self) -> list[Callable[[], None]]:
        """All that wait, in the order in which they came."""
        with self._lock:
            taken, self._waiting = list(self._waiting.values()), {}
        return taken
