"""Keyword arguments of an environment: plain data, files by absolute paths and hashes, refused in
one line where they are not.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from gymnasium.envs.mujoco import mujoco_env

from latent_mpc.agent.build import make_task
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.configs.command_line import task_settings, write
from latent_mpc.configs.keyword_arguments import fingerprint, plain_arguments, require_hashed
from latent_mpc.configs.structured import from_values
from latent_mpc.configs.tasks import GymnasiumTask
from latent_mpc.envs import registry

OPEN: dict[str, Any] = {"control_period": 0.04, "episode_steps": 20, "success": ["slider:0.1"]}


def test_a_file_is_named_by_its_absolute_path_and_everything_else_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.xml").write_text("<mujoco/>")
    given = {"xml_file": "my.xml", "own": "ant.xml", "range": [0.1, [2, None]], "on": True}
    plain = plain_arguments(given)
    assert plain == given | {"xml_file": str(tmp_path / "my.xml")}
    before = fingerprint(plain)
    assert len(before) == 16
    assert fingerprint({"own": "ant.xml", "n": 3}) == ""
    Path("my.xml").write_text("<mujoco model='b'/>")
    assert fingerprint(plain) != before
    with pytest.raises(
        FileNotFoundError, match=r"no file './none.xml', which task.kwargs.xml_file"
    ):
        fingerprint({"xml_file": "./none.xml"})


@pytest.mark.parametrize(
    "kwargs", [{"_target_": "os.system"}, {"a b": 1}, {"a": {"b": 1}}, {"a": [{}]}]
)
def test_what_is_no_plain_data_is_refused(kwargs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"task.kwargs"):
        plain_arguments(kwargs)


def test_the_command_line_reads_them_and_writes_what_it_reads() -> None:
    words = [
        "task=gymnasium",
        "task.id=Ant-v5",
        "task.kwargs={n: 3, on: true, range: [0.1, 'a b']}",
    ]
    config = compose_config("collect", [*words, "task.kwargs.more=x"])
    assert config.task.kwargs == {"n": 3, "on": True, "range": [0.1, "a b"], "more": "x"}
    settings = task_settings(config.task)
    again = compose_config(
        "collect", [f"{key}={value}" for key, value in read(write("c", settings))]
    )
    assert again.task == config.task
    values = {"name": "gymnasium", "id": "Ant-v5", "kwargs": config.task.kwargs}
    assert from_values(GymnasiumTask, values, "task").kwargs == config.task.kwargs
    with pytest.raises(ValueError, match="must not hold interpolations"):
        from_values(GymnasiumTask, {"kwargs": {"a": "${oc.env:HOME}"}}, "task")


def read(command: str) -> list[list[str]]:
    return [word.split("=", 1) for word in shlex.split(command)[2:]]


def test_the_environment_gets_them_and_a_changed_file_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    source = Path(mujoco_env.__file__).parent / "assets" / "inverted_pendulum.xml"
    own = tmp_path / "own.xml"
    own.write_text(source.read_text().replace('name="slider"', 'name="slider" damping="7"'))
    monkeypatch.chdir(tmp_path)
    kwargs = {"xml_file": "own.xml"}
    task = registry.make("gymnasium", id="InvertedPendulum-v5", kwargs=kwargs, **OPEN)
    assert task.model.dof_damping[0] == 7.0
    stored = task.settings()
    assert stored["kwargs"] == {"xml_file": str(own)}
    monkeypatch.chdir("/")
    assert registry.make("gymnasium", **stored).model.dof_damping[0] == 7.0
    own.write_text(own.read_text() + "\n")
    with pytest.raises(
        ValueError, match="the files that task.kwargs names must have the fingerprint"
    ):
        registry.make("gymnasium", **stored)


def test_a_checkpoint_opens_no_file_of_which_it_does_not_say_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<mujoco/>")
    kwargs = {"xml_file": str(tmp_path / "a.xml")}
    with pytest.raises(ValueError, match="name a file and no fingerprint of it"):
        make_task({"task": {"name": "gymnasium", "id": "Ant-v5", "kwargs": kwargs}, "spaces": {}})
    require_hashed(kwargs, "0")
    require_hashed({"n": 3}, "")


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ("{xml_fil: a.xml}", "must be arguments that the environment takes, got xml_fil: "),
        ("{xml_file: none.xml}", "files that task.kwargs names must be here, or where"),
        ("{xml_file: ./none.xml}", "no file './none.xml', which task.kwargs.xml_file names"),
        ("{a: {b: 1}}", "task.kwargs.a must be a number, a text or a list of them"),
        ("3", "task.kwargs has keys of its own"),
    ],
)
def test_wrong_arguments_end_with_one_line_and_status_2(
    kwargs: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["collect", "task=gymnasium", "task.id=Ant-v5", f"task.kwargs={kwargs}"]
    assert cli.main([*words, f"out={tmp_path / 'out'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
