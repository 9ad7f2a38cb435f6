"""Every command on every kind of task, through the console script, as small as can be: what one
kind needs, all commands must know.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import imageio.v3 as iio
import minari
import numpy as np
import pytest
import yaml

from latent_mpc.agent.build import make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.commands import demo, imagine, train
from latent_mpc.agent.evaluation import evaluate
from latent_mpc.agent.evaluation.imagination import pose
from latent_mpc.agent.evaluation.random_episodes import random_episodes
from latent_mpc.agent.heads.reader import ReaderConfig
from latent_mpc.agent.horizon import cost_quality, model_quality
from latent_mpc.agent.horizon.report import report, style, videos
from latent_mpc.envs.rollouts.reader import Rollouts
from tests.factories import look_again

pytestmark = pytest.mark.slow

SMALL = [
    "collect.episodes=6",
    "collect.workers=1",
    "training.steps=6",
    "training.batch=8",
    "training.horizon=3",
]
SMALL += [
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
    "model.width=4",
    "cost_to_go.hidden=16",
    "cost_to_go.metric=8",
]
SMALL += [
    "cost_to_go.steps=6",
    "cost_to_go.batch=16",
    "planner.samples=8",
    "planner.iterations=1",
    "planner.elites=4",
]
SMALL += ["planner.horizon=2", "validation_episodes=2", "probe.steps=4", "value.steps=4"]
SHORT = ["task.episode_steps=8", "task.control_period=0.1"]
NEAR = ("pairs.kind=same_trajectory", "pairs.offset=4")
PROPOSALS = [
    "proposals.samples=2",
    "proposals.steps=4",
    "proposals.batch=8",
    "proposals.hidden=8",
    "proposals.horizon=2",
]

ROBOT = """<mujoco><worldbody>{}<light pos="0 0 3"/><body><joint name="x" type="slide" axis="1 0 0" range="-1 1" limited="true"
damping="2"/><geom size=".1"/></body></worldbody><actuator><motor joint="x" gear="20" ctrlrange="-1 1" ctrllimited="true"/></actuator>
</mujoco>"""
CAMERA = '<camera name="{}" pos="0 -3 1" xyaxes="1 0 0 0 .3 1"/>'
MODULE = f"""
from dataclasses import dataclass
import gymnasium, mujoco
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.reacher import Reacher

class Cart(gymnasium.Env):
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self, xml):
        self.model = mujoco.MjModel.from_xml_string(xml)
        self.data = mujoco.MjData(self.model)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[0] = self.np_random.uniform(-0.8, 0.8)
        return self.data.qpos, {{}}

    def step(self, action):
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data, 10)
        return self.data.qpos, 0.0, False, False, {{}}

gymnasium.register("Blind-v0", Cart, kwargs={{"xml": {ROBOT.format("")!r}}})
gymnasium.register("Seen-v0", Cart, kwargs={{"xml": {ROBOT.format(CAMERA.format("front"))!r}}})

class Loaded(Reacher):
    def __init__(self, load: float = 0.0, **options):
        super().__init__(**options)
        self.model.body_mass[-1] += load

@dataclass
class LoadedConfig(TaskConfig):
    load: float = 0.5  # [kg]
"""
COST = """
from dataclasses import dataclass
from typing import ClassVar
from latent_mpc.agent.costs.cost import Cost
from tests.factories import look_again

@dataclass
class CityBlock(Cost):
    name: ClassVar[str] = "city_block"
    sharpness: float = 1.0

    def towards(self, networks, z_goal):
        return z_goal, lambda z, goal: self.sharpness * (z - goal).abs().mean(dim=-1)
"""
POINTS = (
    "[latent_mpc.tasks]\nloaded = conforming:Loaded\n[latent_mpc.configs]\nloaded ="
    " conforming:LoadedConfig\n"
)
POINTS += "[latent_mpc.costs]\ncity_block = conforming_costs:CityBlock\n"


@dataclass(frozen=True)
class Kind:
    """A kind of task, and how it is trained."""

    task: str
    settings: tuple[str, ...] = ()
    id: str = ""  # of a module that every command has to be allowed to import
    obs: str = "state"
    pairs: tuple[str, ...] = ()  # shorter episodes, where the task has long ones of its own

    @property
    def words(self) -> list[str]:
        return [
            f"task={self.task}",
            f"obs={self.obs}",
            *self.settings,
            *([f"task.id={self.id}"] if self.id else []),
        ]

    @property
    def trust(self) -> list[str]:
        return [f"task.id={self.id}"] if self.id else []


KINDS = {
    "own": Kind("reacher", ("task.action_repeat=2",), pairs=NEAR),
    "maze": Kind("pointmaze-open", pairs=NEAR),
    "gymnasium": Kind("gymnasium", ("task.episode_steps=8",), "conforming:Blind-v0"),
    "gymnasium-camera": Kind(
        "gymnasium",
        ("task.camera=front", "task.size=16", *SHORT),
        "conforming:Seen-v0",
        "state+pixels",
    ),
    "mjcf": Kind("mjcf", ("task.xml=blind.xml", *SHORT)),
    "mjcf-camera": Kind("mjcf", ("task.xml=seen.xml", "task.size=16", *SHORT), obs="pixels"),
    "plugin": Kind("loaded", ("task.load=0.2",), pairs=NEAR),
}
TRAINED_WITH = {"maze": PROPOSALS}
STUDIED_WITH_A_THIRD_COST = "maze"
# with and without a plane to draw costs over; elsewhere figures are not written
PICTURED = ("maze", "gymnasium")


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory: an installed package with environments and a task, two models. What
    only takes time is cut short.
    """
    folder = tmp_path_factory.mktemp("place")
    (folder / "conforming-1.0.dist-info").mkdir()
    (folder / "conforming-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: conforming\nVersion: 1.0\n"
    )
    (folder / "conforming-1.0.dist-info" / "entry_points.txt").write_text(POINTS)
    (folder / "conforming.py").write_text(MODULE)
    (folder / "conforming_costs.py").write_text(COST)
    (folder / "blind.xml").write_text(ROBOT.format(""))
    (folder / "seen.xml").write_text(ROBOT.format(CAMERA.format("observer")))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setenv("COLUMNS", "200")  # tables in one piece
        patch.setenv("MINARI_DATASETS_PATH", str(folder / "minari"))
        for module, name, value in (
            *((model_quality, "PROBE_STEPS", 4), (evaluate, "TIMED", 2)),
            *(
                (demo, "PICTURE", 32),
                (imagine, "PICTURE", 32),
                (pose, "CONFIG", ReaderConfig(hidden=8, steps=4)),
                (videos, "SCENE", 32),
                (cost_quality, "GOALS", 3),
                (cost_quality, "GRID", 6),
                (style, "DPI", 30),
            ),
        ):
            patch.setattr(module, name, value)
        look_again()
        yield folder
    forget()
    look_again()


def forget() -> None:
    """As in another process: nobody has imported the user's module."""
    sys.modules.pop("conforming", None)
    for name in ("Blind-v0", "Seen-v0"):
        gymnasium.registry.pop(name, None)


def latent_mpc(*arguments: str) -> None:
    forget()
    assert cli.main(arguments) == 0


def read(path: Path) -> dict[str, Any]:
    """Strict json: no NaN."""
    return json.loads(
        path.read_text(), parse_constant=lambda name: pytest.fail(f"{path} holds {name}")
    )


def check_rate(rate: Mapping[str, float]) -> None:
    assert 0 <= rate["low"] <= rate["rate"] <= rate["high"] <= 1


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def kind(name: str) -> Kind:
    return KINDS[name]


@pytest.fixture(scope="module")
def trained(name: str, kind: Kind, place: Path) -> Path:
    folder = place / name
    with pytest.MonkeyPatch.context() as patch:
        if name not in PICTURED:
            patch.setattr(train, "draw_curves", lambda folder: None)
        latent_mpc("train", *kind.words, *SMALL, *TRAINED_WITH.get(name, ()), f"out={folder}")
    return folder


@pytest.fixture(scope="module")
def evaluated(kind: Kind, trained: Path) -> Path:
    folder = trained.with_name(f"{trained.name}-evaluation")
    latent_mpc(
        "evaluate",
        f"checkpoint={trained}",
        *kind.trust,
        "episodes=2",
        "oracle=true",
        f"out={folder}",
    )
    return folder


@pytest.fixture(scope="module")
def studied(name: str, kind: Kind, trained: Path) -> Path:
    folder = trained.with_name(f"{trained.name}-study")
    words = [
        f"checkpoint={trained}",
        *kind.trust,
        *kind.pairs,
        "horizons=[2]",
        "episodes=2",
        "data_episodes=8",
        "camera.backend=ray",
    ]
    with pytest.MonkeyPatch.context() as patch:
        if name not in PICTURED:
            patch.setattr(report, "save", lambda figure, path: "data:,")
        # what is there is taken; workers that import the user's module are started for the others
        if not kind.id:
            parts = load_parts(trained)
            random_episodes(
                parts, make_task(parts.config), 8, 1000, folder / "episodes-1000", workers=1
            )
        own = ["cost=city_block", "cost.sharpness=2"] if name == STUDIED_WITH_A_THIRD_COST else []
        latent_mpc("horizon", *words, *own, f"out={folder}")
    return folder


def test_train(name: str, kind: Kind, trained: Path) -> None:
    result, config = (
        read(trained / "results.json"),
        yaml.safe_load((trained / "config.yaml").read_text()),
    )
    assert {"model.safetensors", "metrics.jsonl", "run.json"} <= {
        path.name for path in trained.iterdir()
    }
    assert (trained / "curves.png").exists() == (name in PICTURED)
    assert len(Rollouts(trained / "data")) == 6
    assert (
        result["obs"],
        result["episodes"],
        len(result["outcomes"]["end"]),
        config["task"]["name"],
    ) == (kind.obs, 2, 2, kind.task)
    assert set(config["spaces"]) == set(kind.obs.split("+"))
    check_rate(result["success_end"])
    assert result["listening"]["5"]["shuffled"] > 0


def test_collect(name: str, kind: Kind, place: Path) -> None:
    folder = place / f"{name}-rollouts"
    words = [word for word in kind.words if not word.startswith("task.action_repeat")]
    latent_mpc("collect", *words, "episodes=2", "workers=1", f"out={folder}")
    rollouts = Rollouts(folder)
    assert (len(rollouts), set(rollouts.keys)) == (2, {*kind.obs.split("+"), "action", "physics"})
    assert np.abs(rollouts.arrays["action"]).max() <= 1


def test_evaluate_with_the_oracle(kind: Kind, evaluated: Path) -> None:
    result = read(evaluated / "results.json")
    assert (result["obs"], result["episodes"], len(result["outcomes"]["end"])) == (kind.obs, 2, 2)
    for rate in (
        result["success_end"],
        result["oracle"]["success_end"],
        *result["floors"].values(),
    ):
        check_rate(rate)
    assert result["oracle"]["cached"] is False


def test_demo(name: str, kind: Kind, trained: Path, place: Path) -> None:
    latent_mpc(
        "demo",
        f"checkpoint={trained}",
        *kind.trust,
        *kind.pairs,
        "episodes=1",
        "camera.backend=ray",
        f"out={place / 'videos'}",
    )
    told = read(place / "videos" / f"{name}.json")
    assert (told["episodes"], told["reached"]) == (
        1,
        sum(goal["reached"] for goal in told["goals"]),
    )
    frames = iio.imread(place / "videos" / f"{name}.mp4")
    assert len(frames) > told["goals"][0]["steps"]
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 50


def test_imagine(kind: Kind, trained: Path, place: Path) -> None:
    out = place / "imagined"
    words = [f"checkpoint={trained}", *kind.trust, "steps=3", "episodes=1", "measured=2"]
    words += ["decoder.steps=4", "decoder.width=4", "camera.backend=ray", f"out={out}"]
    latent_mpc("imagine", *words, "what_if=other")
    result = read(out / f"imagine-{trained.name}-other.json")
    assert result["pictures"]["shown"] == ("decoded" if "pixels" in kind.obs else "drawn")
    assert len(result["pictures"]["imagined"]["psnr"]) == len(result["place"]["copy"]) == 3
    assert [row["steps"] for row in result["what_if"]] == [1, 3]
    frames = iio.imread(out / f"imagine-{trained.name}-other.mp4")
    assert frames.shape[1:] == (896, 960, 3) and frames.std() > 1
    kept = trained / ("decoder" if "pixels" in kind.obs else "pose")
    before = kept.with_suffix(".safetensors").read_bytes()
    latent_mpc("imagine", *words, "actions=plan")
    assert kept.with_suffix(".safetensors").read_bytes() == before, "fitted once"


def test_horizon(name: str, kind: Kind, trained: Path, studied: Path) -> None:
    result = read(studied / "horizon.json")
    assert (result["obs"], {one["horizon"] for one in result["success"]}) == (kind.obs, {2})
    assert {"horizon", "oracle", "replan", "samples", "cost"} <= {
        one["role"] for one in result["success"]
    }
    for one in result["success"]:
        check_rate(one["success_end"])
        assert len(one["end"]) == one["pairs"] == 2
    # of models' tasks only some of a goal counts
    parts = {"coordinates", "value"} if kind.task in ("gymnasium", "mjcf") else set()
    assert set(result["guidance"]["spearman"]) == {"cost_to_go", "latent", "city_block"} | parts
    chosen = yaml.safe_load((trained / "config.yaml").read_text())["cost"]["name"]
    assert chosen in {"cost_to_go"} | parts
    assert result["cost"] == ("city_block" if name == STUDIED_WITH_A_THIRD_COST else chosen)
    assert result["advice"]["horizon"] == 2
    if name in PICTURED:
        assert all(iio.imread(path).std() > 1 for path in (studied / "figures").glob("*.png"))
        assert (studied / "figures" / "landscape-city_block.png").exists() == (name == "maze")
    page = (studied / "report.html").read_text()
    assert "city block" in page
    videos = re.findall(r"data:video/mp4;base64,([^\"]+)", page)
    assert videos
    frames = iio.imread(base64.b64decode(videos[0]), extension=".mp4")
    assert len(frames) > 8
    assert frames.std() > 1


def test_inspect(
    kind: Kind, trained: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = place / "looked" / trained.name
    latent_mpc("inspect", str(trained / "data"), "--verify", f"out={out}")
    assert "every checksum holds" in capsys.readouterr().out
    assert any(iio.imread(path).std() > 1 for path in out.glob("*.png"))
    latent_mpc("inspect", str(trained))
    said = capsys.readouterr().out
    assert f'"name": "{kind.task}"' in said
    assert "not finite numbers" not in said


def test_export(name: str, trained: Path) -> None:
    latent_mpc("export", "minari", str(trained / "data"), f"name=conforming/{name}-v0")
    data = minari.load_dataset(f"conforming/{name}-v0")
    assert (data.total_episodes, data.total_steps) == (
        6,
        int(Rollouts(trained / "data").lengths.sum()),
    )


def test_compare(evaluated: Path, studied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    latent_mpc("compare", str(evaluated), str(evaluated / "results.json"))
    assert "+0.0 (+0.0 to +0.0)" in " ".join(capsys.readouterr().out.split())
    latent_mpc("compare", str(studied), str(studied / "horizon.json"))
    assert "H = 2" in capsys.readouterr().out


def test_tasks(kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    latent_mpc("tasks")
    (line,) = [
        line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == [kind.task]
    ]
    assert len(line.split()) > 1, "nothing is said of it"
