"""The latent that is the state itself: its loss by a slow loop, what it imagines, and that it
trains, plans and is refused pictures.
"""

import json

import pytest
import torch

from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.models.identity import LEAST_CHANGE, Identity, IdentityConfig
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.agent.training.metrics import Metrics
from latent_mpc.agent.training.world_model import train_world_model
from tests.agent.training.test_world_model import gliding, make_config
from tests.factories import refusal


def make(**fields) -> Identity:
    torch.manual_seed(0)
    model = Identity(IdentityConfig(hidden=16, **fields), {"state": (4,)}, 2)
    model.fit_normalisers(lambda key: torch.randn(50, 4) * torch.tensor([1.0, 5.0, 0.1, 0.0]) + 3)
    return model


def test_the_latent_is_the_standardised_state_whatever_was_seen_before():
    model, states = make().eval(), torch.randn(3, 4)
    z = model.observe(model.memory(3), {"state": states}).z
    torch.testing.assert_close(z, (states - model.mean) / model.std)
    assert model.std[3] == 1, "a constant number is left unscaled"
    noisy = make()
    noisy.fit_normalisers(lambda key: torch.randn(50, 4) * torch.tensor([1.0, 1.0, 1.0, 1e-4]))
    assert noisy.std[3] == pytest.approx(0.01, rel=0.3), "what hardly moves is not made large"
    torch.testing.assert_close(model.encode_goal({"state": states}), z)
    torch.testing.assert_close(model.encode_episode({"state": states}), z)


@pytest.mark.parametrize("members", [1, 3])
def test_the_loss_counts_errors_in_units_of_the_change_in_a_step_by_a_slow_loop(members):
    model, generator = make(ensemble=members).train(), torch.Generator().manual_seed(1)
    for parameter in list(model.predictor.parameters())[-2:]:
        torch.nn.init.normal_(parameter)
    obs, actions = (
        {"state": torch.randn(6, 4, 4, generator=generator) * model.std + model.mean},
        torch.randn(6, 3, 2, generator=generator),
    )
    obs["state"][..., 3] = 3.0  # never changes
    loss = model.loss(obs, actions, progress=0.0, generator=generator).terms["loss"]
    z = model.encode(obs["state"])
    change = (z[:, 1:] - z[:, :-1]).flatten(0, 1).std(dim=0)
    torch.testing.assert_close(model.change, change)
    unit, errors = change.clamp_min(LEAST_CHANGE), []
    for b in range(6):
        lead = (members, 1) if members > 1 else (1,)
        guess = z[b, 0].expand(*lead, 4)
        for t in range(3):
            guess = model.predict(guess, actions[b, t].expand(*lead, 2))
            errors.append(((guess - z[b, t + 1]) / unit).square())
    assert loss.item() == pytest.approx(torch.stack(errors).mean().item(), rel=1e-4)


def test_the_unit_follows_slowly_while_training_and_stays_afterwards():
    model, obs, actions = make().train(), {"state": torch.randn(8, 3, 4)}, torch.zeros(8, 2, 2)
    model.loss(obs, actions, progress=0.0, generator=torch.Generator())
    first = model.change.clone()
    model.loss({"state": 3 * obs["state"]}, actions, progress=0.0, generator=torch.Generator())
    torch.testing.assert_close(
        model.change[:3], (0.95 + 0.05 * 3) * first[:3], rtol=1e-4, atol=1e-6
    )
    before = model.eval().change.clone()
    model.loss(obs, actions, progress=0.0, generator=torch.Generator())
    assert torch.equal(model.change, before)


def test_a_new_model_predicts_that_nothing_changes_and_training_predicts_better(tmp_path):
    model, rollouts = make(), gliding(tmp_path / "r")
    z = torch.randn(3, 4)
    assert torch.equal(model.rollout(z, torch.randn(3, 5, 2)), z[:, None].expand(-1, 5, -1))
    train_world_model(
        model, rollouts, make_config(steps=201, learning_rate=5e-3), 1, Trainer(tmp_path, 0)
    )
    lines = Metrics(tmp_path / "metrics.jsonl").read()
    assert lines[-1]["loss"] < 0.2 * lines[0]["loss"]


@pytest.mark.slow
def test_it_trains_and_evaluates_by_the_same_commands_and_wants_no_pictures(tmp_path, capsys):
    tiny = [
        "task=pointmaze-umaze",
        "model=identity",
        "collect.episodes=6",
        "collect.workers=1",
        "model.hidden=16",
        "training.steps=4",
    ]
    tiny += [
        "training.batch=8",
        "cost_to_go.steps=4",
        "cost_to_go.batch=16",
        "probe.steps=2",
        "planner.samples=8",
        "planner.horizon=2",
    ]
    assert cli.main(["train", *tiny, "validation_episodes=1", f"out={tmp_path / 'run'}"]) == 0
    assert (
        cli.main(
            [
                "evaluate",
                f"checkpoint={tmp_path / 'run'}",
                "episodes=1",
                f"out={tmp_path / 'judged'}",
            ]
        )
        == 0
    )
    assert json.loads((tmp_path / "judged" / "results.json").read_text())["episodes"] == 1
    said = refusal(capsys, "train", *tiny, "obs=pixels", f"out={tmp_path / 'seeing'}")
    assert said == "model=identity sees states and nothing else: give obs=state, got pixels"
