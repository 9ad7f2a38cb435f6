"""Coverage: which squares count, when each was first visited, and the command on data that nobody
collected.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

from benchmarks.tables import coverage
from benchmarks.tables.coverage import TASKS, WAYS, Places, first_visits, main, maze, visited
from benchmarks.tables.coverage_page import curve
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.envs import mazes
from latent_mpc.envs.pointmaze import RADIUS, mjcf

BALL = mujoco.MjModel.from_xml_string(mjcf(mazes.walls_of("large")))


def test_a_square_belongs_to_the_episode_that_came_first_and_walls_and_what_lies_outside_do_not_count() -> (
    None
):
    places = Places("ball", (-1.0, 0.0), 0.5, np.array([[True, True], [True, False]]))
    points = np.array(
        [
            [-0.9, 0.1],
            [-0.6, 0.4],
            [-0.4, 0.1],
            [-0.9, 0.6],
            [-0.2, 0.9],
            [-1.1, 0.1],
            [0.1, 0.1],
            [-0.9, -0.1],
        ]
    )
    first = first_visits(points, np.array([2, 1, 0, 2, 0, 0, 0, 0]), places, never=3)
    assert first.tolist() == [[1, 2], [0, 3]]
    found = {"episodes": 3, "places": {"ball": {"squares": 3, "first": first.tolist()}}}
    assert curve(found, "ball") == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_the_squares_of_a_maze_are_those_into_which_the_balls_middle_gets() -> None:
    """The oracle: 7 x 7 points in every square, rims included, none closer to a wall than the
    ball's radius.
    """
    places, boxes = maze("large", 4), mazes.boxes(mazes.walls_of("large"))
    corners = np.stack(np.meshgrid(*map(np.arange, places.inside.shape), indexing="ij"), axis=-1)[
        ..., None, None, :
    ]
    within = np.stack(np.meshgrid(*[np.linspace(1e-6, 1 - 1e-6, 7)] * 2, indexing="ij"), axis=-1)
    points = np.array(places.low) + places.side * (corners + within)  # (X, Y, 7, 7, 2)
    free = mazes.clearance(boxes, points.reshape(-1, 2)).reshape(points.shape[:-1]) >= RADIUS
    assert (free.any(axis=(2, 3)) == places.inside).all()


def test_bodies_are_where_the_environment_says() -> None:
    env: Any = gymnasium.make("Pusher-v5").unwrapped
    shown = env.reset(seed=3)[0]
    places = TASKS["Pusher-v5"].places
    at = {
        name: visited(env.model, env.data.qpos[None], one.body)[0] for name, one in places.items()
    }
    np.testing.assert_allclose(at["fingertip"], shown[14:16], atol=1e-9)
    np.testing.assert_allclose(at["object"], shown[17:19], atol=1e-9)
    assert visited(BALL, np.array([[1.0, 2.0]]), "ball").tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(("task", "way"), list(zip([*TASKS] * 2, WAYS, strict=True)))
def test_every_way_is_settings_that_train_takes(task: str, way: str) -> None:
    compose_config("train", [*TASKS[task].settings, *WAYS[way], "explore.rounds=2"])


@pytest.mark.slow
def test_the_command_measures_every_way_once_and_tells_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def gather(settings: list[str], folder: Path) -> tuple[mujoco.MjModel, np.ndarray, np.ndarray]:
        """12 episodes of two frames: the ball at rest in the upper left cell, and in the last
        episode, if planned, elsewhere.
        """
        asked.append(folder.name)
        qpos = np.tile([-4.4, 2.9], (24, 1))
        if "explore.rounds=2" in settings:
            qpos[-1] = [4.4, -2.9]
        return BALL, qpos, np.repeat(np.arange(12), 2)

    monkeypatch.setattr(coverage, "gather", gather)
    monkeypatch.setattr(coverage, "TASKS", {"pointmaze-large": TASKS["pointmaze-large"]})
    for _ in range(2):
        assert main(["--quick", "--out", str(tmp_path)]) == 0
    assert asked == [f"pointmaze-large-{way}" for way in WAYS]
    said = (tmp_path / "coverage.md").read_text(encoding="utf-8")
    assert (
        "| pointmaze-large | ball | 736 | 12 | 0.1 | 0.1, **0.1** | 0.1, **0.1** | 0.1, **0.3** |"
        " 0.1, **0.3** |" in said
    )
    assert (tmp_path / "coverage.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_of_other_amounts_are_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "coverage.json").write_text('{"settings": {"updates": 3}, "Pusher-v5": {}}')
    assert main(["--quick", "--out", str(tmp_path)]) == 2
    assert "was measured with other settings" in capsys.readouterr().err
