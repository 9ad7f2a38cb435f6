"""Training on folders as they are, against training on the folder that they merge into."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import load_file

from latent_mpc.agent.cli import main as cli

pytestmark = pytest.mark.slow

SMALL = (
    "training.steps=4 training.batch=8 model.hidden=16 model.latent=8 cost_to_go.hidden=16"
    " cost_to_go.metric=8 cost_to_go.steps=4 cost_to_go.batch=16 validation_episodes=1"
    " planner.samples=8 planner.iterations=1 planner.elites=4 planner.horizon=2"
    " value.steps=4 probe.steps=4"
)


def test_folders_train_the_weights_that_their_merged_folder_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # an object has to be pushed: windows in which it moves are looked for in all folders
    task = ["task=tabletop-disc", "obs=state"]
    for seed in (1, 2):
        words = [
            *task,
            f"seed={seed}",
            f"episodes={seed + 1}",
            "workers=1",
            "behaviour.name=coloured",
            f"out=runs/{seed}/data",
        ]
        assert cli.main(["collect", *words]) == 0
    assert cli.main(["merge", "runs/*/data", "out=all"]) == 0
    trained = {}
    for name, data in (("several", "runs/*/data"), ("one", "all")):
        assert cli.main(["train", *task, f"data={data}", *SMALL.split(), f"out={name}"]) == 0
        trained[name] = load_file(tmp_path / name / "model.safetensors")
    assert trained["one"].keys() == trained["several"].keys()
    assert all((trained["one"][key] == trained["several"][key]).all() for key in trained["one"])
