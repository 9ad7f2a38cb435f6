"""Data that the agent collects itself: goals at the frontier, episodes that physics confirms, the
same bytes after an interruption.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latent_mpc import Agent
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.agent.training import pipeline
from latent_mpc.agent.training.exploration import (
    choose_goals,
    collect_goal_directed,
    explore,
    latent_density,
)
from latent_mpc.envs.behaviour import BehaviourConfig, Motion
from latent_mpc.envs.collection.collect import Job, collect
from latent_mpc.envs.pointmaze import PointMaze
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from tests.agent.test_agent import make_agent

START = [1, 1]
JOB = Job("pointmaze-umaze", {"start": START}, ("state",), BehaviourConfig(), seed=3)


def umaze_agent() -> Agent:
    return make_agent(shapes={"state": (4,)})


def gather(path: Path) -> Rollouts:
    return collect(
        JOB.task_name,
        JOB.task_options,
        JOB.obs,
        JOB.behaviour,
        3,
        JOB.seed,
        path,
        workers=1,
        progress=False,
    )


def test_goals_lie_where_few_latents_are():
    """A crowd round 0 and one latent in a thousand far off: one such is among 32 that are drawn 3
    times in 100, and then chosen.
    """

    class Plain(CostToGo):
        def embed(self, z):
            return z

        def between(self, start, goal):
            return (start - goal).abs().sum(dim=-1)

    agent = umaze_agent()
    agent.cost_to_go = Plain(4, CostToGoConfig(hidden=4, metric=4))
    z = torch.zeros(5000, 4)
    z[:, 0] = torch.randn(5000, generator=torch.Generator().manual_seed(0)) * 0.1
    z[::1000, 0] = torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0])
    goals = choose_goals(agent, z, 500, "density", np.random.default_rng(0))[:, 0]
    drawn = 1 - (1 - 5 / 5000) ** 32
    assert (goals > 5).float().mean().item() == pytest.approx(drawn, abs=0.02)
    assert (goals.abs() < 0.15).float().mean() < 0.2, (
        "else one at the rim of the crowd, of which 87 in 100 lie within 0.15"
    )


def test_the_far_end_of_a_one_way_is_new_and_its_beginning_is_not():
    """Density is asked of the ways there: a latent that is near to leave, but far to come to, is
    new.
    """

    class OneWay(CostToGo):
        def embed(self, z):
            return z

        def between(self, start, goal):
            return (goal - start).sum(dim=-1).relu()

    agent, three = umaze_agent(), torch.tensor([[0.0], [0.5], [1.0]]).expand(-1, 4)
    agent.cost_to_go = OneWay(4, CostToGoConfig(hidden=4, metric=4))
    new = latent_density(agent, torch.zeros(100, 4), three, np.random.default_rng(0))
    assert new.tolist() == pytest.approx([0, 2, 4], abs=1e-5)


def test_goals_lie_where_the_ensemble_disagrees():
    """Members that differ by z: their disagreement grows with |z|."""

    class Torn(Jepa):
        def rollout_ensemble(self, z, actions):
            return torch.stack([z, -z])[:, :, None]

    agent = umaze_agent()
    agent.model = Torn(JepaConfig(embedding=2, latent=1, hidden=4, ensemble=2), {"state": (1,)}, 1)
    z = torch.linspace(-1, 1, 1000)[:, None]
    goals = choose_goals(agent, z, 200, "disagreement", np.random.default_rng(0))
    assert goals.abs().mean() > 0.95


def test_an_episode_is_what_the_task_does_with_its_actions_and_starts_in_its_cell():
    agent, task = umaze_agent(), PointMaze("umaze", start=START)
    episodes = collect_goal_directed(agent, JOB, torch.zeros(2, 4), range(5, 7))
    for episode in episodes:
        assert {key: len(array) for key, array in episode.items()} == dict.fromkeys(
            ("state", "action", "physics"), 41
        )
        assert np.abs(episode["state"][0, :2] - [-1, 1]).max() < 0.5, (
            "row 1, column 1 of a 5 x 5 map"
        )
        task.restore(episode["physics"][0])
        for t, action in enumerate(episode["action"][:-1]):
            np.testing.assert_array_equal(task.snapshot(), episode["physics"][t])
            np.testing.assert_array_equal(task.observation()["state"], episode["state"][t])
            task.apply(action)
        assert not episode["action"][-1].any()


def test_its_random_actions_keep_the_pace_of_the_task_and_rest_as_it_does(monkeypatch):
    asked, motions, still = [], [], np.array([0.25, -0.5])
    monkeypatch.setattr(PointMaze, "pace", 0.5)
    monkeypatch.setattr(PointMaze, "still", lambda task: still)

    def watched(*arguments):
        asked.append(arguments[-2:])
        motions.append(Motion(*arguments))
        return motions[-1]

    monkeypatch.setattr("latent_mpc.agent.training.exploration.Motion", watched)
    job = replace(JOB, behaviour=BehaviourConfig(rest=0.7))
    for motion, episode in zip(
        motions,
        collect_goal_directed(umaze_agent(), job, torch.zeros(2, 4), range(5, 7)),
        strict=False,
    ):
        by_noise = episode["action"][30:40]  # after three quarters of the episode
        assert (by_noise[motion.rest[30:]] == still).all()
        assert (by_noise[~motion.rest[30:]] == motion.noise[30:][~motion.rest[30:]]).all()
    assert asked == [(0.2, job.behaviour)] * 2
    assert any(motion.rest[30:].any() for motion in motions)


def test_the_agent_plans_until_it_has_arrived_and_then_acts_at_random():
    agent, acts = umaze_agent(), []

    def act(obs: Any, still: Any) -> np.ndarray:
        acts.append(len(obs["state"]))
        return np.full((2, 2), 0.123, np.float32)

    agent.act = act
    agent.to_go = lambda: np.array([9.0, 1.0 if len(acts) == 10 else 9.0])
    far, near = collect_goal_directed(agent, JOB, torch.zeros(2, 4), range(2))
    planned = [(episode["action"] == np.float32(0.123)).all(axis=1) for episode in (far, near)]
    assert planned[0].tolist() == [True] * 30 + [False] * 11, "three quarters of 40 steps"
    assert planned[1].tolist() == [True] * 9 + [False] * 32, (
        "until its cost-to-go has once fallen below 2"
    )


def test_exploring_appends_what_is_missing_and_nothing_twice(tmp_path):
    found = {}
    for name, stopped in (("whole", False), ("stopped", True)):
        agent, rollouts = umaze_agent(), gather(tmp_path / name)
        z = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
        explored = explore(agent, JOB, rollouts, z, range(3, 6), "density")
        if stopped:  # as if killed after one of the three had been written
            gone = gather(tmp_path / "again")
            said = {
                key: value
                for key, value in gone.meta.items()
                if key not in ("format", "version", "arrays")
            }
            with RolloutWriter(gone.path, said) as writer:
                writer.append(explored.episode(3), 3)
            explored = explore(umaze_agent(), JOB, Rollouts(gone.path), z, range(3, 6), "density")
        assert explored.numbers.tolist() == list(range(6))
        assert explored.verify() == []
        found[name] = explored.arrays["state"].copy()
        assert len(explore(agent, JOB, explored, z, range(3, 6), "density")) == 6
    np.testing.assert_array_equal(found["whole"], found["stopped"])


def test_a_start_that_is_no_free_cell_is_refused_and_tasks_without_cells_have_none(
    tmp_path, capsys
):
    with pytest.raises(
        ValueError,
        match=(
            r"start must be a free cell \[row, column\] of umaze, such as \[1, 1\] and \[3, 3\];"
            r" got \[0, 0\]"
        ),
    ):
        PointMaze("umaze", start=(0, 0))
    assert cli.main(["collect", "task=reacher", "start=[1,1]", f"out={tmp_path / 'r'}"]) == 2
    assert "start must be empty for reacher: only mazes have cells" in capsys.readouterr().err
    assert (
        cli.main(
            [
                "train",
                "task=reacher",
                "explore.rounds=1",
                f"data={tmp_path}",
                f"out={tmp_path / 'r'}",
            ]
        )
        == 2
    )
    assert (
        "explore.rounds goes on with rollouts of its own in out/data; leave data empty"
        in capsys.readouterr().err
    )
    assert (
        cli.main(
            [
                "train",
                "task=reacher",
                "explore={rounds: 1, novelty: disagreement}",
                f"out={tmp_path / 'r'}",
            ]
        )
        == 2
    )
    assert (
        "explore.novelty=disagreement needs model.ensemble of 2 or more, got 1"
        in capsys.readouterr().err
    )


TINY = [
    *(
        "model.hidden=16",
        "model.latent=8",
        "model.embedding=8",
        "cost_to_go.hidden=16",
        "cost_to_go.metric=8",
    ),
    *(
        "training.steps=6",
        "training.batch=8",
        "training.horizon=3",
        "cost_to_go.steps=6",
        "probe.steps=5",
        "value.steps=5",
        "cost_to_go.batch=16",
    ),
    *(
        "planner.samples=8",
        "planner.iterations=1",
        "planner.elites=4",
        "planner.horizon=2",
        "validation_episodes=1",
    ),
    *("collect.episodes=4", "collect.workers=1", "explore.episodes=3", "explore.steps=4"),
]


@pytest.mark.parametrize(
    ("task", "asked", "cost", "horizon"),
    [
        ("tabletop-disc", [], "value", 8),
        ("tabletop-disc", ["cost=latent", "planner.horizon=4"], "latent", 4),
        ("reacher", [], "cost_to_go", 3),
    ],
)
def test_where_an_object_counts_rounds_are_about_it(task, asked, cost, horizon):
    config = compose_config("train", [f"task={task}", "obs=state", *asked])
    made = make(task)
    parts = pipeline.initialise(pipeline.describe(config, made), 0)
    agent = pipeline.exploring(parts, made, config)
    assert (agent.cost.name, agent.planner.horizon) == (cost, horizon)
    assert parts.config["planner"]["horizon"] == (config.planner.horizon or 3)


@pytest.mark.slow
def test_a_run_with_rounds_has_all_their_data_and_a_checkpoint_for_each(tmp_path, monkeypatch):
    rounds = ["explore.rounds=2", "explore.novelty=disagreement", "model.ensemble=2"]
    arguments = [
        "train",
        "task=pointmaze-umaze",
        "collect.start=[1,1]",
        *TINY,
        *rounds,
        f"out={tmp_path / 'run'}",
    ]
    assert cli.main(arguments) == 0
    rollouts = Rollouts(tmp_path / "run" / "data")
    assert rollouts.numbers.tolist() == list(range(10))
    assert rollouts.meta["explore"] == {
        "rounds": 2,
        "episodes": 3,
        "steps": 4,
        "novelty": "disagreement",
    }
    starts = rollouts.arrays["state"][rollouts.offsets]
    assert np.abs(starts[:, :2] - [-1, 1]).max() < 0.5
    for folder in ("round-0", "round-1", "."):
        Agent.load(tmp_path / "run" / folder)
    before = rollouts.fingerprint
    (tmp_path / "run" / "results.json").unlink()
    assert cli.main(arguments) == 0, "a run that was stopped goes on"
    assert Rollouts(tmp_path / "run" / "data").fingerprint == before


@pytest.mark.slow
def test_rounds_in_an_environment_of_another_library(tmp_path, monkeypatch):
    arguments = [
        "train",
        "task=gymnasium",
        "task.id=Pusher-v5",
        *TINY,
        "explore.rounds=1",
        f"out={tmp_path / 'run'}",
    ]
    assert cli.main(arguments) == 0
    assert Rollouts(tmp_path / "run" / "data").numbers.tolist() == list(range(7))
