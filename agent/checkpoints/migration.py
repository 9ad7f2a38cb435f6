"""Configs of checkpoints written by earlier versions, brought to today's format.

1 -> 2: world models have a family (`model.name`), and the weights of the loss's terms are the
model's, no longer `training`'s.

Within 2: robots on servos were given commands, not changes of them (`task.actions`); goals in part
had no learned cost-to-go (`value`), then one of one network (`value.networks`).
"""

from __future__ import annotations

from typing import Any

from latent_mpc.configs.names import ABSOLUTE

FORMAT = 2
LOSS = ("prediction", "sigreg", "sigreg_final", "sigreg_width", "inverse")


def migrated(config: dict[str, Any]) -> dict[str, Any]:
    """The config in today's format; of any other than an earlier one, as it is: checking it is
    `validation.py`'s.
    """
    config = _with_actions(config)
    if config.get("counted") and "value" not in config:
        config = {**config, "value": {"steps": 0}}
    if isinstance(value := config.get("value"), dict) and "networks" not in value:
        config = {**config, "value": {**value, "networks": 1}}
    model, training = config.get("model"), config.get("training")
    if config.get("format") != 1 or not isinstance(model, dict):
        return config
    weights = (
        {key: training[key] for key in LOSS if key in training}
        if isinstance(training, dict)
        else {}
    )
    kept = (
        {key: value for key, value in training.items() if key not in weights}
        if isinstance(training, dict)
        else training
    )
    later = {"format": FORMAT, "model": {"name": "jepa", **model, **weights}}
    return {**config, **later, **({"training": kept} if "training" in config else {})}


def _with_actions(config: dict[str, Any]) -> dict[str, Any]:
    task = config.get("task")
    if not isinstance(task, dict) or task.get("name") != "mjcf" or "actions" in task:
        return config
    return {**config, "task": {**task, "actions": ABSOLUTE}}
