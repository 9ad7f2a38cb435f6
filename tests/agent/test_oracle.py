"""The oracle's rollouts against stepping the task by hand, its cost against a slow loop, its cache
against the pairs it was filled with.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from latent_mpc.agent.build import make_planner
from latent_mpc.agent.costs.cost_to_go import CostToGoCost
from latent_mpc.agent.evaluation import oracle_cache
from latent_mpc.agent.evaluation.cache import Cache
from latent_mpc.agent.evaluation.episodes import play
from latent_mpc.agent.evaluation.evaluate import rate
from latent_mpc.agent.evaluation.oracle_cache import cached_oracle, see
from latent_mpc.agent.evaluation.pairs import Pairs, draw_pairs
from latent_mpc.agent.evaluation.results import GUIDE
from latent_mpc.agent.oracle import Oracle, Simulator, SimulatorCost, privileged
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Pair, Task

TASKS = ["reacher", "pointmaze-umaze"]
PLANNER = {"name": "cem", "horizon": 3, "samples": 32, "iterations": 3, "elites": 6}
ONE_CORE: dict[str, Any] = {"threads": 1}


def pressed(task: Task, count: int, seed: int = 0) -> np.ndarray:
    """States `[count, n]` on random runs of long pushes, many of them against a wall or a limit."""
    rng, states = np.random.default_rng(seed), []
    for _ in range(count):
        task.restore(task.draw_state(rng))
        push = rng.uniform(-1.5, 1.5, task.model.nu)
        for _ in range(rng.integers(1, 12)):
            task.apply(push)
        states.append(task.snapshot())
    return np.stack(states)


def by_hand(task: Task, state: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """States `[T, n]` after each action, by stepping the task."""
    task.restore(state)
    states = []
    for action in actions:
        task.apply(action)
        states.append(task.snapshot())
    return np.stack(states)


def seen_by(task: Task) -> np.ndarray:
    """Which numbers of a state are looked at: all but the solver's warm start."""
    sizes = [mujoco.mj_stateSize(task.model, 1 << bit) for bit in range(14)]
    return np.repeat(
        [1 << bit != int(mujoco.mjtState.mjSTATE_WARMSTART) for bit in range(14)], sizes
    )


def make_cost(
    task: Task,
    states: np.ndarray,
    goals: np.ndarray,
    repeat: int = 1,
    running: float = 1.0,
    terminal: float = 1.0,
) -> SimulatorCost:
    return SimulatorCost(Simulator(task, 1), states, goals, CostToGoCost(running, terminal), repeat)


def make_oracle(task: Task, repeat: int = 1, **fields: Any) -> Oracle:
    device, settings = torch.device("cpu"), {**PLANNER, **fields}
    planner = make_planner(
        str(settings.pop("name")),
        actions=task.model.nu * repeat,
        action_repeat=repeat,
        device=device,
        **settings,
    )
    return Oracle(task, planner, CostToGoCost(), repeat, threads=1)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", TASKS)
def test_imagined_states_are_those_of_stepping_the_task_by_hand_clipped_actions_and_contacts_included(
    name: str, threads: int
) -> None:
    task, rng = make(name), np.random.default_rng(1)
    states, actions = pressed(task, 40), rng.uniform(-1.5, 1.5, (40, 1, 2)).repeat(6, axis=1)
    actions[::2] = rng.uniform(-1.5, 1.5, (20, 6, 2))
    imagined = Simulator(task, threads)(states, actions)
    touched, seen = 0, seen_by(task)
    for state, plan, found in zip(states, actions, imagined, strict=True):
        np.testing.assert_allclose(
            found[:, seen], by_hand(task, state, plan)[:, seen], rtol=0, atol=1e-12
        )
        touched += task.data.nefc > 0
    assert touched >= 5, "hardly any plan ends in contact; the test is too gentle"


@pytest.mark.parametrize("name", TASKS)
def test_without_contact_they_are_the_same_to_the_bit(name: str) -> None:
    task, rng = make(name), np.random.default_rng(2)
    states, actions = (
        np.stack([task.draw_state(rng) for _ in range(40)]),
        0.2 * rng.uniform(-1, 1, (40, 3, 2)),
    )
    imagined, free, seen = Simulator(task, 1)(states, actions), 0, seen_by(task)
    for state, plan, found in zip(states, actions, imagined, strict=True):
        after = by_hand(task, state, plan)
        if not task.data.nefc:
            np.testing.assert_array_equal(found[:, seen], after[:, seen])
            free += 1
    assert free > 10


def test_rolling_out_leaves_the_task_where_it_was() -> None:
    task = make("reacher")
    task.reset(seed=0)
    before = task.snapshot()
    Simulator(task, 1)(pressed(make("reacher"), 2), np.ones((2, 3, 2)))
    assert task.snapshot().tobytes() == before.tobytes()


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("repeat", [1, 2])
def test_the_cost_is_that_of_a_slow_loop(name: str, repeat: int) -> None:
    """Mean and last of steps_to_go after each model step, in model steps, weighted."""
    task = make(name)
    states, goals = (
        pressed(task, 3),
        np.stack([task.draw_state(np.random.default_rng(i)) for i in range(3)]),
    )
    actions = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (3, 4, 3, repeat * 2)))
    found = make_cost(task, states, goals, repeat, running=0.7, terminal=2.0)(actions)
    for b in range(3):
        for n in range(4):
            after = by_hand(task, states[b], actions[b, n].reshape(3 * repeat, 2).numpy())
            steps = [
                task.steps_to_go(after[(h + 1) * repeat - 1][None], goals[b])[0] / repeat
                for h in range(3)
            ]
            assert float(found[b, n]) == pytest.approx(
                0.7 * sum(steps) / 3 + 2.0 * steps[-1], rel=1e-9
            )


def test_the_cost_says_that_it_has_no_gradient_and_comes_in_the_planners_type() -> None:
    task = make("reacher")
    states = pressed(task, 2)
    cost = make_cost(task, states, states)
    assert cost.differentiable is False
    assert cost(torch.zeros(2, 3, 1, 2)).dtype == torch.float32


@pytest.mark.parametrize("rows", [1, 7, 4096])
@pytest.mark.parametrize("name", TASKS)
def test_a_problems_costs_are_the_same_alone_and_in_a_batch_however_it_is_cut(
    name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latent_mpc.agent.oracle.ROWS", rows)
    task = make(name)
    states, goals = pressed(task, 5), pressed(task, 5, seed=1)
    actions = torch.rand(5, 4, 3, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together = make_cost(task, states, goals)(actions)
    alone = [make_cost(task, states[[b]], goals[[b]])(actions[[b]]) for b in range(5)]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("name", TASKS)
def test_problems_in_a_batch_are_played_as_alone(name: str) -> None:
    """The first problem's random numbers are its own, so it is the one that can be played alone."""
    task = make(name)
    pairs = draw_pairs(task, 3, seed=0).pairs
    together = play(make_oracle(task, repeat=2), task, pairs, 8, observe=see)
    alone = play(make_oracle(task, repeat=2), task, pairs[:1], 8, observe=see)
    np.testing.assert_array_equal(together.states[:, :1], alone.states)


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_the_oracle_reaches_the_goals_and_stays(name: str) -> None:
    task = make(name)
    drawn = draw_pairs(task, 3, seed=0)
    played = play(make_oracle(task), task, drawn.pairs, drawn.steps, observe=see)
    assert played.reached[-5:].all()


class Unprivileged(type(make("reacher"))):  # type: ignore[misc]
    steps_to_go = Task.steps_to_go


def test_a_task_without_steps_to_go_is_judged_by_its_coordinates_in_standard_deviations() -> None:
    task = Unprivileged()
    measure = privileged(task)
    low, high = task.model.jnt_range[1]
    spread = np.array([2 * np.pi, high - low]) / np.sqrt(12)  # of uniform draws
    goal, off = task.rest_state(np.zeros(2)), task.rest_state(np.array([1.0, 0.5]))
    assert measure(np.stack([goal, off]), goal) == pytest.approx(
        [0.0, np.mean([1.0, 0.5] / spread)], rel=0.15
    )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache.within(tmp_path)


def short(task: Task, seed: int, count: int = 3) -> Pairs:
    return dataclasses.replace(draw_pairs(task, count, seed), steps=6)


@pytest.mark.slow
def test_the_result_is_what_was_played_and_comes_from_the_cache_the_second_time(
    cache: Cache, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make("pointmaze-umaze")
    drawn = dataclasses.replace(draw_pairs(task, 3, seed=0), steps=15)
    found = cached_oracle(cache, task, drawn, PLANNER, CostToGoCost(), **ONE_CORE)
    played = play(make_oracle(task), task, drawn.pairs, drawn.steps, observe=see)
    assert (found["success_end"], found["success_any"]) == (rate(played.end), rate(played.any))
    assert found["success_any"]["rate"] > 0
    assert (found["planner"], found["horizon"], found["horizon_seconds"]) == (
        "cem",
        3,
        pytest.approx(0.3),
    )
    assert 0 < found["plan_ms"]["median"] <= found["plan_ms"]["p95"]
    assert found["cached"] is False
    assert "cache" not in capsys.readouterr().out
    monkeypatch.setattr(oracle_cache, "measure_oracle", None)  # would fail if called
    again = cached_oracle(cache, task, drawn, PLANNER, CostToGoCost(), **ONE_CORE)
    assert again == {**found, "cached": True}
    assert "the oracle's result is from the cache: " in capsys.readouterr().out


def test_other_pairs_planner_weights_seed_or_code_are_not_answered_from_the_cache(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[Pairs] = []

    def remember(task: Task, drawn: Pairs, *rest: Any) -> dict[str, Any]:
        played.append(drawn)
        return {"success_end": len(played)}

    monkeypatch.setattr(oracle_cache, "measure_oracle", remember)
    task, weights = make("reacher"), CostToGoCost()
    drawn = short(task, 0)
    moved = dataclasses.replace(
        drawn, pairs=[*drawn.pairs[:2], Pair(drawn.pairs[2].start, drawn.pairs[1].goal)]
    )
    longer, fewer = dataclasses.replace(drawn, steps=7), short(task, 0, count=2)
    heavy = make("reacher")
    heavy.model.body_mass[1] *= 1.01
    calls: list[tuple[Any, ...]] = [
        (task, pairs, PLANNER, weights) for pairs in (drawn, moved, longer, fewer, short(task, 1))
    ]
    calls += [
        (task, drawn, {**PLANNER, "horizon": 4}, weights),
        (task, drawn, {**PLANNER, "samples": 16}, weights),
    ]
    calls += [
        (task, drawn, PLANNER, CostToGoCost(terminal=0.5)),
        (task, drawn, PLANNER, weights, 2),
        (task, drawn, PLANNER, weights, 1, 1),
    ]
    calls += [(heavy, drawn, PLANNER, weights)]
    for _ in range(2):  # the second round comes from the cache
        assert [cached_oracle(cache, *call)["success_end"] for call in calls] == list(
            range(1, len(calls) + 1)
        )
    monkeypatch.setattr(oracle_cache, "code_of", lambda names: "changed")
    assert cached_oracle(cache, *calls[0])["success_end"] == len(calls) + 1


@pytest.mark.slow
def test_a_damaged_cache_is_worked_out_anew(cache: Cache) -> None:
    task = make("pointmaze-umaze")
    first = cached_oracle(cache, task, short(task, 0), PLANNER, CostToGoCost(), **ONE_CORE)
    for path in cache.folder.iterdir():
        path.write_text('{"succ')
    again = cached_oracle(cache, task, short(task, 0), PLANNER, CostToGoCost(), **ONE_CORE)
    assert again["success_end"] == first["success_end"]
    assert again["cached"] is False


def test_a_task_that_brings_a_controller_is_played_by_it(cache: Cache) -> None:
    task = make("tabletop-disc")
    drawn = draw_pairs(task, 2, seed=0)
    result = cached_oracle(cache, task, drawn, PLANNER, CostToGoCost(), **ONE_CORE)
    assert result["planner"] == GUIDE
    assert result["success_end"]["rate"] == 1.0
    ends = []
    for pair in drawn.pairs:
        act = task.guide(pair.goal)
        assert act is not None
        task.restore(pair.start)
        for _ in range(drawn.steps):
            task.apply(act(task.snapshot()).astype(np.float32))
        ends.append(task.distance(task.snapshot(), pair.goal))
    assert result["distance_end"]["median"] == pytest.approx(np.median(ends), rel=1e-9)
