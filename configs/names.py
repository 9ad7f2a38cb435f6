"""Names that settings may have, listed once: commands are checked by them here, and where they are
acted on arguments are.
"""

from __future__ import annotations

OBSERVATIONS = ("state", "pixels")  # keys of an observation
OBS = ("state", "pixels", "state+pixels")
ENGINES = ("local", "ray")  # in `envs/collection/engines.py`
EXPORTS = ("minari",)
CAMERAS = ("auto", "ray", "gl")
PAIR_KINDS = ("independent", "same_trajectory")
# what moves in pictures by itself
DISTRACTORS = ("none", "frame", "episode", "moving")
# what `imagine` does, and what it asks about; else FILE.npy
DONE = ("random", "plan")
WHAT_IFS = ("zero", "reverse", "other")
PRECISIONS = ("auto", "fp32", "bf16")
# in the order of `agent/training/exploration.py`, which says what each is
NOVELTIES = ("density", "disagreement")

# what an action of a position servo is: a change of its command, or the command
ACTIONS = (INCREMENTS, ABSOLUTE) = ("increments", "absolute")

SPEEDS = (0.1, 4.0)  # times real time that a session plays at, least and most
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # hosts that other machines do not reach
