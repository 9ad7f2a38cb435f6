"""The noise benchmark: its cells, its probes, its page; one cell as small as can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.running import pick
from benchmarks.tables import noise
from benchmarks.tables.noise_page import page
from latent_mpc.agent.horizon import model_quality


def test_a_cell_goes_by_several_names() -> None:
    assert len(noise.cells()) == 2 * 4 * 4
    assert pick(["pointmaze-umaze-moving"], noise.names(), "cell") == [
        f"pointmaze-umaze-moving/{family}" for family in noise.FAMILIES
    ]
    assert len(pick(["episode"], noise.names(), "cell")) == 2 * 4


def test_what_a_latent_holds_is_read_from_it_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_quality, "PROBE_STEPS", 200)
    rng = np.random.default_rng(0)
    numbers, held = rng.normal(size=(2000, 2)), np.arange(2000) >= 1500
    z = torch.as_tensor(np.concatenate([numbers, rng.normal(size=(2000, 2))], axis=1)).float()
    assert noise.r_squared(z, numbers, held) > 0.9
    assert noise.r_squared(z, rng.normal(size=(2000, 2)), held) < 0.05


def test_the_page_shows_what_was_made_and_what_failed() -> None:
    rate = {"rate": 0.9, "low": 0.8, "high": 0.95}
    made = {
        "success_end": rate,
        "success_any": rate,
        "train_seconds": 60.0,
        "resumed": False,
        "machine": {"cpu": "a processor"},
        "r_squared": {"robot": 0.987, "noise": 0.123},
    }
    found: dict[str, dict[str, Any]] = {cell: {} for cell in noise.cells()}
    found |= {"reacher-frame/jepa": made, "reacher-frame/jepa-vicreg": {"failed": "it fell; so"}}
    text = page(found, noise.cells(), noise.FAMILIES, 200, ["training.steps=1500"])
    assert "| frame | jepa | **90 %** (80 to 95) | 90 % | 0.99 | 0.12 | 60 s |" in text
    assert "| frame | jepa-vicreg | its training failed: it fell |" in text
    assert "| moving | jepa | not run |" in text
    assert "## reacher" in text and "## pointmaze-umaze" not in text


@pytest.mark.slow
def test_a_cell_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_quality, "PROBE_STEPS", 5)
    size = replace(noise.quick(), runs=tmp_path / "runs", kept=tmp_path / "results")
    noise.make_cell("reacher", "episode", "jepa-vicreg", size)
    found = noise.results(size)
    assert set(found["reacher-episode/jepa-vicreg"]["r_squared"]) == {"robot", "noise"}
    left = noise.left_over(found, ["reacher-episode/jepa-vicreg", "reacher-episode/jepa"])
    assert list(left) == ["reacher-episode/jepa"]
