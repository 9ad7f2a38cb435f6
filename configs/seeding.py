"""The table of random streams: what each decides, and its key. The same key gives the same numbers,
whatever else was drawn before.

    (task, seed, i)         episode i of a collection: its start, then its random actions
                            (in exploration those after its planned ones)
    (task, seed, PAIRS, i)  start and goal of pair i
    (seed, SPLIT)           which episodes are held out
    (task, seed, IMAGINED, i, …)  start and random actions of future i that is imagined about
    (seed, GOALS, i)        goals of the round of exploration that begins with episode i
    (seed, WEIGHTS)         fresh networks
    (seed, MOTION)          windows in which imagined motion is compared with what was
    (seed, LISTENING)       windows in which the model is given others' actions
    (seed, phase, step)     batches and noise of an update; phase is the name that metrics.jsonl has
    (seed, landmarks)       which rows are landmarks of the cost-to-go, by how many there are
    (task, seed, POSES)     states that say where a goal set by hand may lie
    (seed, LANDSCAPE, …)    states and goals that a cost is judged on; with a 1 behind it
                            the extent of its picture
    (seed,)                 batches of a report's probes; resampling of paired differences
    (i, seed)               the random floor in pair i
    (0,), (1,)              what is measured of a model, a camera or a table, alike for every seed

Plans have keys of their own, `planners/rng.py`; the generators of torch in training begin with
numbers drawn from these streams. To numpy a key goes on with zeros: pair 0 of a seed and episode 2
of the same seed are one stream, hence begin in the same state.
"""

from __future__ import annotations

import zlib

import numpy as np

SPLIT = 1
PAIRS = 2
GOALS = 3
LANDSCAPE = 8
IMAGINED = "imagined"
POSES = "poses"
WEIGHTS = "weights"
MOTION = "motion"
LISTENING = "listening"


def sequence(*key: int | str) -> np.random.SeedSequence:
    """The seed of a stream; a text counts by its crc32."""
    return np.random.SeedSequence(
        [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    )


def stream(*key: int | str) -> np.random.Generator:
    """The stream of a key of the table above."""
    return np.random.default_rng(sequence(*key))
