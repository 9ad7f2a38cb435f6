"""Commands that are printed can be pasted: a shell and our own command line read back what was
meant. And paths may be any text.
"""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from latent_mpc.agent.checkpoints import shipped
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.compose import compose_config, parse, read_words
from latent_mpc.configs.command_line import checkpoint_settings, setting, task_settings, write
from latent_mpc.configs.tasks import GymnasiumTask, MjcfTask, TaskConfig

PLAIN = [
    "größe",
    "größe/arm.xml",
    "机器人",
    "~/x",
    "#1",
    "a=b",
    "v[1]",
    "x(1)",
    "range(1)",
    "str(1)",
    "int(3)",
    "my robot",
    "it's",
    "a\\b",
    "[a",
]
PLAIN += [
    "null",
    "true",
    "1e3",
    "?",
    "a{1}",
    "==",
    "*",
    "$x",
    "&",
    ";",
    "a:b@c|d",
    "\u00a0",
    "naïve café",
    "arm (left), [x]".replace(",", ""),
]
QUOTED = ["a,b", "'", '"', "'a'", "'a", " a", "a ", "\\'", "'\\", "a,\\", "it's, or", ",'\\\\"]
ARM = """<mujoco><worldbody><body><joint name="{}" type="hinge" axis="0 1 0" range="-90 90" damping="1"/>
<geom type="capsule" size="0.02" fromto="0 0 0 0.2 0 0"/></body></worldbody>
<actuator><motor joint="{}" gear="1" ctrlrange="-1 1"/></actuator></mujoco>"""
SMALL = [
    "collect.episodes=6",
    "collect.workers=1",
    "model.hidden=16",
    "model.latent=8",
    "training.steps=6",
    "training.batch=8",
]
SMALL += [
    "training.horizon=3",
    "cost_to_go.steps=6",
    "probe.steps=2",
    "value.steps=2",
    "cost_to_go.batch=16",
    "planner.samples=8",
    "planner.iterations=1",
    "planner.elites=4",
]
SMALL += ["planner.horizon=3", "validation_episodes=2"]


def texts() -> st.SearchStrategy[str]:
    characters = st.characters(
        exclude_categories=["Cs"], exclude_characters="\0"
    ) | st.sampled_from("'\"\\,= ()[]{}:~#$\n")
    return st.text(characters, max_size=8).filter(lambda text: "${" not in text)


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_is_taken_as_it_is_typed(text: str) -> None:
    config = compose_config("collect", ["task=mjcf", f"task.xml={text}", f"out={text}"])
    assert config.out == config.task.xml == text.strip()


@pytest.mark.parametrize(
    ("typed", "held"),
    [("'a,b'", "a,b"), ('"a,b"', "a,b"), (r"'it\'s, or'", "it's, or"), ("' a'", " a"), ("''", "")],
)
def test_a_text_in_quotes_is_what_they_hold(typed: str, held: str) -> None:
    assert parse(f"out={typed}").value == held


@pytest.mark.parametrize("text", [*PLAIN, *QUOTED])
def test_a_text_that_is_written_is_read_back(text: str) -> None:
    read = parse(setting("out", text))
    assert (read.value if isinstance(read.value, str) else read.text) == text


@given(text=texts(), items=st.lists(texts(), max_size=3))
@example(text="'\\", items=["null", "NaN", "1", "a,b", "größe", "x:0.5", "-a"])
def test_what_is_written_is_read_back_by_the_shell_and_by_our_own_command_line(
    text: str, items: list[str]
) -> None:
    line = write("horizon", {"out": text, "reuse": items, "full": True, "seed": 3, "pairs": None})
    program, command, *words = shlex.split(line)
    assert (program, command) == ("latent-mpc", "horizon")
    out, reuse, full, seed, pairs = read_words(command, words)
    assert (out.value if isinstance(out.value, str) else out.text) == text
    assert [str(item) for item in reuse.value] == items
    assert (full.value, seed.value, pairs.value) == (True, 3, None)


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_written_plainly(text: str) -> None:
    assert setting("out", text) == (f"out={text}" if text == text.strip() else f"out='{text}'")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "out='it",
            (
                "cannot read \"out='it\": what begins with ' must end with it, any ' within"
                " written \\'"
            ),
        ),
        ("out=größe,b", "cannot take 'out=größe,b': one value at a time; quote text with commas"),
        (
            "out=choice(a,b)",
            "cannot take 'out=choice(a,b)': one value at a time; quote text with commas",
        ),
        ("seed=ö", "seed must be an integer, got 'ö'"),
        ("seed=(", "seed must be an integer, got '('"),
        ("seed=range(1)", "seed must be an integer, got 'range(1)'"),
        ("collect.patience=x(1)", "collect.patience must be a number, got 'x(1)'"),
        (
            "task.success=[größe:1]",
            (
                "task.success must be a list: [A,B], got '[größe:1]': ö must stand in quotes, like"
                " ['aöb']"
            ),
        ),
        (
            "task.success=['a(b',c=d]",
            (
                "task.success must be a list: [A,B], got '['a(b',c=d]': = must stand in quotes,"
                " like ['a=b']"
            ),
        ),
        ("data_skip=[ö]", "data_skip must be a list of integers like [3,5], got '[ö]'"),
        (
            "collect={episodes: ö}",
            "collect has keys of its own: write collect.KEY=VALUE, got '{episodes: ö}'",
        ),
        ("größe=1", "no key 'größe'; there are: "),
        ("task=größe", "no task 'größe'; there are: "),
        ("+größe=1", "cannot take '+größe=1': keys cannot be added"),
        ("task@x=reacher", "cannot take 'task@x=reacher': keys cannot be added, removed or moved"),
        ("=1", "cannot read '=1': write KEY=VALUE"),
        (
            "out=größe${oc.env:HOME}",
            "cannot take 'out=größe${oc.env:HOME}': interpolations such as ${…} are refused",
        ),
    ],
)
def test_what_is_no_value_of_its_key_is_answered_in_one_line(
    word: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "task=mjcf", "task.xml=x.xml", word]) == 2
    said = " ".join(
        capsys.readouterr()
        .err.removeprefix("latent-mpc: ")
        .replace("\"['", "'['")
        .replace(']"', "]'")
        .split()
    )
    assert said.startswith(message)


def test_lists_dicts_numbers_and_quotes_stay_what_they_are() -> None:
    words = [
        "task=mjcf",
        "task.success=['größe (1):0.1',b:0.2]",
        "collect={episodes: 3}",
        "seed=2",
        "task.control_period=1e-1",
    ]
    config = compose_config("train", words)
    assert (config.task.success, config.collect.episodes) == (["größe (1):0.1", "b:0.2"], 3)
    assert (config.seed, config.task.control_period) == (2, 0.1)
    assert parse("a={b: [1, 'x,y']}").value == {"b": [1, "x,y"]}


def test_an_interpolation_is_refused_as_a_bare_word_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", "${oc.env:HOME}"]) == 2
    assert "interpolations such as ${…} are refused" in capsys.readouterr().err


@dataclass
class OwnTask(TaskConfig):
    """A task of an installed package."""

    weights: list[int] = field(default_factory=lambda: [1])
    fast: bool = False


def test_of_a_task_what_was_chosen_is_written_and_no_default() -> None:
    assert task_settings(GymnasiumTask("gymnasium", id="m:A-v0", control_period=0.1)) == {
        "task": "gymnasium",
        "task.control_period": 0.1,
        "task.id": "m:A-v0",
    }
    assert task_settings(
        MjcfTask("mjcf", xml="a.xml", fingerprint="0", success=["x:1"], size=32)
    ) == {
        "task": "mjcf",
        "task.size": 32,
        "task.success": ["x:1"],
        "task.xml": "a.xml",
    }
    assert (
        write("train", task_settings(OwnTask("own", weights=[2, 3], fast=True)))
        == "latent-mpc train task=own 'task.weights=[2,3]' task.fast=true"
    )


def test_a_module_to_import_is_repeated_and_nothing_else() -> None:
    assert checkpoint_settings("a", "m:A-v0") == {"checkpoint": "a", "task.id": "m:A-v0"}
    assert checkpoint_settings("a", "A-v0") == checkpoint_settings("a", "") == {"checkpoint": "a"}


def test_a_folder_named_like_a_checkpoint_that_ships_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shipped.shipped()[0]
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shipped.SHIPPED / name, name)
    assert shipped.find_checkpoint(shipped.by_path(Path(name))).resolve() == tmp_path / name
    assert shipped.by_path(Path("runs/x")) == "runs/x"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The words of the commands that a successful call prints for what comes next."""
    capsys.readouterr()
    assert cli.main(list(words)) == 0, capsys.readouterr().err
    printed = [
        line.partition("latent-mpc ")[2]
        for line in capsys.readouterr().out.splitlines()
        if ": latent-mpc " in line
    ]
    assert len(printed) == 1
    return shlex.split(printed[0])


@pytest.mark.slow
def test_each_command_prints_one_that_goes_on_whatever_its_paths_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    monkeypatch.chdir(tmp_path)
    os.mkdir("my größe (1)")
    xml, out, run_ = "my größe (1)/arm #1, 'x'=[y].xml", "~/d,a", "runs/it's"
    Path(xml).write_text(ARM.format("a", "a"))
    model = [setting("task.xml", xml), "task.control_period=0.1", "task.episode_steps=12"]
    train = run(
        capsys, "collect", "task=mjcf", *model, "episodes=6", "workers=1", setting("out", out)
    )
    assert {"task.control_period=0.1", "task.episode_steps=12"} < set(train)
    verify = run(capsys, "inspect", out, "out=pictures")
    assert (verify, cli.main(verify)) == (["inspect", setting("path", out), "--verify"], 0)
    evaluate = run(capsys, *train, *SMALL, f"out={run_}")
    after = run(capsys, *evaluate, "episodes=1")
    assert after[0] == "horizon", "few goals are reached"
    again = run(capsys, "demo", *after[1:], "episodes=1", "camera.backend=ray")
    assert again == evaluate
    sweep = ["horizons=[1]", "episodes=1", "only=sweep", "oracle=false", "out=v[1] ü"]
    horizon = run(capsys, "horizon", f"checkpoint={run_}", *sweep)
    assert compose_config(horizon[0], horizon[1:]).reuse == ["v[1] ü"]


@pytest.mark.parametrize(
    "chosen",
    [
        {"task.success": ["a:0.3"], "task.actions": "absolute", "task.episode_steps": 12},
        {"task.seconds": 1.2, "task.camera": "view:0:0:1:2:90:-90", "task.size": 32},
        {"task.success": ["site:tip:0.1"], "task.action_repeat": 2},
    ],
)
def test_what_collect_prints_repeats_all_that_was_set_of_the_task_and_only_that(
    chosen: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    site = '<site name="tip" pos=".2 0 0"/></body>'
    Path("arm.xml").write_text(ARM.format("a", "a").replace("</body>", site, 1))
    model = {"task": "mjcf", "task.control_period": 0.1, "task.xml": "arm.xml", **chosen}
    words = [setting(key, value) for key, value in model.items()]
    printed = run(capsys, "collect", *words, "episodes=1", "workers=1", "out=data")
    assert set(printed) == {"train", *words, "obs=state", "data=data"}
    assert compose_config("train", printed[1:]).task == compose_config("train", words).task


def test_an_export_prints_the_command_that_trains_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.chdir(tmp_path)
    Path("my arm.xml").write_text(ARM.format("a", "a"))
    model = ["task=mjcf", "task.xml=my arm.xml", "task.control_period=0.1", "task.episode_steps=12"]
    run(capsys, "collect", *model, "episodes=6", "workers=1", "out=data")
    train = run(capsys, "export", "minari", "data", "name=me/arm-v0")
    assert {
        "task=mjcf",
        "task.xml=my arm.xml",
        "task.control_period=0.1",
        "obs=state",
        "data=minari:me/arm-v0",
    } == set(train[1:])
