"""Errors against steps ahead, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.agent.evaluation.imagination import errors


def test_pictures_are_compared_with_copying_and_the_mean() -> None:
    """Grey pictures: 0, then 10 and 30; imagined 10 and 20; their mean is 20."""
    true = np.array([0, 10, 30], np.uint8)[None, :, None, None, None] * np.ones((2, 2, 3), np.uint8)
    imagined = true[:, 1:] - np.array([0, 10], np.uint8)[None, :, None, None, None]
    found = errors.picture_errors(true, imagined)
    np.testing.assert_allclose(found["imagined"], [[0, 100]])
    np.testing.assert_allclose(found["copy"], [[100, 900]])
    np.testing.assert_allclose(found["mean"], [[100, 100]])
    curves = errors.picture_curves(found)
    assert curves["copy"]["psnr"][0] == pytest.approx(20 * np.log10(25.5))
    assert curves["copy"]["rmse"] == pytest.approx([100 * 10 / 255, 100 * 30 / 255])


def test_what_if_compares_root_mean_squares_at_some_steps() -> None:
    factual, other = np.array([[3.0, 1.0], [4.0, 1.0]]), np.array([[5.0, 3.0], [5.0, 3.0]])
    first, last = errors.what_if_table(factual, other, other, space=10.0)
    assert (first["steps"], last["steps"]) == (1, 2)
    assert first["ratio"] == pytest.approx(5 / np.sqrt(12.5))
    assert (last["factual_share"], last["counterfactual_share"]) == pytest.approx((0.1, 0.3))
    assert errors.told(30) == [1, 5, 10, 20, 30]
    assert errors.told(10) == [1, 5, 10]
