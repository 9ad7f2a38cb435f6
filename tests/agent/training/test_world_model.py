"""Training: windows against a slow loop, collapse by hand, a loss that falls, the same weights from
the same seed.
"""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from latent_mpc.agent.devices import use_bf16
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.heads.head import FrozenData
from latent_mpc.agent.heads.probe import Probe, ProbeConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.agent.training.metrics import Metrics
from latent_mpc.agent.training.windows import Windows
from latent_mpc.agent.training.world_model import (
    TrainingConfig,
    check_collapse,
    effective_rank,
    train_world_model,
)
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter

CPU = torch.device("cpu")


def gliding(path: Path, episodes: int = 24, steps: int = 20) -> Rollouts:
    """A point that is pushed about in the plane and slows down: position and velocity, far from
    zero and of uneven size.
    """
    rng = np.random.default_rng(0)
    with RolloutWriter(path, {"task": {"name": "gliding"}}) as writer:
        for _ in range(episodes):
            action = rng.uniform(-1, 1, (steps + 1, 2)).astype(np.float32)
            action[-1] = 0
            x, v, rows = rng.uniform(-1, 1, 2), np.zeros(2), []
            for a in action:
                rows.append([*(100 + 10 * x), *v])
                v = 0.7 * v + 0.3 * a
                x = x + 0.3 * v
            state = np.array(rows, np.float32)
            pixels = np.full((steps + 1, 16, 16, 3), 20, np.uint8)
            for picture, (col, row) in zip(
                pixels, np.clip(7 + 3 * (state[:, :2] - 100) / 10, 0, 13).astype(int), strict=True
            ):
                picture[row : row + 3, col : col + 3] = 250
            writer.append({"state": state, "pixels": pixels, "action": action})
    return Rollouts(path)


def make_model(obs=("state",), repeat: int = 1, states: int = 4, **weights) -> Jepa:
    torch.manual_seed(0)
    shapes = {key: {"state": (states,), "pixels": (16, 16, 3)}[key] for key in obs}
    return Jepa(
        JepaConfig(embedding=8, latent=4, hidden=16, width=4, **weights), shapes, 2 * repeat
    )


def make_config(**fields) -> TrainingConfig:
    return TrainingConfig(**{"steps": 60, "batch": 32, "horizon": 3, "precision": "fp32", **fields})


# Collapse


def test_effective_rank_by_hand():
    """exp of the entropy of the spectrum's shares: equal variances count fully, (3/4, 1/4) gives 4
    / 3^(3/4).
    """
    signs = torch.tensor([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])
    assert effective_rank(signs) == pytest.approx(3, rel=1e-6)
    assert effective_rank(signs * torch.tensor([5.0, 5.0, 0.0]) + 7) == pytest.approx(2, rel=1e-6)
    assert effective_rank(signs * torch.tensor([math.sqrt(3), 1.0, 0.0])) == pytest.approx(
        4 / 3**0.75, rel=1e-6
    )
    assert effective_rank(signs * torch.tensor([0.0, 2.0, 0.0])) == pytest.approx(1, rel=1e-6)
    assert effective_rank(signs.view(2, 4, 3)) == pytest.approx(3, rel=1e-6)
    assert effective_rank(signs[:, :1]) == pytest.approx(1, rel=1e-6)


def test_effective_rank_does_not_depend_on_the_axes():
    z = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [3.0, 2.0, 1.0, 0.1]
    )
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))
    assert effective_rank(z @ turn) == pytest.approx(effective_rank(z), rel=1e-4)


def test_a_collapsed_latent_is_told_with_what_to_do():
    check_collapse(5, rank=1.6, std=0.01, least_rank=1.5, step=700)
    with pytest.raises(
        RuntimeError,
        match=(
            r"collapsed at step 700: effective rank 1.0 of 5 \(least 1.5\), .* raise model.sigreg"
        ),
    ):
        check_collapse(5, rank=1.0, std=0.01, least_rank=1.5, step=700)
    with pytest.raises(
        RuntimeError, match=r"std before normalisation 5e-05 .* lower training.learning_rate"
    ):
        check_collapse(5, rank=4.0, std=5e-5, least_rank=1.5, step=700)


def test_the_regulariser_weakens_linearly_while_training():
    model = make_model(prediction=0.0, inverse=0.0, sigreg=0.4, sigreg_final=0.1).eval()
    generator = torch.Generator().manual_seed(1)
    z, action = torch.randn(6, 4, 4, generator=generator), torch.randn(6, 3, 2, generator=generator)
    for progress, weight in ((0.0, 0.4), (0.5, 0.25), (1.0, 0.1)):
        terms = model.terms(z, action, progress, torch.Generator().manual_seed(0))
        assert terms["loss"].item() == pytest.approx(weight * terms["sigreg"].item(), rel=1e-5)


def test_the_regulariser_may_look_at_the_first_dimensions_only():
    generator = torch.Generator().manual_seed(1)
    z, action = torch.randn(6, 4, 4, generator=generator), torch.randn(6, 3, 2, generator=generator)

    def regularised(z: torch.Tensor, width: int) -> float:
        return (
            make_model(sigreg_width=width)
            .eval()
            .terms(z, action, 0.0, torch.Generator().manual_seed(0))["sigreg"]
            .item()
        )

    changed = torch.cat([z[..., :2], 5 + z[..., 2:]], dim=-1)
    assert regularised(z, 2) == regularised(changed, 2) != regularised(z, 3)
    assert regularised(z, 0) == regularised(z, 4) != regularised(changed, 0)


def test_shifted_pixels_train_another_model_and_states_alone_the_same(tmp_path):
    rollouts, trained = gliding(tmp_path / "r"), {}
    for obs in (("pixels",), ("state",)):
        for shift in (0, 2):
            model = make_model(obs)
            train_world_model(
                model,
                rollouts,
                make_config(steps=3, shift=shift),
                1,
                Trainer(tmp_path / f"{obs[0]}-{shift}", 0),
            )
            trained[obs[0], shift] = torch.cat(
                [one.detach().flatten() for one in model.parameters()]
            )
    assert not torch.equal(trained["pixels", 0], trained["pixels", 2])
    assert torch.equal(trained["state", 0], trained["state", 2])


def test_training_stops_when_the_latent_has_collapsed(tmp_path, monkeypatch):
    monkeypatch.setattr("latent_mpc.agent.training.world_model.CHECK_FROM", 0)
    # of 4 dimensions: none can pass
    rollouts, config = gliding(tmp_path / "r"), make_config(least_rank=4.5)
    with pytest.raises(
        RuntimeError, match=r"collapsed at step 0: effective rank \d\.\d of 4 \(least 4.5\)"
    ):
        train_world_model(make_model(), rollouts, config, 1, Trainer(tmp_path, 0))


# The world model


def test_the_loss_is_its_terms_by_a_slow_loop_each_with_its_weight():
    model = make_model(prediction=2.0, sigreg=0.0, inverse=3.0).eval()
    torch.nn.init.normal_(model.predictor[-1].weight)
    generator = torch.Generator().manual_seed(1)
    z, action = torch.randn(6, 4, 4, generator=generator), torch.randn(6, 3, 2, generator=generator)
    told = model.terms(z, action, 0.0, torch.Generator().manual_seed(0))
    errors, inverse = [], []
    with torch.no_grad():
        for b in range(6):
            imagined = z[b, 0]
            for t in range(3):
                imagined = model.predict(imagined, action[b, t])
                errors += ((imagined - z[b, t + 1]) ** 2).tolist()
                inverse += ((model.invert(z[b, t], z[b, t + 1]) - action[b, t]) ** 2).tolist()
    assert told["prediction"].item() == pytest.approx(np.mean(errors), rel=1e-4)
    assert told["inverse"].item() == pytest.approx(np.mean(inverse), rel=1e-4)
    assert told["loss"].item() == pytest.approx(
        2 * np.mean(errors) + 3 * np.mean(inverse), rel=1e-4
    )
    model.config.sigreg = 0.5
    whole = model.terms(z, action, 0.0, torch.Generator().manual_seed(0))
    assert (whole["loss"] - told["loss"]).item() == pytest.approx(
        0.5 * whole["sigreg"].item(), rel=1e-3
    )


@pytest.mark.parametrize(
    "obs, repeat",
    [
        (("state",), 2),
        (("pixels",), 1),
        pytest.param(("state", "pixels"), 1, marks=pytest.mark.slow),
    ],
)
def test_a_short_training_run_lowers_the_loss_and_predicts_better_than_nothing_changes(
    tmp_path, obs, repeat
):
    rollouts, model = gliding(tmp_path / "r"), make_model(obs, repeat)
    train_world_model(
        model, rollouts, make_config(steps=151, learning_rate=5e-3), repeat, Trainer(tmp_path, 0)
    )
    lines = Metrics(tmp_path / "metrics.jsonl").read()
    assert [line["step"] for line in lines] == [0, 50, 100, 150]
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]
    assert not model.training
    if "state" in obs:
        encoder = model.encoders["state"]
        rows = np.concatenate(
            [rollouts.episode(int(i))["state"] for i in rollouts.split(0.1, 0)[0]]
        )
        np.testing.assert_allclose(encoder.mean, rows.mean(axis=0), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(encoder.std, rows.std(axis=0, ddof=1), rtol=1e-3)
    if obs == ("state",):
        held_out = rollouts.split(0.1, 0)[1]
        seen, action = Windows(rollouts, obs, repeat, CPU).draw(
            np.random.default_rng(1), 64, 5, held_out
        )
        with torch.no_grad():
            z = model.encode(seen)
            predicted = model.rollout(z[:, 0], action[:, 2:])
        assert (predicted - z[:, 1:]).square().mean() < 0.6 * (z[:, :1] - z[:, 1:]).square().mean()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    rollouts, weights = gliding(tmp_path / "r"), []
    for run, seed in enumerate((3, 3, 4)):
        model = make_model()
        torch.manual_seed(run)  # what others drew before must not matter
        train_world_model(
            model, rollouts, make_config(steps=5), 1, Trainer(tmp_path / str(run), seed)
        )
        weights.append(model.state_dict())
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
    assert not torch.equal(weights[0]["fuse.0.weight"], weights[2]["fuse.0.weight"])


def test_episodes_too_short_for_a_window_are_refused(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"windows of 25 rows must fit into one of \d+ episodes in .*; the longest has 21",
    ):
        train_world_model(
            make_model(repeat=2),
            gliding(tmp_path / "r", 4),
            make_config(horizon=10),
            2,
            Trainer(tmp_path, 0),
        )


# On frozen latents


def test_cost_to_go_has_the_same_weights_for_the_same_seed(tmp_path):
    z, last = (
        torch.randn(40, 4, generator=torch.Generator().manual_seed(0)),
        np.repeat([19, 39], 20),
    )
    weights = []
    for run in range(2):
        torch.manual_seed(0)
        learned = CostToGo(
            4, CostToGoConfig(hidden=16, metric=4, steps=5, batch=8, goals=4, landmarks=20)
        )
        torch.manual_seed(run)
        learned.fit(FrozenData(z, last), {}, Trainer(tmp_path / str(run), 1))
        weights.append(learned.state_dict())
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_the_probe_finds_positions_that_the_latents_show(tmp_path):
    class Seen(FrozenData):
        def has(self, key):
            return True

        def positions(self, every):
            return points[:400]

    z = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    points = z[:, :3].tanh()
    probe = Probe(4, ProbeConfig(steps=150))
    probe.fit(Seen(z[:400], np.full(400, 399)), {}, Trainer(tmp_path, 0))
    with torch.no_grad():
        assert (probe(z[400:]) - points[400:]).norm(dim=-1).mean() < 0.25 * points[400:].norm(
            dim=-1
        ).mean()


# Settings


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"horizon": 0}, "horizon must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"validation": 1.0}, "validation must be a share between 0 and 1, got 1.0"),
        ({"precision": "fp8"}, "precision must be one of auto, fp32, bf16; got 'fp8'"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(fields, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**fields)


def test_a_weight_below_zero_is_refused_by_name():
    with pytest.raises(ValueError, match="sigreg must be at least 0, got -0.1"):
        JepaConfig(sigreg=-0.1)


def test_bf16_is_used_where_asked_for_and_under_auto_only_where_the_processor_has_it(monkeypatch):
    assert use_bf16("bf16", CPU) and not use_bf16("fp32", CPU)
    for there in (True, False):
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda there=there: {"avx512_bf16": there}, raising=False
        )
        assert use_bf16("auto", CPU) == there
    assert not use_bf16("auto", torch.device("meta"))


def test_training_in_bf16_stays_near_fp32_and_leaves_fp32_weights(tmp_path):
    rollouts, losses = gliding(tmp_path / "r"), {}
    for precision in ("fp32", "bf16"):
        model = make_model(("pixels",))
        train_world_model(
            model,
            rollouts,
            make_config(steps=3, precision=precision),
            1,
            Trainer(tmp_path / precision, 0),
        )
        losses[precision] = Metrics(tmp_path / precision / "metrics.jsonl").read()[0]["loss"]
        assert all(tensor.dtype == torch.float32 for tensor in model.parameters())
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)
