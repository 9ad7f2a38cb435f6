"""The table of random streams: its keys give the numbers that they always gave."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from latent_mpc.configs.seeding import GOALS, LANDSCAPE, PAIRS, SPLIT, WEIGHTS, sequence, stream

KNOWN = {  # key -> the stream's first number below a million
    ("reacher", 7, PAIRS, 3): 39463,
    ("reacher", 0, 4): 434819,
    (0, SPLIT): 522157,
    (5, GOALS, 100): 592958,
    (0, LANDSCAPE): 316631,
    (0, LANDSCAPE, 1): 38357,
    (0, "cost_to_go", 12): 7246,
    (0,): 850624,
}


@pytest.mark.parametrize(("key", "first"), KNOWN.items())
def test_a_stream_gives_the_numbers_it_always_gave(key: tuple[int | str, ...], first: int) -> None:
    assert stream(*key).integers(10**6) == first


def test_fresh_weights_begin_with_the_seed_they_always_had() -> None:
    assert sequence(0, WEIGHTS).generate_state(1)[0] == 3751781932


def test_a_text_counts_by_its_checksum_and_a_key_goes_on_with_zeros() -> None:
    assert (
        stream("reacher", 3).random() == np.random.default_rng([zlib.crc32(b"reacher"), 3]).random()
    )
    assert stream(5, PAIRS).random() == stream(5, PAIRS, 0).random() != stream(5, PAIRS, 1).random()
