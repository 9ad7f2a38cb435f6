"""Before a long run: whatever can be refused is refused before anything is written, collected or
played.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.commands import demo, train
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.evaluation import pairs, shards
from latent_mpc.agent.evaluation.pairs import Pairs, draw_pairs
from latent_mpc.agent.horizon import study, sweep
from latent_mpc.agent.training import listening, pipeline
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.gymnasium_task import GymnasiumTask
from latent_mpc.envs.adapters.mjcf_task import MjcfTask
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.cameras import gl_library
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from tests.factories import refusal, write_checkpoint

MODEL = [
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
    "cost_to_go.hidden=16",
    "planner.samples=16",
]
SMALL = ["task=reacher", *MODEL]
PENDULUM = """
<mujoco><option timestep="0.02"/><worldbody><body name="pole" pos="0 0 0.6">
  <joint name="hinge" type="hinge" axis="0 1 0" damping="0.1"/><geom type="sphere" pos="0 0 0.5" size="0.05" mass="1"/>
</body></worldbody><actuator><motor joint="hinge" gear="1" ctrlrange="-1 1"/></actuator></mujoco>
"""


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("it began")


@pytest.fixture
def nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collecting, training and playing fail."""
    for module, name in (
        (pipeline, "gather"),
        (pipeline, "train_world_model"),
        (pipeline, "play_settings"),
        (sweep, "begin"),
        (shards, "begin"),
        (demo, "begin"),
    ):
        monkeypatch.setattr(module, name, never)
    monkeypatch.setattr("latent_mpc.agent.evaluation.evaluate.play", never)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A whole checkpoint of Reacher with fresh weights."""
    return write_checkpoint(tmp_path / "checkpoint", SMALL)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two rollouts of Reacher, of 12 control steps."""
    collect(
        "reacher",
        {"size": 64},
        ("state",),
        BehaviourConfig(),
        2,
        0,
        tmp_path / "data",
        workers=1,
        progress=False,
        steps=12,
    )
    return tmp_path / "data"


def too_near(task: Any, episodes: int, seed: int, *rest: Any, of: int = 0, **more: Any) -> Pairs:
    """As `draw_pairs`, but pairs of seed `of` are all solved."""
    if seed == of:
        raise LatentMPCError("the pairs were solved by standing still")
    return draw_pairs(task, episodes, seed, *rest, **more)


def test_goals_that_standing_still_reaches_are_refused_before_the_first_rollout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nothing_begins: None
) -> None:
    robot, out = tmp_path / "cart.xml", tmp_path / "out"
    robot.write_text(PENDULUM)
    words = ["task=mjcf", f"task.xml={robot}", "task.success=[hinge:3]", *MODEL, f"out={out}"]
    said = refusal(capsys, "train", *words, alone=False)
    assert said.startswith(
        "cart: 11 of 11 pairs were solved by standing still (at most half may be)"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task.success=[nosuch:0.1]"], "no joint 'nosuch' in success; there are: hinge"),
        (
            ["task.success=[hinge:abc]"],
            "a tolerance must be a number above 0, got 'hinge:abc' in success",
        ),
        (
            ["task.success=[hinge:9]"],
            (
                "cart: a goal must be missed somewhere, but every pose within the joints' limits"
                " reaches "
            ),
        ),
        (["task.camera=nosuch"], "no camera 'nosuch' in the model; there are: none"),
        (
            ["task.control_period=0.03"],
            "cart: task.control_period must be a multiple of its step of 0.02 s, got 0.03",
        ),
        (["data=nosuch"], "no rollouts at nosuch"),
    ],
)
def test_mistakes_that_need_no_simulation_are_refused_before_the_robot_moves(
    words: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    robot, out = tmp_path / "cart.xml", tmp_path / "out"
    robot.write_text(PENDULUM)
    for name in ("begin", "advance_step"):
        monkeypatch.setattr(MjcfTask, name, never)
    assert refusal(
        capsys, "train", "task=mjcf", f"task.xml={robot}", *words, *MODEL, f"out={out}"
    ).startswith(said)
    assert not out.exists()


def test_data_of_another_robot_are_refused_before_a_robot_moves(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GymnasiumTask, "advance_step", never)
    words = [
        "task=gymnasium",
        "task.id=Humanoid-v5",
        f"data={data}",
        *MODEL,
        f"out={tmp_path / 'out'}",
    ]
    assert (
        refusal(capsys, "train", *words)
        == f"data={data} must hold rollouts of gymnasium, it holds reacher; give task=reacher or"
        " other data"
    )
    with RolloutWriter(
        tmp_path / "ant",
        {"task": {"name": "gymnasium", "options": {"id": "Ant-v5", "control_period": 0.05}}},
    ) as writer:
        writer.append(
            {"state": np.zeros((21, 29), np.float32), "action": np.zeros((21, 8), np.float32)}
        )
    words[2] = f"data={tmp_path / 'ant'}"
    said = refusal(capsys, "train", *words)
    assert said.endswith(
        "must hold rollouts with task.id=Humanoid-v5, it holds Ant-v5; give that or other data"
    )


def test_a_goal_that_four_probes_stay_within_is_refused_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slide that its motor moves by a quarter of a metre, against a spring; it has no limits that
    would show 10 m to be too much.
    """
    robot, begun = tmp_path / "cart.xml", list[int]()
    spring = '<joint name="rail" type="slide" axis="1 0 0" stiffness="4" damping="9"/>'
    robot.write_text(
        f'<mujoco><worldbody><body>{spring}<geom size=".1"/></body></worldbody><actuator><motor'
        ' joint="rail"/></actuator></mujoco>'
    )
    begin = MjcfTask.begin

    def counted(task: MjcfTask, rng: np.random.Generator) -> None:
        begun.append(0)
        begin(task, rng)

    monkeypatch.setattr(MjcfTask, "begin", counted)
    with pytest.raises(
        ValueError,
        match=(
            "cart: a goal must be missed somewhere, but 6 s of full actions from 4 resets never"
            " lead more"
        ),
    ):
        make("mjcf", xml=str(robot), success=["rail:10"])
    assert len(begun) == 4
    begun.clear()
    make("mjcf", xml=str(robot), success=["rail:0.1"])
    assert len(begun) == 16


def test_the_pairs_drawn_before_the_first_rollout_are_those_that_are_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Pairs] = []
    played: list[Any] = []

    def draw(*arguments: Any, **more: Any) -> Pairs:
        drawn.append(draw_pairs(*arguments, **more))
        return drawn[-1]

    def lengths(parts: Any, task: Any, given: Pairs, *rest: Any) -> Any:
        played.append(given)
        raise KeyboardInterrupt

    monkeypatch.setattr(pairs, "draw_pairs", draw)
    monkeypatch.setattr(pipeline, "play_settings", lengths)
    monkeypatch.setattr(pipeline, "gather", lambda *_: played.append(len(drawn)))
    monkeypatch.setattr(pipeline, "Rollouts", lambda *_: collect_two(tmp_path / "data"))
    monkeypatch.setattr(train, "train", lambda *_: None)
    monkeypatch.setattr(listening, "held_out", lambda *_: None)
    monkeypatch.setattr(listening, "listening", lambda *_: {})
    assert cli.main(["train", *SMALL, "validation_episodes=3", f"out={tmp_path / 'out'}"]) == 130
    assert played == [1, drawn[0]] and len(drawn) == 1
    own = draw_pairs(make("reacher"), 3, 0)
    np.testing.assert_array_equal(
        [pair.goal for pair in own.pairs], [pair.goal for pair in drawn[0].pairs]
    )


def collect_two(folder: Path) -> Any:
    return collect(
        "reacher",
        {"size": 64},
        ("state",),
        BehaviourConfig(),
        2,
        0,
        folder,
        workers=1,
        progress=False,
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            ["training.horizon=59"],
            (
                "model.history=3 and training.horizon=59 need episodes of 61 control steps (61"
                " model steps of 1)"
            ),
        ),
        (
            ["task.action_repeat=10"],
            (
                "model.history=3 and training.horizon=5 need episodes of 70 control steps (7 model"
                " steps of 10)"
            ),
        ),
        (
            ["proposals.samples=2", "proposals.horizon=61"],
            "proposals.horizon=61 need episodes of 61 control steps",
        ),
        (
            ["training.least_rank=9"],
            (
                "training.least_rank must be at most model.latent, which no rank is above, got 9.0"
                " and 8"
            ),
        ),
        (
            ["cost=value"],
            "cost=value is for goals of which a part counts, but all of it counts; use cost=cost_to_go",
        ),
        (
            ["other_costs=[values]"],
            "no cost 'values'; there are: coordinates, cost_to_go, latent, ",
        ),
        (["collect.start=[1,1]"], "start must be empty for reacher: only mazes have cells"),
        (
            ["task=pointmaze-umaze", "collect.start=[0,0]"],
            "start must be a free cell [row, column] of umaze, ",
        ),
    ],
)
def test_settings_that_could_only_fail_later_are_refused_before_collecting(
    settings: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    nothing_begins: None,
) -> None:
    words = [
        word for word in SMALL if word.split("=")[0] not in [one.split("=")[0] for one in settings]
    ]
    assert refusal(capsys, "train", *words, *settings, f"out={tmp_path / 'out'}").startswith(said)
    assert not (tmp_path / "out").exists()


def test_the_longest_windows_that_fit_are_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "gather", never)
    words = [
        *SMALL,
        "training.horizon=58",
        "proposals.samples=2",
        "proposals.horizon=60",
        "validation_episodes=1",
    ]
    with pytest.raises(AssertionError, match="it began"):
        train.run(compose_config("train", [*words, f"out={tmp_path / 'out'}"]))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            ["training.horizon=11"],
            (
                "model.history=3 and training.horizon=11 need episodes of 13 control steps (13"
                " model steps of 1), {}"
            ),
        ),
        (
            ["proposals.samples=2", "proposals.horizon=13"],
            "proposals.horizon=13 need episodes of 13 control steps (13 model steps of 1), {}",
        ),
    ],
)
def test_data_whose_episodes_are_too_short_are_refused_before_the_pairs_are_drawn(
    settings: list[str],
    said: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    nothing_begins: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pairs, "draw_pairs", never)
    message = refusal(capsys, "train", *SMALL, *settings, f"data={data}", f"out={tmp_path / 'out'}")
    assert message.startswith(
        said.replace("{}", f"data={data} has at most 12; lower them, or give longer episodes")
    )
    assert not (tmp_path / "out").exists()


def test_the_longest_episode_counts_only_where_it_is_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nothing_begins: None
) -> None:
    task, folder = make("reacher"), tmp_path / "data"
    sizes = {"state": task.observation()["state"], "action": np.zeros(2, np.float32)}
    with RolloutWriter(folder, {"task": {"name": "reacher"}}) as writer:
        for length in (5, 5, 5):
            writer.append(
                {key: np.repeat(row[None], length + 1, axis=0) for key, row in sizes.items()}
            )
    held_out = Rollouts(folder).split(0.1, 0)[1].item()
    other = tmp_path / "other"
    with RolloutWriter(other, {"task": {"name": "reacher"}}) as writer:
        for number in range(3):
            length = 30 if number == held_out else 5
            writer.append(
                {key: np.repeat(row[None], length + 1, axis=0) for key, row in sizes.items()}
            )
    said = refusal(capsys, "train", *SMALL, f"data={other}", f"out={tmp_path / 'out'}")
    assert said.endswith(f"data={other} has at most 5; lower them, or give longer episodes")


def test_simulator_states_of_another_model_are_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nothing_begins: None
) -> None:
    task, folder = make("reacher"), tmp_path / "data"
    rows = {
        "state": task.observation()["state"],
        "action": np.zeros(2, np.float32),
        "physics": np.zeros(7),
    }
    with RolloutWriter(folder, {"task": {"name": "reacher"}}) as writer:
        writer.append({key: np.repeat(row[None], 21, axis=0) for key, row in rows.items()})
    said = refusal(capsys, "train", *SMALL, f"data={folder}", f"out={tmp_path / 'out'}")
    wide = len(task.snapshot())
    assert (
        said == f"data={folder} has simulator states of [7], reacher has [{wide}]; give other data"
    )


@pytest.mark.parametrize("command", ["evaluate", "demo"])
def test_pairs_are_refused_before_an_episode_is_played_and_no_folder_is_made(
    command: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    nothing_begins: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pairs, "draw_pairs", functools.partial(too_near, of=3))
    more = ["camera.backend=ray"] if command == "demo" else []
    said = refusal(
        capsys,
        command,
        f"checkpoint={checkpoint}",
        "pairs.seed=3",
        f"out={tmp_path / 'out'}",
        *more,
    )
    assert said == "the pairs were solved by standing still"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["evaluate", "horizon"])
@pytest.mark.parametrize("how", ["unforeseen", "gradient"])
def test_an_oracle_that_there_cannot_be_is_refused_before_an_episode_is_played(
    command: str,
    how: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    nothing_begins: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [
        command,
        f"checkpoint={checkpoint}",
        "oracle=true",
        "episodes=2",
        f"out={tmp_path / 'out'}",
    ]
    if how == "unforeseen":
        apply = type(make("reacher")).apply
        monkeypatch.setattr(
            type(make("reacher")), "apply", lambda task, action: apply(task, -np.asarray(action))
        )
        said = (
            "the oracle cannot foresee reacher: its step does more than hold a control; give"
            " oracle=false"
        )
    else:
        words.append("planner=gradient")
        said = (
            "the oracle plans without gradients, planner 'gradient' with; give oracle=false or"
            " another planner"
        )
    assert refusal(capsys, *words) == said


def test_a_study_is_refused_before_the_first_setting_is_played(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    nothing_begins: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [
        "horizon",
        f"checkpoint={checkpoint}",
        "episodes=2",
        "horizons=[1,2]",
        f"out={tmp_path / 'out'}",
    ]
    with monkeypatch.context() as patch:
        patch.setattr(gl_library, "_loads", lambda library: False)
        assert refusal(capsys, *words, "camera.backend=gl").startswith(
            "camera backend gl found no OpenGL library"
        )
    monkeypatch.setattr(sweep, "draw_pairs", functools.partial(too_near, of=7))
    assert refusal(capsys, *words) == "the pairs were solved by standing still"
    assert not list((tmp_path / "out").rglob("*.json"))


def test_one_of_several_machines_needs_no_camera_oracle_or_report(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "draw_pairs", functools.partial(too_near, of=7))
    monkeypatch.setattr(study, "open_film_camera", never)
    monkeypatch.setattr(sweep, "make_oracle", never)
    config = compose_config(
        "horizon",
        [
            f"checkpoint={checkpoint}",
            "episodes=2",
            "horizons=[1]",
            "only=sweep",
            f"out={tmp_path / 'out'}",
        ],
    )
    study.require_playable(sweep.Sweep.open(config))
