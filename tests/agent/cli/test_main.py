"""The console script: what it says, what it refuses, and that saying it does not wait for torch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from latent_mpc.agent.checkpoints import shipped
from latent_mpc.agent.cli import help, run_command
from latent_mpc.agent.cli import main as cli
from latent_mpc.configs import hydra_groups
from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.configs.field_docs import listed
from latent_mpc.planners.algorithm import EXECUTE
from latent_mpc.planners.noise import INTERPOLATIONS
from tests.factories import refusal

HEAVY = ("torch", "hydra", "mujoco", "matplotlib")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder that says what its planner and cost were."""
    folder = tmp_path / "trained"
    folder.mkdir()
    (folder / "config.yaml").write_text(
        "planner: {name: mppi, horizon: 3, samples: 32}\ncost: {name: latent}\n"
    )
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["--version"],
        ["tasks"],
        ["train", "--help"],
        ["demo", "planner=mppi", "--help"],
    ],
)
def test_help_and_lists_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from latent_mpc.agent.cli.main import main; status = main(sys.argv[1:]);"
        f" heavy = [name for name in {HEAVY} if name + '.version' in sys.modules or"
        " hasattr(sys.modules.get(name), '__version__')]; sys.exit(f'imported: {heavy}' if heavy"
        " else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout


def test_alone_it_prints_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    for name in help.command_names():
        assert f"latent-mpc {name} " in out


@pytest.mark.parametrize("command", help.command_names())
def test_every_command_explains_itself_with_two_examples(command: str) -> None:
    summary, paragraph, examples = help.docstring(command)
    assert summary.endswith(".")
    assert paragraph
    assert len(examples) >= 2
    assert all(
        example.startswith(f"latent-mpc {command}") or command == "tasks" for example in examples
    )


def test_help_shows_meaning_unit_and_default_of_a_key() -> None:
    lines = help.command_help("train").splitlines()
    assert "  collect.episodes=800                rollouts to have in the end [episodes]" in lines
    assert (
        "  explore.steps=2000                  updates of world model and cost-to-go in a round"
        in lines
    )


def test_the_help_of_train_fits_on_two_screens_with_a_line_for_each_group() -> None:
    lines = help.command_help("train").splitlines()
    assert len(lines) <= 50
    assert (
        "  planner=cem                         17 keys: latent-mpc train planner=cem --help"
        in lines
    )
    assert (
        "  cost=cost_to_go                     7 keys: latent-mpc train cost=cost_to_go --help"
        in lines
    )
    assert not any(line.startswith("    planner.") for line in lines)


@pytest.mark.parametrize("command", help.command_names())
def test_no_line_of_a_help_is_longer_than_a_terminal_is_wide(command: str) -> None:
    groups = hydra_groups.groups(command) if command in hydra_groups.commands() else {}
    texts = [
        help.command_help(command),
        *(
            help.command_help(command, [f"{g}={c}"])
            for g in groups
            for c in hydra_groups.choices(g)
        ),
    ]
    assert [line for text in texts for line in text.splitlines() if len(line) > help.COLUMNS] == []


def test_a_group_that_is_named_shows_the_keys_of_its_choice_and_no_others() -> None:
    def keys(*arguments: str) -> list[str]:
        return re.findall(
            r"^ +([a-z_]+\.[a-z_]+)=", help.command_help("train", arguments), re.MULTILINE
        )

    assert {"planner.temperature", "planner.horizon"} <= set(keys("planner=mppi"))
    assert "planner.elites" not in keys("planner=mppi")
    assert all(key.startswith("planner.") for key in keys("planner=mppi", "obs=pixels"))
    assert {key.split(".")[0] for key in keys("planner=mppi", "cost=latent")} == {"planner", "cost"}
    assert keys("planner.samples=32") == keys("planner") == keys("planner=cem")
    assert (
        "planner=mppi                          choices: cem, gradient, hybrid, icem, mppi,"
        in help.command_help("train", ["planner=mppi"])
    )


def test_a_task_that_has_to_be_given_shows_what_all_tasks_have_in_common() -> None:
    keys = ("action_repeat=1", "size=64", "distractor=none", "distractor_share=0.2")
    common = [f"    task.{key} " for key in keys]
    for text in (help.command_help("train"), help.command_help("collect")):
        lines = [line for line in text.splitlines() if line.startswith("    task.")]
        assert [line[: len(start)] for line, start in zip(lines, common, strict=True)] == common
    assert "task.id=" not in help.command_help("train", ["task=???"])
    assert "task.id=" in help.command_help("train", ["task=gymnasium"])
    assert "task.xml=" in help.command_help("train", ["task=mjcf"])


def test_help_for_a_choice_that_there_is_not_is_answered_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refusal(capsys, "train", "planner=cme", "--help").startswith(
        "no planner 'cme'; there are: cem, gradient, "
    )


def test_choices_in_the_help_come_from_the_one_place_that_lists_them() -> None:
    shown = help.command_help("train")
    assert "  collect.behaviour.name=auto         auto | coloured | random | play\n" in shown
    assert "state | pixels | state+pixels" in help.command_help("train")
    assert [
        " | ".join(listed("latent_mpc.planners.algorithm", name))
        for name in ("EXECUTE", "INTERPOLATIONS")
    ] == [
        " | ".join(EXECUTE),
        " | ".join(INTERPOLATIONS),
    ]


@pytest.mark.parametrize("command", hydra_groups.commands())
def test_every_meaning_in_the_help_has_a_subject_and_every_list_of_choices_is_found(
    command: str,
) -> None:
    groups = hydra_groups.groups(command)
    texts = [
        help.command_help(command),
        *(
            help.command_help(command, [f"{g}={c}"])
            for g in groups
            for c in hydra_groups.choices(g)
        ),
    ]
    for line in (line for text in texts for line in text.splitlines()):
        assert not re.search(r"one of [A-Z]{2}", line), line
        assert not re.match(r"\s+[\w.]+=\S*\s+(of|for|at|by|to|the same|\[)\b", line), line


def test_help_shows_what_the_yaml_says_rather_than_the_default_of_the_dataclass() -> None:
    assert "pairs.seed=7 " in help.command_help("evaluate")
    assert "pairs.seed=1 " in help.command_help("demo")


@pytest.mark.parametrize("command", ["train", "evaluate", "demo", "collect"])
def test_every_key_in_the_help_has_its_meaning_beside_it(command: str) -> None:
    keys = [
        line
        for line in help.command_help(command).splitlines()
        if line.startswith("  ") and "=" in line.split()[0]
    ]
    assert keys
    assert [line for line in keys if len(line.split()) < 2] == []


def test_tasks_lists_tasks_and_the_checkpoints_that_ship(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", checkpoint.parent)
    assert cli.main(["tasks"]) == 0
    out = capsys.readouterr().out
    assert "  reacher " in out
    assert "  trained\n" in out


def test_an_unknown_command_is_answered_with_the_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (
        refusal(capsys, "trian")
        == f"no command 'trian'; there are: {', '.join(help.command_names())}"
    )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "planner.num_sample=3",
            "no key 'num_sample' in planner; there are: name, horizon, samples, ",
        ),
        ("planer.horizon=3", "no key 'planer'; there are: "),
        ("seed.x=3", "no key 'x' in seed: it is a single value"),
        (
            "planner=cme",
            (
                "no planner 'cme'; there are: cem, gradient, hybrid, icem, mppi,"
                " predictive_sampling, random"
            ),
        ),
        (
            "planner=3",
            (
                "no planner '3'; there are: cem, gradient, hybrid, icem, mppi, predictive_sampling,"
                " random"
            ),
        ),
        ("task=reachr", "no task 'reachr'; there are: "),
        ("planner.horizon=ten", "planner.horizon must be an integer, got 'ten'"),
        (
            "collect.behaviour.correlation=long",
            "collect.behaviour.correlation must be a number, got 'long'",
        ),
        ("planner.horizon=-1", "planner: horizon must be at least 0, got -1"),
        ("planner.samples=1", "planner: samples must be at least 2, got 1"),
        ("planner.name=mppi", "planner: name belongs to the group: write planner=mppi"),
        ("collect.episodes=0", "collect: episodes must be at least 1, got 0"),
        ("seed=-1", "seed must be at least 0, got -1"),
        ("obs=pixel", "obs must be one of state, pixels, state+pixels; got 'pixel'"),
        ("collect=3", "collect has keys of its own: write collect.KEY=VALUE, got '3'"),
        ("collect={episode: 3}", "no key 'episode' in collect; there are: episodes, "),
        (
            "out=${oc.env:HOME}",
            "cannot take 'out=${oc.env:HOME}': interpolations such as ${…} are refused",
        ),
        ("reacher", "cannot read 'reacher': write KEY=VALUE"),
        ("seed=(", "seed must be an integer, got '('"),
        ("seed=1,2", "cannot take 'seed=1,2': one value at a time"),
        ("+extra=1", "cannot take '+extra=1': keys cannot be added"),
        ("~seed", "cannot take '~seed': keys cannot be added, removed"),
        ("--seed=1", "no option '--seed=1'; settings are written KEY=VALUE"),
        ("_target_=os.system", "no key '_target_'; there are: "),
    ],
)
def test_a_wrong_setting_is_answered_in_one_line_with_what_would_do(
    capsys: pytest.CaptureFixture[str], argument: str, message: str
) -> None:
    assert refusal(capsys, "train", "task=reacher", argument).startswith(message)


def test_a_task_has_to_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "train").startswith("task must be given: task=NAME; there are: ")


def test_a_checkpoint_that_is_not_there_is_answered_with_those_that_ship(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert refusal(capsys, "evaluate", "checkpoint=nowhere").startswith(
        "no checkpoint 'nowhere': not a folder, and not one of the shipped: "
    )
    assert refusal(capsys, "evaluate").startswith("checkpoint must be given: ")
    assert (
        refusal(capsys, "evaluate", f"checkpoint={tmp_path}")
        == f"{tmp_path} is not a checkpoint: it holds no config.yaml"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "planner: {name: cme}",
            (
                "no planner 'cme'; there are: cem, gradient, hybrid, icem, mppi,"
                " predictive_sampling, random"
            ),
        ),
        ("planner: {name: cem, num_sample: 3}", "no key 'num_sample' in planner; there are: "),
        ("planner: {name: cem, execute: '${oc.env:HOME}'}", "interpolations are refused"),
        ("planner: cem", "planner must have a name, got 'cem'"),
        ("planner: [", "cannot be read: "),
        ("cem", "must hold keys and values, got str"),
    ],
)
def test_a_checkpoint_with_a_wrong_config_is_named(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, text: str, message: str
) -> None:
    (checkpoint / "config.yaml").write_text(text)
    said = refusal(capsys, "evaluate", f"checkpoint={checkpoint}")
    assert said.startswith(str(checkpoint / "config.yaml"))
    assert message in said


def raising(error: BaseException) -> object:
    def dispatch(arguments: list[str]) -> int:
        raise error

    return dispatch


# whatever they say: nobody wrote it for a user
FAULTS = (TypeError, ValueError, RuntimeError, NotImplementedError, RecursionError)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "latent-mpc: stopped\n"),
        (FileNotFoundError("no folder\nof that name"), 2, "latent-mpc: no folder of that name\n"),
        (
            PermissionError(13, "Permission denied", "runs"),
            2,
            "latent-mpc: runs: Permission denied\n",
        ),
        (
            LatentMPCError("size must be at least 16, got 3"),
            2,
            "latent-mpc: size must be at least 16, got 3\n",
        ),
        (
            UnknownNameError("no task 'x'; there are: reacher"),
            2,
            "latent-mpc: no task 'x'; there are: reacher\n",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            2,
            "latent-mpc: DefaultCPUAllocator: can't allocate memory\n",
        ),
        (MemoryError(), 2, "latent-mpc: MemoryError\n"),
        *(
            (
                kind("a bug in here"),
                1,
                f"latent-mpc: {kind.__name__}: a bug in here (a fault of latent-mpc",
            )
            for kind in FAULTS
        ),
        (
            KeyError("z"),
            1,
            (
                "latent-mpc: KeyError: 'z' (a fault of latent-mpc: LATENT_MPC_TRACEBACK=1 shows"
                " where; please report"
            ),
        ),
    ],
)
def test_whatever_is_raised_ends_in_one_line_and_its_own_status(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    line: str,
) -> None:
    monkeypatch.delenv(run_command.TRACEBACK, raising=False)
    monkeypatch.setattr(cli, "_dispatch", raising(error))
    assert cli.main(["train"]) == status
    assert capsys.readouterr().err.startswith(line)


def test_the_traceback_is_shown_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(run_command.TRACEBACK, "1")
    monkeypatch.setattr(cli, "_dispatch", raising(TypeError("a bug in here")))
    assert cli.main(["train"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_tasks_are_registered_in_gymnasium_by_importing_the_package() -> None:
    code = (
        "import latent_mpc, gymnasium; assert 'latent_mpc/Reacher-v0' in gymnasium.registry; import"
        " sys; assert 'mujoco' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_is_a_command_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "latent_mpc", "evaluate", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "latent-mpc: cannot read 'nowhere': write KEY=VALUE\n"


@pytest.mark.parametrize("own", [None, "ACTIVE"])
@pytest.mark.parametrize("module", ["latent_mpc", "latent_mpc.agent.cli.main"])
def test_threads_wait_asleep_unless_the_user_says_otherwise_and_that_is_so_before_torch_is_there(
    module: str, own: str | None
) -> None:
    """OpenMP reads the variable when torch loads it: the first import of torch is where it has to
    be set.
    """
    code = (
        "import os, runpy, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch':\n"
        "            sys.exit('torch finds ' + os.environ.get('OMP_WAIT_POLICY', 'nothing'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "sys.argv = ['latent-mpc', 'evaluate', 'checkpoint=reacher-pixels']\n"
        f"runpy.run_module('{module}', run_name='__main__')\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"} | (
        {"OMP_WAIT_POLICY": own} if own else {}
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stderr == f"torch finds {own or 'PASSIVE'}\n"


@pytest.mark.slow
def test_letters_that_the_terminal_has_not_are_escaped(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "latent_mpc",
        "collect",
        "task=reacher",
        "episodes=1",
        "workers=1",
        f"out={tmp_path / 'größe'}",
    ]
    done = subprocess.run(
        words, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0, done.stderr
    assert b"gr\\xf6\\xdfe" in done.stdout
