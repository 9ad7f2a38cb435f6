"""Every config composes, says what its file says, and later sources win over earlier ones."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import cloudpickle  # type: ignore[import-untyped]
import pytest

from latent_mpc import gymnasium_id
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.training import exploration
from latent_mpc.configs import field_docs, hydra_groups, names, schema
from latent_mpc.envs import registry
from latent_mpc.envs.behaviour import BehaviourConfig

PLANNER = {"name": "mppi", "horizon": 3, "samples": 32}


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    """A folder that stores a planner far from the defaults."""
    (tmp_path / "config.yaml").write_text(
        "planner: {name: mppi, horizon: 3, samples: 32}\ncost: {name: cost_to_go}\n"
    )
    return str(tmp_path)


def needed(command: str, checkpoint: str) -> list[str]:
    """The settings without which a command is refused."""
    has_task = "task" in hydra_groups.groups(command)
    return ["task=reacher"] if has_task else [f"checkpoint={checkpoint}"]


EVERY = [
    (command, group, choice)
    for command in hydra_groups.commands()
    for group in hydra_groups.groups(command)
    for choice in hydra_groups.choices(group)
]


@pytest.mark.parametrize(("command", "group", "choice"), EVERY)
def test_every_choice_of_every_group_composes_under_every_command(
    command: str, group: str, choice: str, checkpoint: str
) -> None:
    settings = [item for item in needed(command, checkpoint) if not item.startswith(f"{group}=")]
    config = compose_config(command, [*settings, f"{group}={choice}"])
    part = getattr(config, group)
    assert isinstance(config, getattr(schema, f"{command.capitalize()}Config"))
    assert dataclasses.is_dataclass(part)
    if isinstance(part, (schema.PlannerConfig, schema.CostConfig, schema.NamedConfig)):
        assert part.name == hydra_groups.part_name(group, choice)


@pytest.mark.parametrize("task", hydra_groups.choices("task"))
def test_the_file_of_a_task_bears_its_name_and_the_registry_knows_it(task: str) -> None:
    assert compose_config("collect", [f"task={task}"]).task.name == task
    assert task in registry.TASKS | registry.ADAPTERS
    assert gymnasium_id(task).startswith("latent_mpc/")


def test_a_setting_reaches_the_dataclass_in_its_own_type() -> None:
    config = compose_config(
        "train",
        [
            "task=reacher",
            "planner.samples=96",
            "planner.std=1",
            "out=1e3",
            "collect={episodes: 3}",
            "data='a,b'",
        ],
    )
    assert config.planner.samples == 96
    assert isinstance(config.planner.std, float)
    assert (config.out, config.data, config.collect.episodes) == ("1e3", "a,b", 3)


def test_a_frozen_dataclass_inside_takes_settings_too_and_stays_the_class_that_its_module_defines() -> (
    None
):
    config = compose_config("collect", ["task=reacher", "behaviour.correlation=0.2"])
    assert config.behaviour == BehaviourConfig(correlation=0.2)


def test_a_choice_named_after_the_task_goes_before_the_default_and_gives_way_to_what_is_asked_for() -> (
    None
):
    def octaves(*words: str) -> int:
        return compose_config("train", words).model.octaves

    assert octaves("task=pointmaze-giant") == 3
    assert octaves("task=pointmaze-large") == octaves("task=pointmaze-giant", "model=jepa") == 0
    assert octaves("task=pointmaze-large", "model=pointmaze-giant") == 3
    assert octaves("task=pointmaze-giant", "model.octaves=1") == 1


def test_what_is_right_for_a_kind_of_task_is_the_default_of_each() -> None:
    for task in ("tabletop-disc", "tabletop-t"):
        config = compose_config("train", [f"task={task}"])
        assert (config.cost.name, config.cost_to_go.landmarks) == ("value", 0)
    asked = compose_config("train", ["task=tabletop-t", "cost=coordinates", "cost_to_go=default"])
    assert (asked.cost.name, asked.cost_to_go.landmarks) == ("coordinates", 2000)
    assert compose_config("train", ["task=reacher"]).cost.name == "cost_to_go"


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ("task=mjcf task.xml=r.xml", "identity"),
        ("task=gymnasium task.id=Reacher-v5 obs=state model.hidden=16", "identity"),
        ("task=tabletop-t obs=state", "identity"),
        ("task=tabletop-t obs=pixels", "jepa"),
        ("task=mjcf task.xml=r.xml obs=pixels", "jepa"),
        ("task=mjcf task.xml=r.xml obs=state+pixels", "jepa"),
        ("task=mjcf task.xml=r.xml model.latent=8", "jepa"),
        ("task=mjcf task.xml=r.xml model=jepa", "jepa"),
        ("task=reacher", "jepa"),
    ],
)
def test_states_of_robots_of_others_need_no_encoder_unless_one_is_asked_for(words, model) -> None:
    assert compose_config("train", words.split()).model.name == model


def test_the_last_of_two_settings_wins() -> None:
    assert compose_config("collect", ["task=reacher", "seed=1", "seed=2"]).seed == 2


def test_an_evaluation_plans_as_the_checkpoint_was_trained(checkpoint: str) -> None:
    config = compose_config("evaluate", [f"checkpoint={checkpoint}"])
    assert {key: getattr(config.planner, key) for key in PLANNER} == PLANNER
    assert config.cost.name == "cost_to_go"
    assert (config.pairs.seed, config.pairs.kind, config.episodes) == (7, "independent", 100)


def test_settings_win_over_what_the_checkpoint_stores(checkpoint: str) -> None:
    config = compose_config(
        "evaluate", [f"checkpoint={checkpoint}", "planner=mppi", "planner.horizon=9", "cost=latent"]
    )
    assert (config.planner.horizon, config.planner.samples, config.cost.name) == (9, 32, "latent")


def test_another_planner_keeps_the_stored_horizon_only(checkpoint: str) -> None:
    config = compose_config("demo", [f"checkpoint={checkpoint}", "planner=cem"])
    fresh = compose_config("train", ["task=reacher", "planner=cem"]).planner
    assert config.planner == dataclasses.replace(fresh, horizon=3)
    assert (config.pairs.seed, config.episodes, config.out) == (1, 10, "videos")


def test_a_checkpoint_that_stores_no_planner_gets_the_one_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("task: {name: reacher}\n")
    assert (
        compose_config("evaluate", [f"checkpoint={tmp_path}"]).planner.name
        == hydra_groups.groups("evaluate")["planner"]
    )


@pytest.mark.parametrize("name", hydra_groups.choices("planner"))
def test_the_fields_of_a_planner_are_those_its_algorithm_takes(name: str) -> None:
    from latent_mpc.planners import algorithms

    config = compose_config("train", ["task=reacher", f"planner={name}"]).planner
    own = {key: value for key, value in vars(config).items() if key not in ("name", "horizon")}
    algorithms()[name](**own)
    assert [field.name for field in dataclasses.fields(algorithms()[name])] == list(own)


@pytest.mark.parametrize("group", list(hydra_groups.groups("train")))
def test_fields_read_from_source_are_those_of_the_imported_dataclass(group: str) -> None:
    for choice in hydra_groups.choices(group):
        name = hydra_groups.part_name(group, choice)
        read = {field.name for field in hydra_groups.part_fields(group, name)}
        assert read == {field.name for field in dataclasses.fields(hydra_groups.part(group, name))}


def test_a_comment_is_read_from_the_line_or_from_the_line_above() -> None:
    fields = {
        field.name: field.doc for field in field_docs.read_fields("latent_mpc.planners.cem", "CEM")
    }
    assert fields["elites"].startswith("candidates that the distribution is refitted to")
    fields = {
        field.name: field.doc
        for field in field_docs.read_fields("latent_mpc.configs.tasks", "TaskConfig")
    }
    assert fields["size"] == "height and width of the pixels [pixels]"


def test_the_default_folders_meet_so_that_train_finds_what_collect_wrote() -> None:
    arguments = ["task=reacher", "obs=state+pixels"]
    collect, train = compose_config("collect", arguments), compose_config("train", arguments)
    assert collect.folder() == train.folder() / "data"
    assert collect.observations == ("state", "pixels")


def test_every_novelty_that_may_be_asked_for_is_there() -> None:
    assert tuple(exploration.NOVELTIES) == names.NOVELTIES


def test_a_config_that_another_process_sends_back_leaves_its_classes_alone() -> None:
    """A pickle holds their names: read back, copies of what was made here would overwrite it."""
    config = compose_config("train", ["task=reacher", "planner=mppi", "cost.terms=[effort:2]"])
    again = cloudpickle.loads(cloudpickle.dumps(config))
    assert again == config == pickle.loads(pickle.dumps(config))
    assert (type(again), type(again.cost), type(again.planner)) == (
        type(config),
        type(config.cost),
        type(config.planner),
    )
    fields = {field.name: field for field in dataclasses.fields(type(config.cost))}
    assert fields["terms"].default is dataclasses.MISSING
