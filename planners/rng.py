"""Random keys: one int64 per problem, on the CPU, hashed and never shared, so that a plan depends
on its own key only.

The hash is splitmix64 (Steele, Lea, Flood 2014). B problems.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mix(keys: Int64[Tensor, " B"], plus: int = 0) -> Int64[Tensor, " B"]:
    """The finaliser of splitmix64 of keys + plus: a bijection in which each input bit flips about
    half of the output's.

    In numpy, whose operations on a few numbers take a tenth of torch's time.
    """
    z = keys.numpy().view(np.uint64) + np.uint64(plus & 2**64 - 1)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
    return torch.from_numpy((z ^ (z >> np.uint64(31))).view(np.int64))


def first_keys(B: int, seed: int) -> Int64[Tensor, " B"]:
    """Keys of B problems; problem i's depends on (seed, i) only, so that 100 problems are the first
    of 200.
    """
    stream = mix(torch.zeros(1, dtype=torch.int64), seed + GOLDEN)  # mix(0) is 0, hence GOLDEN
    steps = np.arange(B, dtype=np.uint64) * np.uint64(GOLDEN)
    return mix(stream + torch.from_numpy(steps.view(np.int64)))


def next_keys(keys: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
    """The keys of the next decision."""
    return mix(keys, GOLDEN)


def draw_seeds(keys: Int64[Tensor, " B"], block: int) -> Int64[Tensor, " B"]:
    """Seeds of the block-th draw of this decision, apart from every key: `mix` of a key is never
    used as a key.
    """
    return mix(mix(keys), _SECOND + block)
