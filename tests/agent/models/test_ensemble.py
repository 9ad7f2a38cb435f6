"""The ensemble against its members one at a time, disagreement by hand, and what it costs a
plan.
"""

import pytest
import torch

from latent_mpc.agent.build import build, make_agent
from latent_mpc.agent.costs.cost import PlanCost
from latent_mpc.agent.costs.latent import LatentCost, latent_distance
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.models.ensemble import StackedLinear, StackedNorm, disagreement, ensemble
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.agent.models.networks import mlp
from latent_mpc.agent.training.loop import Trainer
from tests.agent.training.test_world_model import gliding, make_config, train_world_model


def make_model(**fields):
    torch.manual_seed(0)
    model = Jepa(
        JepaConfig(embedding=8, latent=4, hidden=16, ensemble=3, **fields), {"state": (4,)}, 2
    )
    torch.nn.init.normal_(model.predictor[-1].weight)
    return model.eval()


def member(stacked, e):
    """One network of an ensemble on its own, copied number by number."""
    inputs, hidden = stacked[0].weight.shape[1:]
    single = mlp(inputs, stacked[-1].weight.shape[2], hidden)
    for one, all_ in zip(single, stacked, strict=True):
        if isinstance(all_, StackedLinear):
            one.weight.data, one.bias.data = all_.weight.data[e].T, all_.bias.data[e, 0]
        if isinstance(all_, StackedNorm):
            one.weight.data, one.bias.data = all_.weight.data[e], all_.bias.data[e]
    return single


def test_an_ensemble_gives_what_each_member_gives_alone():
    stacked = ensemble(3, 5, 2, 16)
    for part in stacked:
        if isinstance(part, StackedNorm):
            torch.nn.init.normal_(part.weight)
            torch.nn.init.normal_(part.bias)
    x = torch.randn(3, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    together = stacked(x)
    assert together.shape == (3, 4, 6, 2)
    for e in range(3):
        torch.testing.assert_close(together[e], member(stacked, e)(x[e]), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(stacked(x[:1].expand_as(x))[0], stacked(x[:1].expand_as(x))[1]), (
        "they begin differently"
    )


def test_each_member_imagines_on_its_own_all_the_way():
    model = make_model()
    memory = model.observe(model.memory(2), {"state": torch.randn(2, 4)})
    actions = torch.rand(2, 5, 3, 2) * 2 - 1
    imagined = model.imagine(memory, actions)
    assert imagined.shape == (3, 2, 5, 3, 4)
    for e in range(3):
        alone = member(model.predictor, e)
        for n in range(5):
            z = memory.z
            for h in range(3):
                z = z + alone(torch.cat([z, actions[:, n, h]], dim=-1))
                torch.testing.assert_close(imagined[e, :, n, h], z, rtol=1e-3, atol=1e-4)


def test_the_loss_is_the_mean_of_the_members_losses():
    model, generator = make_model(), torch.Generator().manual_seed(1)
    z, action = torch.randn(6, 4, 4, generator=generator), torch.randn(6, 3, 2, generator=generator)
    told = model.terms(z, action, 0.0, torch.Generator().manual_seed(0))
    with torch.no_grad():
        alone = [
            (path - z[:, 1:]).square().mean() for path in model.rollout_ensemble(z[:, 0], action)
        ]
    assert told["prediction"].item() == pytest.approx(sum(map(float, alone)) / 3, rel=1e-4)


def test_disagreement_by_hand():
    """Members at (0, 5) and (2, 5): standard deviations 1 and 0, root mean square 1 / sqrt 2."""
    z = torch.tensor([[[0.0, 5.0]], [[2.0, 5.0]]])
    assert disagreement(z).item() == pytest.approx(2**-0.5, rel=1e-5)
    assert disagreement(z[:1]).item() == pytest.approx(0, abs=1e-5)


def test_disagreement_is_added_to_the_distance_of_each_step():
    """Members one unit to both sides of the goal at the second step: mean distance (0, 1),
    disagreement (0, 1).
    """

    class Torn(Jepa):
        def imagine(self, memory, actions):
            path = torch.tensor([0.0, 1.0]).view(1, 1, 2, 1).expand(*actions.shape[:3], 1)
            return torch.stack([path, -path])

    model = Torn(JepaConfig(embedding=2, latent=1, hidden=4), {"state": (1,)}, 1)
    for weight in (0.0, 3.0):
        config = LatentCost(running=1.0, terminal=2.0, disagreement=weight)
        made = PlanCost(
            Networks(model, None), model.memory(1), torch.zeros(1, 1), latent_distance, config
        )
        assert made(torch.zeros(1, 1, 2, 1)).item() == pytest.approx(
            (1 + weight) / 2 + 2 * (1 + weight), rel=1e-4
        )


def test_members_agree_on_data_and_disagree_far_from_them(tmp_path):
    model = make_model()
    train_world_model(
        model,
        gliding(tmp_path / "r"),
        make_config(steps=150, learning_rate=5e-3),
        1,
        Trainer(tmp_path, 0),
    )
    rollouts = gliding(tmp_path / "again")
    near = model.encode_goal({"state": torch.tensor(rollouts.arrays["state"])})
    with torch.no_grad():
        known, unknown = (
            disagreement(model.rollout_ensemble(z, torch.zeros(len(z), 1, 2))).mean()
            for z in (near, near + 5)
        )
    assert unknown > 2 * known


def test_a_penalty_on_disagreement_without_an_ensemble_is_refused():
    sizes = {"embedding": 8, "latent": 4, "hidden": 16}
    task = {"name": "reacher", "action_repeat": 1, "size": 64}
    config = {
        "spaces": {"state": [4]},
        "actions": 2,
        "model": sizes,
        "cost_to_go": {"hidden": 8, "metric": 4},
        "task": task,
    }
    config |= {
        "planner": {"name": "cem", "horizon": 2},
        "cost": {"name": "cost_to_go", "disagreement": 1.0},
    }
    with pytest.raises(
        ValueError,
        match=r"cost.disagreement needs an ensemble: train with model.ensemble of 2 or more",
    ):
        make_agent(build(config))
    make_agent(build(config | {"model": sizes | {"ensemble": 2}}))
    with pytest.raises(ValueError, match="disagreement must be at least 0, got -1.0"):
        LatentCost(disagreement=-1.0)


# Dropout


def test_dropout_is_drawn_from_the_run_s_seed_and_leaves_other_random_numbers_alone(tmp_path):
    weights = []
    for run in range(2):
        model = make_model(dropout=0.5)
        torch.manual_seed(run)
        train_world_model(
            model,
            gliding(tmp_path / f"r{run}"),
            make_config(steps=3),
            1,
            Trainer(tmp_path / str(run), 0),
        )
        drawn = torch.rand(1)
        torch.manual_seed(run)
        assert torch.equal(drawn, torch.rand(1))
        weights.append(model.state_dict())
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_dropout_acts_while_training_only():
    model, z, action = make_model(dropout=0.5), torch.randn(7, 4), torch.zeros(7, 2, 2)
    assert torch.equal(model.rollout_ensemble(z, action), model.rollout_ensemble(z, action))
    model.train()
    assert not torch.equal(model.rollout_ensemble(z, action), model.rollout_ensemble(z, action))
    with pytest.raises(ValueError, match=r"dropout must be a share in \[0, 1\), got 1.0"):
        JepaConfig(dropout=1.0)
