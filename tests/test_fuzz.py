"""Damaged and forged rollouts, settings, checkpoints and runs: one line and its status, never a
traceback, never code executed.

300 cases; as many as FUZZ says, and other ones every time, with `make fuzz`.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latent_mpc.agent.checkpoints.checkpoint import save_parts
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.training.pipeline import describe, initialise
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.format import index_line, meta_file

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("FUZZ", "300"))
SMALL = [
    "task=reacher",
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
    "cost_to_go.hidden=16",
    "planner.samples=16",
]
# [bytes] of addresses: what asks for more is refused by the system, not by the reaper
MEMORY = 6 * 2**30
EXECUTED = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "pickle.find_class",
    "socket.connect",
)
CODE = [
    "!!python/object/apply:os.mkdir [made]",
    "!!python/name:os.system",
    "${oc.env:HOME}",
    "__import__('os').mkdir('made')",
]
TEXTS = [
    "",
    "x",
    "../../etc",
    "reacher",
    "cem",
    "a b",
    "\0",
    "[",
    "{",
    "*a",
    "&a",
    "x" * 300,
    "1e400",
    "_target_",
    *CODE,
]
NUMBERS = [0, -1, 1, 3, 2**31, 2**63, 10**30, 1.5, -0.1, 1e308, float("nan"), float("inf")]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, False, *NUMBERS, *TEXTS]) | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "shape", "dtype", "seed", "x", "_target_"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
BYTES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)
KEPT = st.sampled_from([1.0, 1.0, 1.0, 0.0, 0.3, 0.9])
heard: list[str] = []
listening = False


def _hear(event: str, _: object) -> None:
    if listening and event in EXECUTED:
        heard.append(event)


sys.addaudithook(_hear)


def cases(share: float) -> Any:
    """Settings of one test, which has that share of all cases."""
    slow = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=max(1, int(share * CASES)),
        deadline=None,
        derandomize=CASES == 300,
        suppress_health_check=slow,
        database=None,
    )


@pytest.fixture(autouse=True)
def bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Little memory, and a folder of its own as the current one."""
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fuzz") / "rollouts"
    collect(
        "reacher",
        {"size": 16},
        ("pixels", "state"),
        BehaviourConfig(),
        3,
        0,
        path,
        workers=1,
        progress=False,
        steps=5,
    )
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fuzz") / "checkpoint"
    parts = initialise(describe(compose_config("train", SMALL), make("reacher")), 0)
    parts.config |= {"data": {"fingerprint": "0" * 16}, "versions": {}}
    save_parts(parts, path)
    return path


@pytest.fixture(scope="module")
def run(rollouts: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was begun."""
    path = tmp_path_factory.mktemp("fuzz") / "run"
    short = [
        "training.horizon=1",
        "training.steps=1",
        "training.batch=4",
        "cost_to_go.steps=1",
        "validation_episodes=1",
    ]
    assert cli.main([*train(rollouts, path), *short, "probe.steps=1", "planner.iterations=1"]) == 0
    (path / "results.json").unlink()
    return path


def train(data: Path, out: Path) -> list[str]:
    """Windows of 1000 steps fit into no episode, so that it never comes to training."""
    return ["train", *SMALL, "device=cpu", f"data={data}", f"out={out}", "training.horizon=1000"]


def survives(capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
    """Done, or refused in one line; nothing was executed."""
    global listening
    heard.clear()
    listening = True
    try:
        with warnings.catch_warnings():
            # numbers that overflow are to be refused, not computed with
            warnings.simplefilter("error", RuntimeWarning)
            status = cli.main(list(arguments))
    finally:
        listening = False
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert status in (0, 2), err
    if status:
        # but a progress bar that had not begun to move
        told = [line for line in err.splitlines() if "-:--:--" not in line]
        assert len(told) == 1 and told[0].startswith("latent-mpc: "), err
    assert heard == []
    assert not Path("made").exists()


def put(tree: Any, path: list[int], value: Any) -> Any:
    """The tree with another value at a place that the numbers lead to."""
    if not path or not isinstance(tree, (dict, list)) or not tree:
        return value
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = keys[path[0] % len(keys)]
    changed = dict(tree) if isinstance(tree, dict) else list(tree)
    changed[key] = put(tree[key], path[1:], value)
    return changed


def damage(file: Path, changes: list[tuple[float, int]], kept: float, early: bool) -> None:
    content = bytearray(file.read_bytes())
    span = min(len(content), 2000) if early else len(content)  # headers stand at the beginning
    for at, value in changes if content else []:
        content[int(at * span)] = value
    file.write_bytes(content[: int(kept * len(content))])


def fresh(source: Path) -> Path:
    """A copy in the current folder."""
    shutil.rmtree("copy", ignore_errors=True)
    shutil.copytree(source, "copy")
    return Path("copy")


PLACE = st.lists(st.integers(0, 30), min_size=1, max_size=5)


@pytest.mark.slow
@cases(0.4)
@given(data=st.data())
def test_damaged_and_forged_rollouts(
    rollouts: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    folder = fresh(rollouts)
    names = sorted(path.name for path in folder.iterdir() if path.name != "rollouts.lock")
    kind = data.draw(st.sampled_from(["bytes", "bytes", "meta", "meta", "index", "missing"]))
    name = data.draw(st.sampled_from(names))
    if kind == "bytes":
        damage(folder / name, data.draw(BYTES), data.draw(KEPT), data.draw(st.booleans()))
    elif kind == "missing":
        (folder / name).unlink()
    elif kind == "meta":  # with a checksum that holds
        meta = {
            key: value
            for key, value in json.loads((folder / "meta.json").read_text()).items()
            if key != "crc32"
        }
        forged = put(meta, data.draw(PLACE), data.draw(VALUES))
        if isinstance(forged, dict):
            (folder / "meta.json").write_bytes(meta_file(forged))
    else:
        lines = data.draw(
            st.lists(
                st.tuples(*[st.integers(-1, 10) | st.sampled_from([2**31, 10**12])] * 3), max_size=3
            )
        )
        (folder / "episodes.index").write_bytes(
            b"".join(
                index_line(offset, length, number, [0] * 4) for offset, length, number in lines
            )
        )
    if data.draw(st.integers(0, 4)):  # mostly, for Hydra's composing takes 0.2 s
        survives(
            capsys,
            "inspect",
            "copy",
            "out=pictures",
            *data.draw(st.sampled_from([["--verify"], []])),
        )
    else:
        survives(capsys, *train(folder, Path("run")))


@cases(0.2)
@given(data=st.data())
def test_mutated_settings(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    command = data.draw(st.sampled_from(["train", "collect", "evaluate", "demo", "inspect"]))
    Path("file").touch()
    group = [
        "task",
        "model",
        "training",
        "cost_to_go",
        "planner",
        "cost",
        "collect",
        "behaviour",
        "pairs",
        "camera",
        "data",
    ]
    field = [
        "name",
        "seed",
        "size",
        "steps",
        "batch",
        "horizon",
        "samples",
        "episodes",
        "hidden",
        "correlation",
        "rest",
        "std",
        "obs",
        "workers",
    ]
    field += [
        "patience",
        "action_repeat",
        "latent",
        "history",
        "checkpoint",
        "device",
        "data_skip",
        "verify",
        "path",
        "oracle",
        "kind",
        "offset",
    ]
    keys = st.sampled_from(group + field) | st.builds(
        "{}.{}".format, st.sampled_from(group), st.sampled_from(field)
    )
    values = (
        st.sampled_from([*TEXTS, "[1,2]", "{a: 1}", "true", "null", "'a,b'", "mppi", "pixels"])
        | st.sampled_from(NUMBERS).map(str)
        | st.text(max_size=6)
    )
    words = data.draw(
        st.lists(
            st.builds("{}{}{}".format, keys, st.sampled_from(["=", "=", "=", "", "=="]), values),
            min_size=1,
            max_size=3,
        )
    )
    needed = {
        "train": ["task=reacher", "device=cpu", "data=nowhere"],
        "collect": ["task=reacher"],
        "inspect": ["path=nowhere"],
    }
    last = needed.get(
        command,
        [
            f"checkpoint={checkpoint}",
            "device=cpu",
            *(["camera.backend=ray"] if command == "demo" else []),
        ],
    )
    # where nothing can be written, so that nothing is begun
    survives(capsys, command, *words, *last, "out=file/beneath")


@cases(0.3)
@given(data=st.data())
def test_damaged_and_forged_checkpoints(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    folder = fresh(checkpoint)
    kind = data.draw(st.sampled_from(["bytes", "config", "config", "text", "weights"]))
    if kind == "bytes":
        name = data.draw(st.sampled_from(["config.yaml", "model.safetensors"]))
        damage(folder / name, data.draw(BYTES), data.draw(KEPT), data.draw(st.booleans()))
    elif kind == "config":
        config = put(
            yaml.safe_load((folder / "config.yaml").read_text()),
            data.draw(PLACE),
            data.draw(VALUES),
        )
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    elif kind == "text":
        lines = (folder / "config.yaml").read_text().splitlines()
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = (
            lines[at].partition(":")[0]
            + ": "
            + data.draw(st.sampled_from(TEXTS) | st.text(max_size=8))
        )
        (folder / "config.yaml").write_text("\n".join(lines), encoding="utf-8", errors="replace")
    else:  # a forged header of safetensors
        content = (folder / "model.safetensors").read_bytes()
        size = int.from_bytes(content[:8], "little")
        header = json.dumps(
            put(json.loads(content[8 : 8 + size]), data.draw(PLACE), data.draw(VALUES))
        ).encode()
        (folder / "model.safetensors").write_bytes(
            len(header).to_bytes(8, "little") + header + content[8 + size :]
        )
    Path("file").touch()
    if data.draw(st.integers(0, 4)):  # mostly, for Hydra's composing takes 0.2 s
        survives(capsys, "inspect", "copy")
    else:
        survives(
            capsys, "evaluate", "checkpoint=copy", "episodes=1", "device=cpu", "out=file/beneath"
        )


@cases(0.1)
@given(data=st.data())
def test_damaged_and_forged_runs(
    run: Path, rollouts: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    folder = fresh(run)
    names = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.lock"
    )
    name = data.draw(st.sampled_from(names))
    if name == "run.json" and data.draw(st.booleans()):
        forged = put(json.loads((folder / name).read_text()), data.draw(PLACE), data.draw(VALUES))
        (folder / name).write_text(json.dumps(forged))
    else:
        damage(folder / name, data.draw(BYTES), data.draw(KEPT), data.draw(st.booleans()))
    if data.draw(st.booleans()):
        (folder / "results.json").write_text(json.dumps(data.draw(VALUES)))
    survives(capsys, *train(rollouts, folder))


@pytest.mark.parametrize("text", ["a: &a [x, x]\nb: [*a, *a]\n", "a: &a [*a]\n"])
def test_a_config_with_aliases_is_refused(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (fresh(checkpoint) / "config.yaml").write_text(text)
    assert cli.main(["inspect", "copy"]) == 2
    assert (
        capsys.readouterr().err
        == "latent-mpc: copy/config.yaml cannot be read: it must not hold aliases (*NAME)\n"
    )
