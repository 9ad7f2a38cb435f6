"""Pairs of start and goal: which, how many were redrawn, and when a task is refused."""

import numpy as np
import pytest

from latent_mpc.agent.evaluation.pairs import draw_pairs, solved
from latent_mpc.envs.pointmaze import PointMaze
from latent_mpc.envs.reacher import Reacher
from latent_mpc.envs.task import Pair


class Loose(PointMaze):
    """PointMaze with a tolerance of one's own choice."""

    tolerance = 0.3

    def reached(self, state, goal):
        return self.distance(state, goal) <= self.tolerance


def loose(tolerance: float, maze: str = "open") -> Loose:
    task = Loose(maze)
    task.tolerance = tolerance
    return task


def stacked(pairs: list[Pair]) -> np.ndarray:
    return np.stack([np.stack([pair.start, pair.goal]) for pair in pairs])


@pytest.mark.parametrize("kind", ["independent", "same_trajectory"])
def test_pair_i_depends_on_task_seed_and_i_only(kind):
    ten = stacked(draw_pairs(PointMaze("umaze"), 10, seed=7, kind=kind).pairs)
    assert len(ten) == 10
    task = PointMaze("umaze")
    task.reset(seed=3)
    for _ in range(4):
        task.step(np.ones(2))
    np.testing.assert_array_equal(stacked(draw_pairs(task, 5, seed=7, kind=kind).pairs), ten[:5])
    assert len(np.unique(ten.reshape(20, -1), axis=0)) == 20, "no state comes twice"
    assert not np.isin(
        stacked(draw_pairs(task, 5, seed=8, kind=kind).pairs)[..., 1], ten[..., 1]
    ).any()


def test_two_tasks_of_one_seed_have_pairs_of_their_own():
    one, other = PointMaze("open"), PointMaze("open")
    other.name = "another"
    a, b = (draw_pairs(task, 3, seed=0).pairs[0].start for task in (one, other))
    assert not np.isclose(a[1:3], b[1:3]).any()


@pytest.mark.parametrize("kind", ["independent", "same_trajectory"])
def test_pairs_are_at_rest_and_not_solved_by_doing_nothing(kind):
    task = Reacher()
    drawn = draw_pairs(task, 8, seed=1, kind=kind, offset=10)
    assert drawn.steps == (60 if kind == "independent" else 20)
    for pair in drawn.pairs:
        for state in (pair.start, pair.goal):
            assert (task.qpos_qvel(state)[1] == 0).all()
        task.reset(options={"pair": pair})
        reached = [task.step(np.zeros(2))[4]["success"] for _ in range(drawn.steps)]
        assert not task.reached(pair.start, pair.goal) and not reached[-1]


def test_redrawn_pairs_are_counted_and_those_kept_are_far_enough():
    """Uniform in a square with a tolerance of 1.5 m: about a quarter is too near. Nothing moves a
    ball at rest.
    """
    task = loose(1.5)
    drawn = draw_pairs(task, 60, seed=0)
    assert len(drawn.pairs) == 60
    assert drawn.drawn == 60 + drawn.rejected["at_start"] + drawn.rejected["stay"]
    assert drawn.rejected["stay"] == 0
    rng = np.random.default_rng(0)
    states = [(task.draw_state(rng), task.draw_state(rng)) for _ in range(1000)]
    share = np.mean([task.distance(*pair) <= 1.5 for pair in states])
    assert drawn.rejected["at_start"] / drawn.drawn == pytest.approx(share, abs=0.15)
    assert min(task.distance(pair.start, pair.goal) for pair in drawn.pairs) > 1.5


def test_a_redrawn_pair_leaves_the_others_as_they_are():
    plain, strict = (
        stacked(draw_pairs(loose(tolerance), 30, seed=0).pairs) for tolerance in (0.3, 1.2)
    )
    same = (plain == strict).all(axis=(1, 2))
    far = np.linalg.norm(plain[:, 0, 1:3] - plain[:, 1, 1:3], axis=1) > 1.2
    np.testing.assert_array_equal(same, far)
    assert 0 < far.sum() < 30


def test_a_pair_that_rolls_to_its_goal_by_itself_counts_as_solved_by_staying():
    task = loose(0.3)
    start, goal = task.rest_state(np.zeros(2)), task.rest_state(np.array([0.6, 0.0]))
    assert solved(task, Pair(start, start), 20) == "at_start"
    assert solved(task, Pair(start, goal), 20) == ""
    rolling = start.copy()
    rolling[3] = 2.0  # [m/s] along x: coasts 0.3 s x 2 m/s
    assert solved(task, Pair(rolling, goal), 20) == "stay"
    assert solved(task, Pair(rolling, goal), 0) == ""


def test_a_task_that_is_too_loose_is_refused_with_its_share():
    with pytest.raises(
        ValueError,
        match=(
            r"pointmaze-open: 11 of 11 pairs were solved by standing still \(at most half may be\)"
        ),
    ):
        draw_pairs(loose(10.0), 3, seed=0)
    with pytest.raises(ValueError, match=r"(\d+) of (\d+) pairs were solved by standing still"):
        draw_pairs(loose(2.8), 100, seed=0)  # about two thirds


def test_pairs_of_one_trajectory_can_be_reached_within_their_offset():
    """No further apart than top speed allows, and often nearer than independent ones."""
    task = PointMaze("open")
    near, far = (
        draw_pairs(task, 12, seed=0, kind=kind, offset=8)
        for kind in ("same_trajectory", "independent")
    )
    assert near.steps == 16 and far.steps == task.episode_steps
    distance = {
        id(d): [task.distance(pair.start, pair.goal) for pair in d.pairs] for d in (near, far)
    }
    assert max(distance[id(near)]) <= 0.8 * 2.5 * 2**0.5 * 1.01  # [s] x [m/s] along the diagonal
    assert np.median(distance[id(near)]) < np.median(distance[id(far)])


def test_an_unknown_kind_is_refused_with_the_valid_ones():
    with pytest.raises(
        ValueError, match=r"pairs.kind must be one of independent, same_trajectory; got 'easy'"
    ):
        draw_pairs(PointMaze("open"), 1, seed=0, kind="easy")
