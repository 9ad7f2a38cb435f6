"""A few of the kills that `benchmarks/robustness/kills.py` deals by the hundred, to smaller
runs.
"""

from __future__ import annotations

import pytest

from benchmarks.robustness import kills

COLLECT = ["collect", "task=reacher", "episodes=150", "workers=2"]
SMALLER = [
    "collect.episodes=10",
    "training.steps=20",
    "training.save_every=5",
    "cost_to_go.steps=20",
]
# kills at 0.69 and 0.64 of the time that a whole run takes: amid the episodes, amid the training
SEED = 23


@pytest.mark.slow
def test_kills_at_random_moments_cost_no_episode_and_no_bit_of_the_weights(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kills, "COLLECT", COLLECT)
    monkeypatch.setattr(kills, "TRAIN", [*kills.TRAIN, *SMALLER])
    assert kills.main(2, SEED) == 0
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in capsys.readouterr().out.splitlines()[2:]
    ]
    assert [row[0] for row in rows] == ["collect", "train"]
    for row in rows:
        _, killed, finished, *costs = row
        assert int(killed) == 1 and int(finished) >= 1
        assert set(costs) == {"0"}
