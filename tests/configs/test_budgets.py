"""One word scales a training; what the user sets stays."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from latent_mpc.agent.cli.commands.train import run_note, same_run
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.configs import budgets, hydra_groups
from latent_mpc.configs.schema import TrainConfig
from tests.factories import refusal


def train(*words: str) -> TrainConfig:
    return compose_config("train", ["task=reacher", *words])


def scaled(config: TrainConfig) -> dict[str, int]:
    """All sizes that a budget scales, by key."""
    flat = run_note(asdict(config))
    return {key: flat[key] for key in budgets.sizes(hydra_groups.heads()) if key in flat}


def test_quick_scales_episodes_updates_landmarks_and_pairs_together() -> None:
    # by hand: half of 800, a quarter of 6000 each, half of 2000, a quarter of 100
    quick = train("budget=quick")
    sizes = quick.collect.episodes, quick.training.steps, quick.validation_episodes
    assert sizes == (400, 1500, 25)
    head = quick.cost_to_go  # type: ignore[attr-defined]
    assert (head.steps, head.landmarks) == (1500, 1000)
    assert (quick.explore.episodes, quick.explore.steps) == (100, 500)


def test_the_updates_of_every_head_are_among_what_is_scaled() -> None:
    fields = {
        head: [field.name for field in hydra_groups.part_fields(head, "default")]
        for head in hydra_groups.heads()
    }
    assert {f"{head}.steps" for head, names in fields.items() if "steps" in names} <= set(
        scaled(train())
    )


def test_a_longer_word_never_means_less_and_what_is_left_out_stays_out() -> None:
    quick, default, long = (
        scaled(train(f"budget={name}")) for name in ("quick", "default", "long")
    )
    assert scaled(train()) == default
    for key, usual in default.items():
        if usual:
            assert 1 <= quick[key] < usual < long[key], key
        else:
            assert quick[key] == usual == long[key] == 0, key


def test_what_is_right_for_one_task_is_scaled_too() -> None:
    giant = compose_config("train", ["task=pointmaze-giant", "budget=quick"])
    disc = compose_config("train", ["task=tabletop-disc", "budget=quick"])
    assert (giant.cost_to_go.landmarks, giant.cost_to_go.clamp) == (2000, 400)
    assert (disc.cost_to_go.steps, disc.cost_to_go.landmarks) == (125, 0)


@pytest.mark.parametrize("first", [True, False])
def test_what_the_user_sets_is_taken_as_it_is_wherever_it_stands(first: bool) -> None:
    words = ["training.steps=77", "collect={episodes: 3}", "budget.landmarks=0.25"]
    config = train(*(["budget=quick", *words] if first else [*words, "budget=quick"]))
    assert (config.training.steps, config.collect.episodes) == (77, 3)
    assert config.cost_to_go.landmarks == 500  # type: ignore[attr-defined]
    assert config.budget.name == "quick"


def test_a_small_size_stays_at_least_one() -> None:
    config = OmegaConf.create(
        {
            "budget": {"episodes": 0.1, "updates": 0.1, "landmarks": 0.1, "validation": 0.1},
            "validation_episodes": 2,
            **{part: {"steps": 3, "episodes": 4} for part in ("training", "explore", "collect")},
            "cost_to_go": {"steps": 0, "landmarks": 0},
        }
    )
    budgets.scale(config, ["cost_to_go"])
    assert (config.validation_episodes, config.training.steps, config.collect.episodes) == (1, 1, 1)
    assert (config.cost_to_go.steps, config.cost_to_go.landmarks) == (0, 0)


def test_an_unknown_budget_or_factor_is_refused_with_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refusal(capsys, "train", "task=reacher", "budget=qick") == (
        "no budget 'qick'; there are: default, long, quick"
    )
    message = refusal(capsys, "train", "task=reacher", "budget.updates=0")
    assert message == "budget: updates must be above 0, got 0.0"


def test_it_is_said_in_one_line_with_the_sizes_that_came_of_it() -> None:
    note = run_note(asdict(train("budget=quick", "collect.episodes=9")))
    assert budgets.about("quick", note) == (
        "budget=quick: collect.episodes=9 training.steps=1500 cost_to_go.steps=1500"
        " cost_to_go.landmarks=1000 validation_episodes=25"
    )


def test_a_run_begun_before_there_were_budgets_goes_on_and_one_of_another_size_does_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "model.safetensors").touch()
    note = run_note(asdict(train()))
    before = {key: value for key, value in note.items() if not key.startswith("budget.")}
    (tmp_path / "run.json").write_text(json.dumps(before))
    assert same_run(tmp_path, asdict(train()))
    with pytest.raises(ValueError, match="holds a run with .*=.*, got "):
        same_run(tmp_path, asdict(train("budget=quick")))
