"""One of each seam as an installed package brings it: found by entry point and used through the
command line, each a few lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli import main as cli
from tests.factories import look_again, refusal

MODULES = {
    "my_planner": (
        """
from dataclasses import dataclass
from typing import ClassVar
from latent_mpc.planners import Algorithm

@dataclass(frozen=True)
class Greedy(Algorithm):
    name: ClassVar[str] = "greedy"
    pull: float = 0.5  # share of the way to the best candidate

    def update(self, search, candidates, score):
        best = candidates[range(len(score)), score.argmin(1)]
        return self.moved(search, search.mean.lerp(best, self.pull)), {}
"""
    ),
    "my_term": (
        """
from dataclasses import dataclass
from typing import ClassVar
from latent_mpc.agent.costs.terms import Term

@dataclass
class Jerk(Term):
    name: ClassVar[str] = "jerk"

    def __call__(self, imagined):
        steps = imagined.actions.diff(dim=2, prepend=imagined.actions[:, :, :1])
        return steps.square().mean(dim=-1)
"""
    ),
    "my_constraint": (
        """
from dataclasses import dataclass
from typing import ClassVar
from latent_mpc.agent.costs.terms import Constraint

@dataclass
class Gentle(Constraint):
    name: ClassVar[str] = "gentle"
    most: float

    def bind(self, networks):
        return lambda imagined: imagined.actions.abs().amax(dim=(2, 3))[..., None] - self.most
"""
    ),
    "my_encoder": (
        """
from typing import ClassVar
from torch import nn
from latent_mpc.agent.models.encoders.encoder import Encoder

class Linear(Encoder):
    key: ClassVar[str] = "state"
    name: ClassVar[str] = "linear"

    def __init__(self, shape, config):
        super().__init__(shape, config)
        self.layer = nn.Linear(shape[0], config.embedding)

    def forward(self, obs):
        return self.layer(obs)
"""
    ),
    "my_head": (
        """
from dataclasses import dataclass
from typing import ClassVar
from torch import nn
from latent_mpc.agent.heads.head import Head, Schedule

@dataclass
class EnergyConfig:
    steps: int = 3

class Energy(Head):
    name: ClassVar[str] = "energy"
    Config = EnergyConfig

    def __init__(self, latent, config):
        super().__init__()
        self.config, self.layer = config, nn.Linear(latent, 1)

    @classmethod
    def build(cls, sizes, config):
        return cls(sizes.latent, config)

    def fit(self, data, others, trainer, updates=0):
        for step in trainer("energy", self, Schedule(self.config.steps, 1e-3)):
            rows = step.rng.integers(len(data.z), size=8)
            target = data.actions[rows].square().mean(dim=1, keepdim=True)
            step.minimise({"loss": (self.layer(data.z[rows]) - target).square().mean()})
"""
    ),
    "my_model": (
        """
from dataclasses import dataclass
from typing import ClassVar
from latent_mpc.agent.models.jepa import Jepa, JepaConfig

@dataclass
class SlowConfig(JepaConfig):
    slowness: float = 0.1  # weight of the distance between successive latents

class Slow(Jepa):
    name: ClassVar[str] = "slow"
    Config = SlowConfig

    def terms(self, z, actions, progress, generator):
        terms = super().terms(z, actions, progress, generator)
        slow = z.diff(dim=1).square().mean()
        return {**terms, "loss": terms["loss"] + self.config.slowness * slow, "slow": slow}
"""
    ),
    "my_task": (
        """
from latent_mpc.envs.reacher import Reacher

class Heavy(Reacher):
    def __init__(self, **options):
        super().__init__(**options)
        self.model.body_mass[-1] += 0.1
"""
    ),
}
POINTS = {
    "latent_mpc.planners": "greedy = my_planner:Greedy",
    "latent_mpc.cost_terms": "jerk = my_term:Jerk",
    "latent_mpc.constraints": "gentle = my_constraint:Gentle",
    "latent_mpc.encoders": "linear = my_encoder:Linear",
    "latent_mpc.heads": "energy = my_head:Energy",
    "latent_mpc.models": "slow = my_model:Slow",
    "latent_mpc.tasks": "heavy = my_task:Heavy",
}
TINY = [
    *(
        "collect.episodes=6",
        "collect.workers=1",
        "model.hidden=16",
        "model.latent=8",
        "model.embedding=8",
        "training.steps=4",
    ),
    *(
        "training.batch=8",
        "cost_to_go.hidden=16",
        "cost_to_go.metric=8",
        "cost_to_go.steps=4",
        "cost_to_go.batch=16",
        "probe.steps=2",
    ),
    *("planner.samples=8", "planner.iterations=1", "planner.horizon=2", "validation_episodes=1"),
]
OWN = [
    "task=heavy",
    "model=slow",
    "model.slowness=0.2",
    "model.encoder.state=linear",
    "energy.steps=2",
    "planner=greedy",
]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, as pip would leave it."""
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "\n".join(f"[{group}]\n{point}" for group, point in POINTS.items())
    )
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    look_again()
    yield tmp_path
    look_again()


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_a_package_brings_one_of_each_and_the_commands_use_them(installed: Path) -> None:
    run, judged = installed / "run", installed / "judged"
    assert cli.main(["train", *OWN, *TINY, f"out={run}"]) == 0
    parts, config = load_parts(run), yaml.safe_load((run / "config.yaml").read_text())
    assert (
        config["model"]["name"],
        config["model"]["slowness"],
        config["energy"],
        config["planner"]["name"],
    ) == (
        "slow",
        0.2,
        {"steps": 2},
        "greedy",
    )
    assert type(parts.model).__name__ == "Slow" and type(parts.heads["energy"]).__name__ == "Energy"
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"slow"} <= logged[0].keys() and "energy" in {line["phase"] for line in logged}
    words = [
        "cost.terms=[jerk:0.5,effort:0.1]",
        "cost.constraints=[gentle:0.3]",
        "planner.pull=1.0",
    ]
    assert cli.main(["evaluate", f"checkpoint={run}", "episodes=2", *words, f"out={judged}"]) == 0
    result = read(judged / "results.json")
    assert result["settings"]["cost"]["terms"] == ["jerk:0.5", "effort:0.1"]
    assert result["settings"]["planner"]["pull"] == 1.0
    # this one cannot be seen in positions
    assert result["constraints"].keys() == {"infeasible", "fell_back"}
    assert cli.main(["inspect", str(run)]) == 0


def test_help_lists_what_packages_bring(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "planner=greedy", "--help"]) == 0
    out = capsys.readouterr().out
    assert "planner.pull=0.5" in out and "greedy" in out
    assert cli.main(["train", "--help"]) == 0
    assert "energy=default" in capsys.readouterr().out


def test_what_no_package_brings_is_refused_with_what_there_is(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "task=reacher", f"out={installed / 'run'}"]
    assert (
        refusal(capsys, *words, "cost.terms=[hurry:1]")
        == "cost: no cost term 'hurry'; there are: effort, jerk, speed"
    )
    assert (
        refusal(capsys, *words, "cost.constraints=[gentle]")
        == "cost: a constraint must be written gentle:MOST, with finite numbers, got 'gentle'"
    )
    assert (
        refusal(capsys, *words, "model.encoder.state=deep")
        == "model.encoder: no encoder 'deep' of state; there are: linear, mlp"
    )
    assert refusal(capsys, *words, "model=flow").startswith(
        "no model 'flow'; there are: identity, jepa, pointmaze-giant, reconstruction, slow"
    )


def test_an_entry_point_that_is_no_part_of_its_seam_is_refused_by_name(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (installed / "mine-1.0.dist-info" / "entry_points.txt").write_text(
        "[latent_mpc.cost_terms]\njerk = my_planner:Greedy\n"
    )
    look_again()
    said = refusal(
        capsys, "train", "task=reacher", "cost.terms=[effort]", f"out={installed / 'run'}"
    )
    assert (
        "the entry point jerk of latent_mpc.cost_terms must be a subclass of"
        " latent_mpc.agent.costs.terms.Term with name = 'jerk'" in said
    )
