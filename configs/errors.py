"""What the package refuses, told apart from its own faults: the console script ends with 2 for
these and with 1 for anything else.
"""

from __future__ import annotations


class LatentMPCError(ValueError):
    """A request that cannot be met, in one line: what must hold, what came, what would do."""


class UnknownNameError(LatentMPCError, KeyError):
    """A name that nothing has; the message lists those that there are."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError would quote it


class FailedError(LatentMPCError, RuntimeError):
    """Work that came to no good end, though it was asked for correctly: a loss that is not finite,
    a driver that is missing.
    """
