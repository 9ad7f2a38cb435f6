"""What training is given of rollouts: windows against a slow loop, latents as an agent would hold
them.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from latent_mpc.agent.training import windows
from latent_mpc.agent.training.windows import TRIES, Windows, encode_rollouts
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from tests.agent.training.test_world_model import CPU, make_model


def numbered(path: Path, lengths=(7, 12, 5)) -> Rollouts:
    """State (episode, t); action (episode, t, 10 t)."""
    with RolloutWriter(path, {"task": {"name": "numbers"}}) as writer:
        for i, steps in enumerate(lengths):
            t = np.arange(steps + 1, dtype=np.float32)
            action = np.stack([np.full_like(t, i), t, 10 * t], axis=1)
            writer.append({"state": np.stack([np.full_like(t, i), t], axis=1), "action": action})
    return Rollouts(path)


@pytest.mark.parametrize("repeat", [1, 2, 3])
def test_windows_hold_the_frames_and_action_blocks_of_a_slow_loop(tmp_path, repeat):
    rollouts, steps = numbered(tmp_path / "r"), 2
    obs, action = Windows(rollouts, ("state",), repeat, CPU).draw(
        np.random.default_rng(0), 200, steps, np.array([0, 1])
    )
    assert obs["state"].shape == (200, steps + 1, 2) and action.shape == (200, steps, 3 * repeat)
    starts = set()
    for b in range(200):
        episode, begin = (int(number) for number in obs["state"][b, 0])
        starts.add((episode, begin))
        data = rollouts.episode(episode)
        for t in range(steps + 1):
            np.testing.assert_array_equal(obs["state"][b, t], data["state"][begin + repeat * t])
        for t in range(steps):
            block = [
                number for r in range(repeat) for number in data["action"][begin + repeat * t + r]
            ]
            assert action[b, t].tolist() == block
    possible = {
        (i, t) for i, length in ((0, 7), (1, 12)) for t in range(length - steps * repeat + 1)
    }
    assert starts == possible, "every window inside the episodes asked for, and no other"


def test_windows_longer_than_every_episode_are_refused(tmp_path):
    windows = Windows(numbered(tmp_path / "r"), ("state",), 2, CPU)
    assert windows.draw(np.random.default_rng(0), 1, 6, np.arange(3))[1].shape == (1, 6, 6)
    with pytest.raises(
        ValueError,
        match="windows of 15 rows must fit into one of 3 episodes in .*; the longest has 13",
    ):
        windows.draw(np.random.default_rng(0), 1, 7, np.arange(3))


@pytest.mark.parametrize("repeat", [1, 2, 3])
def test_encoded_rollouts_are_what_an_agent_would_hold_in_memory(tmp_path, repeat):
    rollouts, model = numbered(tmp_path / "r"), make_model(repeat=repeat, states=2).eval()
    z, last, source = encode_rollouts(model, rollouts, repeat, tmp_path)
    row = 0
    for i in range(3):
        memory, data, first = model.memory(1), rollouts.episode(i)["state"], row
        for t in range(0, len(data), repeat):
            memory = model.observe(memory, {"state": torch.tensor(data[t : t + 1])})
            torch.testing.assert_close(z[row], memory.z[0], rtol=1e-4, atol=1e-5)
            assert rollouts.arrays["state"][source[row]].tolist() == [i, t]
            row += 1
        assert (last[first:row] == row - 1).all()
    assert row == len(z) == len(last) == len(source)
    assert not z.requires_grad


def test_many_latents_stand_in_a_file_that_is_gone_when_they_are(tmp_path, monkeypatch):
    rollouts, model = numbered(tmp_path / "r"), make_model(states=2).eval()
    inside = encode_rollouts(model, rollouts, 1, tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()
    monkeypatch.setattr(windows, "MAPPED", 10)
    mapped = encode_rollouts(model, rollouts, 1, tmp_path / "scratch")
    assert "scratch/latents" in Path("/proc/self/maps").read_text()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert torch.equal(inside[0], mapped[0])
    np.testing.assert_array_equal(inside[1], mapped[1])


def test_half_of_the_windows_show_what_seldom_moves(tmp_path):
    """It moves in one step of 20, so two steps show it in a tenth of all windows."""
    rollouts = numbered(tmp_path / "r", (100,) * 4)
    rows = np.arange(len(rollouts.arrays["state"]))
    counted = np.cumsum(rows % 20 == 0)[:, None].astype(np.float64)

    def share(given: np.ndarray | None) -> float:
        windows = Windows(rollouts, ("state",), 1, CPU, given)
        state = windows.draw(np.random.default_rng(0), 1000, 2, np.arange(4))[0]["state"].numpy()
        first = (rollouts.offsets[state[:, 0, 0].astype(int)] + state[:, 0, 1]).astype(int)
        return float(np.mean(counted[first + 2] > counted[first]))

    assert share(None) == pytest.approx(0.1, abs=0.03)
    expected = (1 - 0.9**TRIES) / 2 + 0.1 / 2
    assert share(counted) == pytest.approx(expected, abs=0.03)
