"""The collector's actions have the statistics that their configuration names."""

import numpy as np
import pytest

from latent_mpc.envs.behaviour import BehaviourConfig, Motion, actions, resting


def sample(
    config: BehaviourConfig,
    steps: int = 60,
    episodes: int = 400,
    period: float = 0.1,
    width: int = 2,
) -> np.ndarray:
    rng = np.random.default_rng(0)
    noise, rest = zip(
        *(actions(rng, steps, width, period, config) for _ in range(episodes)), strict=True
    )
    return np.stack(noise) * ~np.stack(rest)[..., None]


@pytest.mark.parametrize("name", ["coloured", "random"])
def test_actions_are_bounded_and_a_function_of_the_seed(name: str) -> None:
    first, again, other = (
        actions(np.random.default_rng(seed), 50, 3, 0.05, BehaviourConfig(name))[0]
        for seed in (1, 1, 2)
    )
    assert first.shape == (50, 3)
    assert first.dtype == np.float32
    assert np.abs(first).max() <= 1
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(("correlation", "period"), [(0.3, 0.1), (0.3, 0.02), (1.0, 0.1)])
def test_the_autocorrelation_falls_to_one_over_e_at_the_correlation_time(
    correlation: float, period: float
) -> None:
    noise = sample(
        BehaviourConfig(correlation=correlation, rest=0, std=0.1), steps=200, period=period
    )
    lag = round(correlation / period)
    assert (noise[:, lag:] * noise[:, :-lag]).mean() / (noise**2).mean() == pytest.approx(
        np.exp(-1), abs=0.04
    )
    np.testing.assert_allclose(
        noise.std(axis=(0, 2)), 0.1, atol=0.012, err_msg="stationary from the first step"
    )


def test_clipping_gives_the_spread_and_saturation_that_are_documented() -> None:
    moving = sample(BehaviourConfig(rest=0))
    assert moving.std() == pytest.approx(0.72, abs=0.01)
    assert (np.abs(moving) == 1).mean() == pytest.approx(0.317, abs=0.01)
    assert (moving != 0).all()


def test_no_correlation_is_white() -> None:
    noise = sample(BehaviourConfig(correlation=0, rest=0))
    assert (noise[:, 1:] * noise[:, :-1]).mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("rest", "steps", "period"),
    [
        (0.25, 60, 0.1),
        (0.25, 8, 0.1),
        (0.6, 60, 0.1),
        pytest.param(0.9, 12, 1.0, marks=pytest.mark.slow),
        pytest.param(0.25, 300, 0.01, marks=pytest.mark.slow),
        (0, 60, 0.1),
    ],
)
def test_rests_take_their_share_of_time_on_average(rest: float, steps: int, period: float) -> None:
    rng, config = np.random.default_rng(0), BehaviourConfig(rest=rest)
    share = np.mean([resting(rng, steps, period, config).mean() for _ in range(6000)])
    assert share == pytest.approx(rest, abs=0.015)


def test_a_rest_holds_what_keeps_the_robot_where_it_is_when_it_begins() -> None:
    class Drifting:
        calls = 0

        def still(self) -> np.ndarray:
            self.calls += 1
            return np.full(2, self.calls / 10)

    task, motion = (
        Drifting(),
        Motion(np.random.default_rng(0), 60, 2, 0.1, BehaviourConfig(rest=0.5)),
    )
    played = np.stack([motion.action(t, task) for t in range(60)])
    begins = motion.rest & ~np.concatenate([[False], motion.rest[:-1]])
    assert begins.sum() == task.calls > 1
    expected = np.where(motion.rest[:, None], np.cumsum(begins)[:, None] / 10, motion.noise)
    np.testing.assert_allclose(played, expected, rtol=1e-6)


def test_a_rest_is_exactly_zero_for_half_to_one_and_a_half_seconds() -> None:
    still = (sample(BehaviourConfig(), steps=100) == 0).all(axis=2)
    edges = np.diff(np.pad(still, ((0, 0), (1, 1))).astype(int), axis=1)
    lengths = np.argwhere(edges == -1)[:, 1] - np.argwhere(edges == 1)[:, 1]
    assert lengths.min() == 5
    assert lengths.max() == 15
    assert lengths.mean() == pytest.approx(10, abs=0.5)


def test_rests_begin_anywhere_in_the_episode() -> None:
    rng = np.random.default_rng(0)
    still = np.mean([resting(rng, 60, 0.1, BehaviourConfig()) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(still[15:45], still[15:45].mean(), atol=0.05)
    assert still[0] > 0.01
    assert still[-1] > 0.01


def test_random_is_uniform_and_white() -> None:
    noise = sample(BehaviourConfig("random"))
    assert noise.std() == pytest.approx(3**-0.5, abs=0.005)
    assert (noise[:, 1:] * noise[:, :-1]).mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"correlation": -1.0}, "correlation must be a time of 0 s or more, got -1.0"),
        ({"rest": 1.0}, r"rest must be a share in \[0, 1\), got 1.0"),
        ({"std": 0.0}, "std must be above 0, got 0.0"),
        ({"rest_shortest": 2.0}, "got 2.0 and 1.5"),
        ({"correlation": float("nan")}, "got nan"),
    ],
)
def test_a_number_out_of_range_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BehaviourConfig(**fields)


def test_an_unknown_name_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(
        KeyError, match="no behaviour 'colored'; there are: auto, coloured, play, random"
    ):
        BehaviourConfig("colored")
