"""Random keys: one int64 per problem, on the CPU, hashed and never shared, so that a plan depends on its own key only.

The hash is splitmix64 (Steele, Lea, Flood 2014), on int64 tensors that wrap around. B problems.
"""

from __future__ import annotations

import torch
from jaxtyping import Int64
from torch import Tensor


def _signed(value: int) -> int:
    """The int64 with the same 64 bits."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST, _SECOND = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def _fold(z: Tensor, bits: int) -> Tensor:
    """z xor (z >> bits), the shift filling with zeros: torch's own copies the sign."""
    return z ^ ((z >> bits) & ((1 << (64 - bits)) - 1))


def mix(z: Int64[Tensor, "*B"]) -> Int64[Tensor, "*B"]:
    """The finaliser of splitmix64: a bijection in which each input bit flips about half of the output's."""
    return _fold(_fold(_fold(z, 30) * _FIRST, 27) * _SECOND, 31)


def first_keys(B: int, seed: int) -> Int64[Tensor, " B"]:
    """Keys of B problems; problem i's depends on (seed, i) only, so that 100 problems are the first of 200."""
    return mix(mix(torch.tensor(_signed(seed)) + GOLDEN) + torch.arange(B) * GOLDEN)  # mix(0) is 0, hence the first GOLDEN


def next_keys(keys: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
    """The keys of the next decision."""
    return mix(keys + GOLDEN)


def draw_seeds(keys: Int64[Tensor, " B"], block: int) -> Int64[Tensor, " B"]:
    """Seeds of the block-th draw of this decision, apart from every key: `mix` of a key is never used as a key."""
    return mix(mix(keys) + _SECOND + block)
