"""A checkpoint comes back bit-equal, and whatever is wrong with one is said in one line: nothing of
it is executed.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, build, make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_agent, load_parts, save_parts
from latent_mpc.agent.checkpoints.shipped import shipped
from latent_mpc.envs.registry import make

Edit = Callable[[dict[str, Any]], object]


def describe(**changes: Any) -> dict[str, Any]:
    """The config of a small checkpoint of Reacher."""
    task = make("reacher")
    config: dict[str, Any] = {
        "format": 2,
        "task": {"name": "reacher", "action_repeat": 1, "size": 64},
        "obs": "state",
        "seed": 0,
        "model": {
            "name": "jepa",
            "embedding": 8,
            "latent": 8,
            "history": 2,
            "hidden": 16,
            "width": 4,
        },
        "cost_to_go": {"hidden": 16, "metric": 8, "steps": 5, "learning_rate": 0.001},
        "planner": {"name": "cem", "horizon": 2, "samples": 16, "iterations": 2, "elites": 4},
        "cost": {"name": "cost_to_go", "running": 1.0},
        "spaces": {"state": list(task.observation()["state"].shape)},
        "actions": task.model.nu,
        "data": {"fingerprint": "0123456789abcdef", "episodes": 1},
    }
    return {**config, **changes}


def write(folder: Path, config: dict[str, Any]) -> Parts:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = build(config)
    save_parts(parts, folder)
    return parts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint on disk."""
    write(tmp_path / "checkpoint", describe())
    return tmp_path / "checkpoint"


def edit(folder: Path, change: Edit) -> None:
    """Change config.yaml."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    change(config)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def refused(folder: Path) -> str:
    """The one line with which loading is refused."""
    with pytest.raises((ValueError, KeyError, OSError)) as caught:
        load_agent(folder, device="cpu")
    message = str(caught.value.args[0])
    assert "\n" not in message
    assert len(message) < 500
    return message


def actions(agent: Agent) -> np.ndarray:
    """What it does first, towards three goals."""
    task = make("reacher")
    rng = np.random.default_rng(0)
    seen, goals = (
        [task.observation(task.draw_state(rng))["state"] for _ in range(3)] for _ in range(2)
    )
    agent.reset({"state": np.stack(goals)})
    return agent.act({"state": np.stack(seen)})


def test_a_checkpoint_comes_back_bit_equal_and_acts_alike(tmp_path: Path) -> None:
    parts = write(tmp_path / "a", describe())
    loaded = load_parts(tmp_path / "a")
    before, after = parts.modules().state_dict(), loaded.modules().state_dict()
    assert list(before) == list(after)
    assert all(
        torch.equal(before[name], after[name]) and before[name].stride() == after[name].stride()
        for name in before
    )
    assert loaded.config == parts.config == describe()
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.modules().parameters())
    for part in parts.modules().values():
        part.eval()
    assert np.array_equal(
        actions(make_agent(parts, seed=5)),
        actions(load_agent(tmp_path / "a", device="cpu", seed=5)),
    )
    save_parts(loaded, tmp_path / "b")
    for name in ("config.yaml", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "config.yaml",
        "model.safetensors",
    ]


def test_pixels_come_back_too_in_the_layout_that_convolutions_want(tmp_path: Path) -> None:
    parts = write(tmp_path, describe(obs="pixels", spaces={"pixels": [64, 64, 3]}))
    before, after = parts.modules().state_dict(), load_parts(tmp_path).modules().state_dict()
    assert all(
        torch.equal(before[name], after[name]) and before[name].stride() == after[name].stride()
        for name in before
    )


def test_loading_leaves_the_callers_planner_and_cost_to_choose(folder: Path) -> None:
    agent = load_agent(
        folder, device="cpu", planner={"name": "mppi", "samples": 8}, cost={"name": "latent"}
    )
    assert (
        type(agent.planner.algorithm).__name__,
        agent.planner.horizon,
        type(agent.cost).__name__,
    ) == ("MPPI", 2, "LatentCost")
    with pytest.raises(
        KeyError, match="no cost 'none'; there are: coordinates, cost_to_go, latent"
    ):
        load_agent(folder, cost={"name": "none"})
    with pytest.raises(KeyError, match="no key 'runing' in cost; there are: running, terminal"):
        load_agent(folder, cost={"name": "latent", "runing": 1})
    with pytest.raises(
        KeyError,
        match=(
            "no planner 'none'; there are: cem, gradient, hybrid, icem, mppi, predictive_sampling,"
            " random"
        ),
    ):
        load_agent(folder, planner={"name": "none"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c.update(format=3),
            "checkpoint format must be 2, got 3; train it again with this version",
        ),
        (lambda c: c.pop("format"), "checkpoint format must be 2, got None"),
        (lambda c: c.pop("model"), "no key 'model'; there are: actions, cost, "),
        (lambda c: c.pop("spaces"), "no key 'spaces'; there are: "),
        (
            lambda c: c["task"].pop("action_repeat"),
            "no key 'action_repeat' in task; there are: name, size",
        ),
        (lambda c: c["planner"].pop("horizon"), "no key 'horizon' in planner; there are: "),
        (
            lambda c: c["data"].pop("fingerprint"),
            "no key 'fingerprint' in data; there are: episodes",
        ),
        (lambda c: c.update(task="reacher"), "task must be keys and values, got 'reacher'"),
        (lambda c: c.update(actions="two"), "actions must be an integer, got 'two'"),
        (lambda c: c.update(actions=True), "actions must be an integer, got True"),
        (
            lambda c: c["task"].update(action_repeat=3),
            "actions must be a multiple of task.action_repeat, both at least 1, got 2 and 3",
        ),
        (
            lambda c: c.update(spaces={"sound": [3]}),
            "spaces must hold state: [S], pixels: [H, W, C] or both, got sound: [3]",
        ),
        (lambda c: c.update(spaces={"state": [-1]}), "spaces must hold state: [S], "),
        (lambda c: c["model"].update(hidden="wide"), "model.hidden must be an integer, got 'wide'"),
        (lambda c: c["model"].update(hidden=10**30), "sizes too large to build"),
        (
            lambda c: c.update(spaces={"pixels": [50, 50, 3]}),
            "pixels must be square with a side that is a multiple of 16, got (50, 50, 3)",
        ),
        (lambda c: c["model"].update(hidden=0), "model: hidden must be at least 1, got 0"),
        (
            lambda c: c["model"].update(_target_="os.system"),
            "no key '_target_' in model; there are: embedding, ",
        ),
        (
            lambda c: c["cost_to_go"].update(expectile=3),
            "cost_to_go: expectile must lie between 0 and 1, got 3",
        ),
        (
            lambda c: c["planner"].update(name="cme"),
            (
                "no planner 'cme'; there are: cem, gradient, hybrid, icem, mppi,"
                " predictive_sampling, random"
            ),
        ),
        (
            lambda c: c["planner"].update(num_sample=3),
            "no key 'num_sample' in planner; there are: ",
        ),
        (lambda c: c["planner"].update(samples=1), "planner: samples must be at least 2, got 1"),
        (lambda c: c["planner"].update(std="big"), "planner.std must be a number, got 'big'"),
        (
            lambda c: c["cost"].update(name="far"),
            "no cost 'far'; there are: coordinates, cost_to_go, latent",
        ),
        (lambda c: c["cost"].update(running=-1), "cost: running and terminal must be at least 0"),
        (
            lambda c: c.update(modle={}),
            "no key 'modle' in a checkpoint; there are: format, task, planner, cost, ",
        ),
        (
            lambda c: c.update({"task.name": "x"}),
            "no key 'task.name' in a checkpoint; there are: format, ",
        ),
        (lambda c: c.update({1: 2}), "no key 1 in a checkpoint; there are: format, "),
    ],
)
def test_a_config_that_does_not_do_is_refused_naming_the_key_and_what_would(
    folder: Path, change: Edit, message: str
) -> None:
    edit(folder, change)
    assert refused(folder).startswith(f"{folder / 'config.yaml'}: {message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["model"].update(hidden=17), "must be [17], is [16]"),
        # 4 TB: compared before they are asked for
        (lambda c: c["model"].update(hidden=10**6), "must be [1000000], is [16]"),
        (
            lambda c: c["cost_to_go"].update(metric=9),
            "cost_to_go.layers.6.bias must be [18], is [16]",
        ),
        (
            lambda c: c.update(spaces={"pixels": [64, 64, 3]}),
            "model.encoders.pixels.layers.1.bias is missing",
        ),
        (lambda c: c.update(actions=3), "must be [3], is [2]"),
    ],
)
def test_weights_that_do_not_fit_the_config_are_refused_naming_the_first(
    folder: Path, change: Edit, message: str
) -> None:
    edit(folder, change)
    said = refused(folder)
    assert said.startswith(f"{folder / 'model.safetensors'} does not fit its config.yaml: ")
    assert message in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("probe.0.bias"), "probe.0.bias is missing"),
        (lambda t: t.update(extra=torch.zeros(2)), "extra is not expected"),
        (
            lambda t: t.update({"probe.0.bias": torch.zeros(3)}),
            "probe.0.bias must be [128], is [3]",
        ),
        (
            lambda t: t.update({"probe.0.bias": torch.zeros(128, dtype=torch.int32)}),
            "probe.0.bias must be float32, is int32",
        ),
    ],
)
def test_tensors_that_are_missing_too_many_or_others_are_named(
    folder: Path, change: Edit, message: str
) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    assert (
        refused(folder) == f"{folder / 'model.safetensors'} does not fit its config.yaml: {message}"
    )


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_finite_are_refused_naming_the_first(
    folder: Path, value: float
) -> None:
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    tensors["probe.0.bias"][3] = value
    save_file(tensors, weights)
    assert (
        refused(folder)
        == f"{weights} must hold finite numbers, probe.0.bias does not; restore it from a copy or"
        " train again"
    )
    tensors["model.encoders.state.std"][0] = value
    save_file(tensors, weights)
    assert "model.encoders.state.std (and 1 more) does not" in refused(folder)
    assert load_parts(folder, finite=False).probe[0].bias[3].isfinite().logical_not()  # type: ignore[index]


def test_fields_that_came_later_are_at_their_default_and_sizes_that_do_not_fit_are_still_refused(
    folder: Path,
) -> None:
    edit(
        folder,
        lambda c: [
            c.update(versions={"torch": "0.1", "a robot": 3}),
            c["cost_to_go"].pop("steps"),
            c["cost"].pop("running"),
        ],
    )
    assert load_parts(folder).config["versions"] == {"torch": "0.1", "a robot": 3}
    edit(folder, lambda c: c["model"].pop("embedding"))
    assert "must be [64], is [8]" in refused(folder)


@pytest.mark.parametrize("name", shipped())
def test_every_checkpoint_that_ships_is_read(name: str) -> None:
    assert load_parts(name).config["format"] == 2


def test_missing_and_truncated_files_are_named(folder: Path, tmp_path: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        weights.write_bytes(whole[:size])
        assert refused(folder).startswith(f"{weights} is truncated or damaged: ")
    weights.unlink()
    assert (
        refused(folder)
        == f"{weights} is missing; the checkpoint is not whole, train it again with out={folder}"
    )
    (folder / "config.yaml").unlink()
    assert refused(folder) == f"{folder} is not a checkpoint: it holds no config.yaml"
    assert refused(tmp_path / "nowhere").startswith(
        f"no checkpoint '{tmp_path / 'nowhere'}': not a folder, and not one of the shipped: "
    )
    assert refused(Path("")).startswith(". is not a checkpoint")


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.mkdir [{}]",
        "a: !!python/object/new:os.mkdir\n- {}",
        "!!python/name:os.mkdir",
    ],
)
def test_a_python_tag_is_refused_and_nothing_is_executed(
    folder: Path, tmp_path: Path, text: str
) -> None:
    (folder / "config.yaml").write_text(text.replace("{}", str(tmp_path / "made")))
    said = refused(folder)
    assert said.startswith(
        f"{folder / 'config.yaml'} cannot be read: could not determine a constructor for the tag"
    )
    assert not (tmp_path / "made").exists()


def test_a_pickle_in_the_place_of_the_weights_is_refused_and_not_executed(
    folder: Path, tmp_path: Path
) -> None:
    class Mkdir:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.mkdir, (tmp_path / "made",)  # type: ignore[return-value]

    torch.save(Mkdir(), folder / "model.safetensors")
    assert refused(folder).startswith(f"{folder / 'model.safetensors'} is truncated or damaged: ")
    assert not (tmp_path / "made").exists()


def test_a_checkpoint_that_does_not_fit_its_task_is_refused(folder: Path) -> None:
    config = load_parts(folder).config

    def changed(**changes: Any) -> dict[str, Any]:
        return {**copy.deepcopy(config), **changes}

    assert make_task(config).name == "reacher"
    maze = {"name": "pointmaze-open", "action_repeat": 1, "size": 64}
    with pytest.raises(
        ValueError, match=r"does not fit pointmaze-open: state must be \[5\], the task gives \[4\]"
    ):
        make_task(changed(task=maze))
    with pytest.raises(
        ValueError, match="does not fit reacher: an action block must have 2 numbers, it has 4"
    ):
        make_task(changed(task={**config["task"], "action_repeat": 2}))
    with pytest.raises(KeyError, match="no task 'reachr'; there are: .*reacher"):
        make_task(changed(task={**maze, "name": "reachr"}))


Damage = tuple[str, list[tuple[float, int]], float]
DAMAGE = st.tuples(
    st.sampled_from(["config.yaml", "model.safetensors"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    st.sampled_from([1.0, 1.0, 1.0, 0.0, 0.3, 0.9]),
)


@pytest.mark.slow
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=DAMAGE, early=st.booleans())
def test_random_damage_is_refused_in_one_line_or_does_no_harm(
    folder: Path, tmp_path: Path, damage: Damage, early: bool
) -> None:
    name, bytes_, kept = damage
    copied = tmp_path / "damaged"
    shutil.copytree(folder, copied, dirs_exist_ok=True)
    content = bytearray((folder / name).read_bytes())
    span = min(len(content), 2000) if early else len(content)  # the header stands at the beginning
    for at, value in bytes_:
        content[int(at * span)] = value
    (copied / name).write_bytes(content[: int(kept * len(content))])
    try:
        parts = load_parts(copied)
        make_agent(parts)
        make_task(parts.config)
    except (ValueError, KeyError, OSError) as error:
        message = error.args[0]
        assert " " in message
        assert "\n" not in message
    (copied / name).unlink()
