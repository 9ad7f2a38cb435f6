"""Intervals, thirds and rank correlations against published values, hand arithmetic and closed
forms.
"""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.agent.evaluation.statistics import (
    rate,
    spearman,
    third_of,
    thirds,
    wilson,
)


# Newcombe 1998, Table I, method 3
@pytest.mark.parametrize(
    "successes, trials, low, high",
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_the_published_ones(successes, trials, low, high):
    assert wilson(successes, trials) == (
        pytest.approx(low, abs=6e-5),
        pytest.approx(high, abs=6e-5),
    )
    assert wilson(trials - successes, trials) == (
        pytest.approx(1 - high, abs=6e-5),
        pytest.approx(1 - low, abs=6e-5),
    )


@pytest.mark.parametrize("successes, trials", [(3, 20), (90, 100), (1, 7)])
def test_wilsons_ends_are_the_rates_from_which_the_count_is_196_standard_errors_away(
    successes, trials
):
    for end in wilson(successes, trials):
        assert abs(successes / trials - end) == pytest.approx(
            1.959964 * (end * (1 - end) / trials) ** 0.5, rel=1e-6
        )


def test_a_rate_lies_in_its_interval_within_0_and_1():
    for success in (np.zeros(7, bool), np.ones(7, bool), np.arange(7) < 3):
        told = rate(success)
        assert told["rate"] == pytest.approx(success.mean())
        assert 0 <= told["low"] <= told["rate"] <= told["high"] <= 1


def test_thirds_by_hand():
    """Of eight pairs the nearest three, the next three, the farthest two."""
    far = np.array([8.0, 1.0, 3.0, 7.0, 2.0, 6.0, 4.0, 5.0])
    success = np.array([False, True, False, True, True, True, True, False])
    told = thirds(success, far)
    assert told is not None
    assert {name: (third["reached"], third["pairs"]) for name, third in told.items()} == {
        "near": (2, 3),
        "middle": (2, 3),
        "far": (1, 2),
    }
    assert [(third["from"], third["to"]) for third in told.values()] == [
        (1.0, 3.0),
        (4.0, 6.0),
        (7.0, 8.0),
    ]
    assert (told["far"]["rate"], told["far"]["low"], told["far"]["high"]) == (0.5, *wilson(1, 2))


def test_pairs_equally_far_are_parted_in_their_order_and_none_is_lost():
    told = thirds(np.arange(7) < 3, np.zeros(7))
    assert told is not None
    assert [(third["reached"], third["pairs"]) for third in told.values()] == [
        (3, 3),
        (0, 2),
        (0, 2),
    ]


def test_fewer_than_three_pairs_have_no_thirds():
    assert thirds(np.ones(2, bool), np.arange(2.0)) is None


def test_rank_correlation_by_hand():
    """Ranks 1 2 3 4 5 against 2 1 4 3 5: 1 - 6 x 4 / (5 x 24)."""
    assert spearman(
        np.array([1.0, 2, 3, 4, 5]), np.array([20.0, 10, 400, 300, 5000])
    ) == pytest.approx(0.8)
    assert spearman(np.arange(5.0), -np.exp(np.arange(5.0))) == pytest.approx(-1)


def test_ties_share_their_mean_rank():
    """Ranks 1.5 1.5 3 4 against 1 2 3 4: sums of products 4.5, of squares 4.5 and 5."""
    assert spearman(np.array([7.0, 7, 9, 11]), np.array([1.0, 2, 3, 4])) == pytest.approx(
        4.5 / np.sqrt(4.5 * 5)
    )


@pytest.mark.parametrize("a", [[1.0, 2.0], [3.0, 3.0, 3.0]])
def test_what_has_no_rank_correlation_has_none(a):
    assert spearman(np.array(a), np.arange(len(a)) * 1.0) is None


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        # a textbook's: IQ and TV
        (
            [106, 100, 86, 101, 99, 103, 97, 113, 112, 110],
            [7, 27, 2, 50, 28, 29, 20, 12, 6, 17],
            -29 / 165,
        ),
        ([1, 1, 2], [1, 2, 3], np.sqrt(3) / 2),  # ranks 1.5 1.5 3 and 1 2 3
    ],
)
def test_spearmans_rank_correlation_is_the_known_one(a, b, expected):
    assert spearman(np.array(a, dtype=float), np.array(b, dtype=float)) == pytest.approx(expected)


def test_thirds_are_by_rank_and_as_large_as_can_be():
    assert third_of(np.array([5.0, 1.0, 9.0, 2.0, 7.0, 3.0])).tolist() == [1, 0, 2, 0, 2, 1]
    assert np.bincount(third_of(np.zeros(50))).tolist() == [17, 17, 16]
