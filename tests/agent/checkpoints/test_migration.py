"""What earlier versions left unsaid of a checkpoint."""

from __future__ import annotations

from latent_mpc.agent.checkpoints.migration import migrated


def test_a_robot_on_servos_of_an_earlier_version_is_given_commands_as_it_was() -> None:
    old = {"format": 2, "task": {"name": "mjcf", "xml": "a.xml"}}
    assert migrated(old)["task"] == {"name": "mjcf", "xml": "a.xml", "actions": "absolute"}
    new = {"format": 2, "task": {"name": "mjcf", "actions": "increments"}}
    assert migrated(new) == new
    assert migrated({"format": 2, "task": {"name": "reacher"}})["task"] == {"name": "reacher"}


def test_a_value_was_one_network() -> None:
    old = {"format": 2, "counted": 2, "value": {"steps": 5000}}
    assert migrated(old)["value"] == {"steps": 5000, "networks": 1}
    assert migrated(migrated(old)) == migrated(old)
