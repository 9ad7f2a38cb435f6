"""Which model a training starts from where nobody names one."""

from __future__ import annotations

import pytest

from latent_mpc.agent.cli.compose import compose_config

ROBOT = ["task=mjcf", "task.xml=robot.xml"]


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        ([*ROBOT], "identity"),
        (["task=gymnasium", "task.id=Ant-v5", "obs=state", "model.hidden=64"], "identity"),
        ([*ROBOT, "obs=pixels"], "jepa"),
        ([*ROBOT, "obs=state+pixels"], "jepa"),
        ([*ROBOT, "model=jepa"], "jepa"),
        ([*ROBOT, "model.latent=8"], "jepa"),
        (["task=reacher", "obs=state"], "jepa"),
        (["task=reacher", "obs=state", "model=identity"], "identity"),
    ],
)
def test_states_of_robots_of_others_are_their_own_latent(settings: list[str], model: str) -> None:
    assert compose_config("train", settings).model.name == model
