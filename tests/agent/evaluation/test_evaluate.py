"""Success, floors and intervals against slow loops, scripted policies and known values."""

import numpy as np
import pytest
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_planner
from latent_mpc.agent.costs.latent import LatentCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.evaluation.episodes import Floor, Outcome, begin, play
from latent_mpc.agent.evaluation.evaluate import (
    evaluate,
    fingerprint,
    lost,
    milliseconds,
    time_decisions,
)
from latent_mpc.agent.evaluation.pairs import Pairs, draw_pairs
from latent_mpc.agent.evaluation.statistics import rate, thirds
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.envs.pointmaze import PointMaze, follow
from latent_mpc.envs.registry import make as make_task
from latent_mpc.envs.task import Pair


class Scripted:
    """Does the same in every episode: action t of a list."""

    def __init__(self, actions):
        self.actions, self.calls = actions, 0

    def reset(self, goal):
        self.batch, self.calls = len(goal["state"]), 0

    def act(self, obs, still):
        self.calls += 1
        return np.tile(np.asarray(self.actions[self.calls - 1], np.float32), (self.batch, 1))


class Following:
    """The privileged controller of PointMaze; from a state vector at which the simulator state is
    known.
    """

    def __init__(self, task):
        self.task = task

    def _state(self, observed):
        state = self.task.rest_state(observed[:2].astype(np.float64))
        state[3:5] = observed[2:]
        return state

    def reset(self, goal):
        self.goals = [self._state(observed) for observed in goal["state"]]

    def act(self, obs, still):
        return np.stack(
            [
                follow(self.task, self._state(o), g)
                for o, g in zip(obs["state"], self.goals, strict=True)
            ]
        )


def make_agent(repeat: int = 1, shapes=None) -> Agent:
    torch.manual_seed(0)
    model = Jepa(
        JepaConfig(embedding=8, latent=4, hidden=16, width=4), shapes or {"state": (4,)}, 2 * repeat
    )
    model.eval().requires_grad_(False)
    planner = make_planner(
        "cem",
        actions=2 * repeat,
        horizon=2,
        action_repeat=repeat,
        device=torch.device("cpu"),
        samples=8,
        iterations=1,
    )
    return Agent(
        Networks(model, CostToGo(4, CostToGoConfig(hidden=16, metric=4))),
        planner,
        LatentCost(),
        repeat,
    )


def at(task: PointMaze, *xy: float) -> np.ndarray:
    return task.rest_state(np.array(xy))


def test_times_are_told_in_milliseconds():
    assert milliseconds([0.001, 0.002, 0.003]) == {
        "median": pytest.approx(2.0),
        "p95": pytest.approx(2.9),
    }


def test_success_at_the_end_and_at_any_time_differ_for_a_policy_that_passes_through_and_nothing_ends_early():
    """Full speed along x from 0: goals on the way are passed, the one at the wall is kept, the one
    behind never comes.
    """
    task = PointMaze("open")
    start = at(task, 0, 0)
    pairs = [Pair(start, at(task, x, 0)) for x in (1.0, 2.28, -1.5)]
    policy = Scripted([(1, 0)] * 20)
    stream = list(begin(policy, task, pairs, 20))
    played = Outcome.collect(stream, task, pairs)
    assert policy.calls == 20
    assert played.any.tolist() == [True, True, False]
    assert played.end.tolist() == [False, True, False]
    assert played.states.shape == (
        21,
        3,
        len(start),
    ) and played.reached.shape == played.distance.shape == (21, 3)
    assert [step.number for step in stream] == list(range(20))
    np.testing.assert_allclose(
        [step.obs["state"][0, 0] for step in stream], played.states[:-1, 0, 1], atol=1e-6
    )


def test_a_start_within_the_goal_is_no_success_at_any_time():
    task = PointMaze("open")
    pair = Pair(at(task, 0, 0), at(task, -0.2, 0))
    played = play(Scripted([(1, 0)] * 15), task, [pair], 15)
    assert played.reached[0].tolist() == [True]
    gone = next(t for t in range(16) if not played.reached[t, 0])
    assert gone > 0 and not played.end[0]
    from_there = play(
        Scripted([(1, 0)] * 3), task, [Pair(played.states[gone - 1, 0], pair.goal)], 3
    )
    assert from_there.reached[0, 0] and not from_there.any[0]


def test_playing_a_batch_is_stepping_the_environment_once_per_pair():
    task, script = PointMaze("umaze"), np.random.default_rng(0).uniform(-1, 1, (12, 2))
    pairs = draw_pairs(task, 4, seed=0).pairs
    played = play(Scripted(script), task, pairs, 12)
    env = PointMaze("umaze")
    for i, pair in enumerate(pairs):
        _, info = env.reset(options={"pair": pair})
        for t, action in enumerate(script):
            assert (played.reached[t, i], played.distance[t, i]) == (
                info["success"],
                info["distance"],
            )
            *_, info = env.step(action.astype(np.float32))
        np.testing.assert_array_equal(played.states[-1, i], env.snapshot())
        assert (played.end[i], played.distance[-1, i]) == (info["success"], info["distance"])


def test_a_policy_that_knows_the_maze_reaches_every_goal():
    task = PointMaze("umaze")
    drawn = draw_pairs(task, 10, seed=3)
    assert play(Following(task), task, drawn.pairs, drawn.steps).end.all()


def test_the_random_floor_has_one_stream_per_episode():
    one, many = Floor(2, 0), Floor(2, 0)
    one.reset({"state": np.zeros((1, 4))})
    many.reset({"state": np.zeros((3, 4))})
    first, batch = (np.stack([floor.act({}) for _ in range(5)]) for floor in (one, many))
    np.testing.assert_array_equal(first[:, 0], batch[:, 0])
    assert len(np.unique(batch)) == batch.size
    assert np.abs(batch).max() <= 1 and batch.min() < -0.5 and batch.max() > 0.5


def random_walks(pairs: list[Pair], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the random floor goes `[B, T, n]`, and whether it is at the goal, by stepping the
    environment.
    """
    states, success = [], []
    for i, pair in enumerate(pairs):
        env, rng = PointMaze("open"), np.random.default_rng([i, 0])
        env.reset(options={"pair": pair})
        for _ in range(steps):
            success.append(env.step(rng.uniform(-1, 1, 2).astype(np.float32))[4]["success"])
            states.append(env.snapshot())
    return np.reshape(states, (len(pairs), steps, -1)), np.reshape(success, (len(pairs), steps))


def test_floors_are_played_on_the_very_same_pairs():
    task = PointMaze("open")
    pairs = [
        Pair(at(task, -1, 0), at(task, 2, 2)),
        Pair(at(task, 1, 0), at(task, 2, 2)),
        Pair(at(task, 0, 0), at(task, 0.6, 0)),
    ]
    pairs[2].start[3] = 2.0  # [m/s]: coasts to its goal
    walks, _ = random_walks(pairs, 25)
    halfway = max(
        walks[0],
        key=lambda state: min(
            task.distance(state, pairs[0].start), task.distance(state, walks[0, -1])
        ),
    )
    # stream 0 passes its goal, stream 1 ends there
    pairs[:2] = [Pair(pairs[0].start, halfway), Pair(pairs[1].start, walks[1, -1])]
    result, _ = evaluate(
        make_agent(), task, Pairs(pairs, steps=25, drawn=5, rejected={"at_start": 1, "stay": 1})
    )
    success = random_walks(pairs, 25)[1]
    assert success[:2].any(axis=1).all() and success[:2, -1].tolist() == [False, True]
    assert result["floors"] == {
        "random": rate(success[:, -1]),
        "stay": rate(np.array([False, False, True])),
    }
    assert result["pairs"] == {"drawn": 5, "rejected": {"at_start": 1, "stay": 1}}


@pytest.mark.parametrize("repeat", [1, 2])
def test_an_agents_result_is_what_it_did_and_the_same_once_more(repeat):
    task = PointMaze("open")
    drawn = draw_pairs(task, 3, seed=0)
    result, played = evaluate(make_agent(repeat), task, drawn)
    assert result["episodes"] == 3
    assert result["success_end"] == rate(played.end) and result["success_any"] == rate(played.any)
    assert result["time_at_goal"] == played.time_at_goal == np.mean(played.reached[1:])
    steps = np.array([task.steps_to_go(pair.start[None], pair.goal)[0] for pair in drawn.pairs])
    assert result["thirds"] == {
        "by": "steps_to_go",
        "unit": "control steps",
        **thirds(played.end, steps),
    }
    assert result["cost_to_go"].keys() == {"rank_correlation", "pairs"}
    assert result["outcomes"]["end"] == [int(x) for x in played.end] and result["outcomes"][
        "any"
    ] == [int(x) for x in played.any]
    assert result["distance_end"] == {"median": float(np.median(played.distance[-1])), "unit": "m"}
    assert result["plan_ms_batch"]["batch"] == 3
    assert 0 < result["plan_ms"]["median"] <= result["plan_ms"]["p95"]
    assert len(played.decision_s) == task.episode_steps
    again, replayed = evaluate(make_agent(repeat), task, drawn)
    np.testing.assert_array_equal(played.states, replayed.states)
    timeless = [
        {key: value for key, value in one.items() if not key.startswith("plan_ms")}
        for one in (result, again)
    ]
    assert timeless[0] == timeless[1]


def test_the_fingerprint_of_pairs_tells_other_seeds_numbers_and_lengths_apart():
    task = PointMaze("open")
    same = [fingerprint(draw_pairs(task, 3, seed=0)) for _ in range(2)]
    others = [
        draw_pairs(task, 3, seed=1),
        draw_pairs(task, 2, seed=0),
        Pairs(draw_pairs(task, 3, seed=0).pairs, steps=7),
    ]
    assert same[0] == same[1]
    assert len({same[0], *map(fingerprint, others)}) == 4


def test_whole_decisions_only_are_timed():
    task = PointMaze("open")
    pairs = draw_pairs(task, 1, seed=0).pairs
    assert len(time_decisions(make_agent(3), task, pairs)) == 30


def test_floors_of_a_task_seen_in_pixels_are_those_of_its_states():
    blind, seeing = PointMaze("open"), PointMaze("open", obs=("pixels",), size=16)
    drawn = Pairs(draw_pairs(blind, 2, seed=0).pairs, steps=4)
    of_states, _ = evaluate(make_agent(), blind, drawn)
    of_pixels, _ = evaluate(make_agent(shapes={"pixels": (16, 16, 3)}), seeing, drawn)
    assert of_pixels["floors"] == of_states["floors"]


def test_the_share_of_cups_that_fell_is_told_and_of_other_tasks_nothing():
    cup = make_task("tabletop-cup")
    stands = cup.draw_state(np.random.default_rng(0))
    qpos = cup.qpos_qvel(stands)[0].copy()
    qpos[2:5] = 0.7, 0.0, -0.3
    ends = np.stack([stands, cup.rest_state(qpos), stands, stands])
    outcome = Outcome(ends[None], np.zeros((1, 4), bool), np.zeros((1, 4)), [])
    assert lost(cup, outcome) == 0.25
    assert lost(make_task("tabletop-t"), outcome) is None
