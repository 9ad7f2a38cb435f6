"""docs/your-environment.md does what it says: its class trains as printed, and nothing is imported
behind anybody's back.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest
import yaml

from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs import registry
from latent_mpc.envs.reacher import Reacher
from tests.factories import look_again

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "your-environment.md").read_text(encoding="utf-8")
SMALL = [
    "collect.episodes=4",
    "collect.workers=1",
    "model.hidden=16",
    "model.latent=8",
    "training.steps=4",
    "training.batch=8",
    "training.horizon=3",
]
SMALL += [
    "cost_to_go.steps=4",
    "probe.steps=5",
    "value.steps=5",
    "cost_to_go.batch=16",
    "planner.samples=8",
    "planner.iterations=1",
    "planner.elites=4",
    "validation_episodes=2",
]


def test_the_class_on_the_page_has_at_most_25_lines_and_trains_evaluates_and_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    train, demo = re.findall(r"^PYTHONPATH=\. latent-mpc (.*)$", PAGE, re.MULTILINE)
    assert len([line for line in code.splitlines() if line.strip()]) <= 25
    (tmp_path / "my_robot.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # what PYTHONPATH=. does
    monkeypatch.setitem(sys.modules, "my_robot", None)  # so that it is as before, afterwards
    monkeypatch.delitem(sys.modules, "my_robot")

    assert cli.main([*train.split(), *SMALL]) == 0
    assert "reached: x within 0.1 m  (task.success='[x:0.1]')" in capsys.readouterr().out
    task = yaml.safe_load(Path("runs/cart/config.yaml").read_text())["task"]
    assert (task["id"], task["success"], task["action_repeat"]) == (
        "my_robot:Cart-v0",
        ["x:0.1"],
        1,
    )
    assert json.loads(Path("runs/cart/results.json").read_text())["distance_end"]["unit"] == "tol"

    monkeypatch.delitem(sys.modules, "my_robot")  # as in another process
    monkeypatch.delitem(gymnasium.registry, "Cart-v0")
    alone, repeated = demo.split()[:-1], [*demo.split(), "episodes=1", "camera.backend=ray"]
    assert cli.main(alone) == 2
    assert capsys.readouterr().err.startswith(
        "latent-mpc: the checkpoint wants the Python module 'my_robot' imported, which runs its"
        " code"
    )
    assert "my_robot" not in sys.modules
    assert cli.main(repeated) == 0
    assert Path("videos/cart.mp4").stat().st_size > 1000


def test_the_commands_of_the_table_compose() -> None:
    commands = re.findall(r"\| `latent-mpc train (.*?)`", PAGE)
    assert len(commands) == 4
    for command in commands:
        task = compose_config("train", shlex.split(command)).task
        assert not hasattr(task, "xml") or (ROOT / task.xml).is_file()


def test_the_keys_on_the_page_are_those_of_the_config() -> None:
    keys = set(re.findall(r"`((?:task|collect)\.[a-z_.]+)", PAGE))
    assert {"task.success", "task.control_period", "collect.behaviour.correlation"} <= keys
    of_files = {"task.xml", "task.actions"}
    for key in keys - {"task.name"}:
        config = compose_config("train", ["task=mjcf" if key in of_files else "task=gymnasium"])
        for part in key.split("."):
            config = getattr(config, part)


MINE = """
from dataclasses import dataclass
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.reacher import Reacher
from tests.factories import look_again
from tests.factories import look_again

class Heavy(Reacher):
    def __init__(self, load: float = 0.0, **options):
        super().__init__(**options)
        self.load = load

@dataclass
class HeavyConfig(TaskConfig):
    load: float = 0.5  # [kg]
"""
POINTS = """
[latent_mpc.tasks]
heavy = mine:Heavy
plain = mine:Heavy
odd = mine:Heavy
lost = mine:Lost
[latent_mpc.configs]
heavy = mine:HeavyConfig
odd = mine:Heavy
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package `mine` with tasks of its own, one of them with settings."""
    package = tmp_path / "mine-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(POINTS)
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    look_again()
    yield
    look_again()
    sys.modules.pop("mine", None)


@pytest.mark.usefixtures("installed")
def test_a_task_of_an_installed_package_is_found_by_its_entry_point(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert isinstance(registry.make("plain", size=16), Reacher)
    with pytest.raises(
        KeyError,
        match=(
            "no task 'other'; there are: gymnasium, heavy, lost, mjcf, odd, plain, pointmaze-giant"
        ),
    ):
        registry.make("other")
    with pytest.raises(
        ValueError,
        match="the entry point lost of latent_mpc.tasks must be importable, got mine:Lost",
    ):
        registry.make("lost")
    config = compose_config("collect", ["task=plain", "task.size=32"])
    assert (config.task.name, config.task.size) == ("plain", 32)
    assert cli.main(["tasks"]) == 0
    assert "  plain                Of the package mine.\n" in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
def test_it_brings_its_settings_too(capsys: pytest.CaptureFixture[str]) -> None:
    config = compose_config("train", ["task=heavy", "task.load=2"])
    assert vars(config.task) == {**vars(TaskConfig("heavy")), "load": 2.0}
    assert registry.make("heavy", **config.task.options()).load == 2.0  # type: ignore[attr-defined]
    assert cli.main(["train", "task=heavy", "--help"]) == 0
    assert "  task.load=0.5" in capsys.readouterr().out
    with pytest.raises(ValueError, match="task.load must be a number, got 'much'"):
        compose_config("train", ["task=heavy", "task.load=much"])
    with pytest.raises(
        KeyError, match="no key 'load' in task; there are: name, action_repeat, size"
    ):
        compose_config("train", ["task=plain", "task.load=2"])
    with pytest.raises(
        ValueError,
        match=(
            "the entry point odd of latent_mpc.configs must be a subclass of"
            " latent_mpc.configs.tasks.TaskConfig"
        ),
    ):
        compose_config("train", ["task=odd"])
