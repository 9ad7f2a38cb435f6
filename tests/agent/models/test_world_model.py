"""The world model: memory, goals at rest, imagined rollouts."""

import pytest
import torch

from latent_mpc.agent.models.jepa import Jepa, JepaConfig

SHAPES = {
    "state": {"state": (5,)},
    "pixels": {"pixels": (16, 16, 3)},
    "both": {"pixels": (16, 16, 3), "state": (5,)},
}
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def make(obs="state", history=3, actions=2):
    """A tiny model in evaluation mode whose every weight and running statistic matters."""
    torch.manual_seed(0)
    model = Jepa(
        JepaConfig(embedding=8, latent=6, history=history, hidden=16, width=4), SHAPES[obs], actions
    )
    torch.nn.init.normal_(model.predictor[-1].weight)
    model.normalise.running_mean.normal_()
    model.normalise.running_var.uniform_(0.5, 2.0)
    return model.eval().requires_grad_(False)


def observations(obs, *lead):
    generator = torch.Generator().manual_seed(1)
    drawn = {
        "state": torch.randn(*lead, 5, generator=generator),
        "pixels": torch.randint(0, 256, (*lead, 16, 16, 3), generator=generator, dtype=torch.uint8),
    }
    return {key: drawn[key] for key in SHAPES[obs]}


def at(obs, t):
    return {key: value[:, t] for key, value in obs.items()}


@pytest.mark.parametrize("obs", SHAPES)
def test_the_first_observation_counts_as_seen_at_rest_just_as_a_goal_does(obs):
    model, seen = make(obs), observations(obs, 4)
    memory = model.observe(model.memory(4), seen)
    torch.testing.assert_close(memory.z, model.encode_goal(seen), **CLOSE)
    assert not memory.fresh.any()
    still = model.observe(memory, seen)
    torch.testing.assert_close(still.z, memory.z, **CLOSE)


@pytest.mark.parametrize("obs", SHAPES)
@pytest.mark.parametrize("history", [1, 2, 3])
def test_observing_step_by_step_gives_the_latents_of_the_window(obs, history):
    model, seen = make(obs, history), observations(obs, 3, 6)
    memory, latents = model.memory(3), []
    for t in range(6):
        memory = model.observe(memory, at(seen, t), torch.zeros(3, 2))
        latents.append(memory.z)
    window = model.encode(seen)  # from frame `history` on
    assert window.shape == (3, 6 - history + 1, 6)
    torch.testing.assert_close(torch.stack(latents[history - 1 :], dim=1), window, **CLOSE)


def test_the_latent_depends_on_the_last_three_frames_and_on_no_earlier_one():
    model, seen = make(), observations("state", 1, 6)
    reference = model.encode(seen)[0, -1]
    for t in range(6):
        other = {"state": seen["state"].clone()}
        other["state"][:, t] += 1
        assert torch.allclose(model.encode(other)[0, -1], reference) == (t < 3)


def test_two_ways_to_the_same_frame_give_two_latents():
    model, seen = make(), observations("state", 2, 3)
    seen["state"][:, -1] = seen["state"][0, -1]
    a, b = model.encode(seen)[:, -1]
    assert (a - b).abs().max() > 1e-3


def test_several_keys_are_added_up_and_each_matters():
    model, seen = make("both"), observations("both", 2)
    expected = model.encoders["state"](seen["state"]) + model.encoders["pixels"](seen["pixels"])
    torch.testing.assert_close(model.embed(seen), expected)
    for key in seen:
        assert not torch.allclose(model.embed({**seen, key: seen[key].flip(0)}), expected)


def test_the_order_of_keys_changes_neither_weights_nor_latents():
    config = JepaConfig(embedding=8, latent=6, hidden=16, width=4)
    models = []
    for keys in (("state", "pixels"), ("pixels", "state")):
        torch.manual_seed(0)
        models.append(Jepa(config, {key: SHAPES["both"][key] for key in keys}, 2).eval())
    seen = observations("both", 2)
    assert torch.equal(
        models[0].encode_goal(seen), models[1].encode_goal(dict(reversed(seen.items())))
    )


def test_memory_is_a_value_selected_put_back_and_reset_by_episode():
    model, seen = make(), observations("state", 4, 3)
    memory = model.memory(4)
    for t in range(2):
        memory = model.observe(memory, at(seen, t))
    before = [part.clone() for part in memory]
    index = torch.tensor([2, 0])
    some = memory.select(index)
    for part, whole in zip(some, memory, strict=True):
        assert torch.equal(part, torch.stack([whole[2], whole[0]]))
    new = model.observe(some, {"state": seen["state"][index, 2]})
    together = memory.put(index, new)
    assert torch.equal(together.z, torch.stack([new.z[1], memory.z[1], new.z[0], memory.z[3]]))
    assert torch.equal(together.frames[2], new.frames[0])
    forgot = memory.reset(torch.tensor([False, True, False, False]))
    assert forgot.fresh.tolist() == [False, True, False, False]
    assert forgot.reset(torch.tensor([True, False, False, False])).fresh.tolist() == [
        True,
        True,
        False,
        False,
    ]
    for part, old in zip(memory, before, strict=True):
        assert torch.equal(part, old), "nothing above may change it in place"


def test_a_reset_episode_starts_at_rest_while_the_others_go_on():
    model, seen = make(), observations("state", 3, 4)
    kept = model.memory(3)
    for t in range(3):
        kept = model.observe(kept, at(seen, t))
    mask = torch.tensor([False, True, False])
    after = model.observe(kept.reset(mask), at(seen, 3))
    on = model.observe(kept, at(seen, 3))
    torch.testing.assert_close(after.z[[0, 2]], on.z[[0, 2]], **CLOSE)
    torch.testing.assert_close(after.z[1], model.encode_goal(at(seen, 3))[1], **CLOSE)
    assert not torch.allclose(after.z[1], on.z[1])
    assert not after.fresh.any()
    once_more = model.observe(after, at(seen, 0)).frames[1]
    torch.testing.assert_close(once_more[0], once_more[1])  # two frames at rest, then the new one


@pytest.mark.parametrize("obs", SHAPES)
def test_imagining_is_predicting_step_by_step_for_every_candidate(obs):
    model, seen = make(obs), observations(obs, 2, 3)
    memory = model.memory(2)
    for t in range(3):
        memory = model.observe(memory, at(seen, t))
    actions = torch.randn(2, 4, 5, 2, generator=torch.Generator().manual_seed(2))
    imagined = model.imagine(memory, actions)
    assert imagined.shape == (1, 2, 4, 5, 6)
    for b in range(2):
        for n in range(4):
            z = memory.z[b]
            for h in range(5):
                z = z + model.predictor(torch.cat([z, actions[b, n, h]]))
                torch.testing.assert_close(imagined[0, b, n, h], z, **CLOSE)


def test_a_new_model_predicts_that_nothing_changes():
    torch.manual_seed(0)
    model = Jepa(JepaConfig(embedding=8, latent=6, hidden=16), SHAPES["state"], 2)
    z = torch.randn(3, 6)
    assert torch.equal(model.rollout(z, torch.randn(3, 4, 2)), z[:, None].expand(-1, 4, -1))


def test_while_training_the_latents_have_mean_zero_and_variance_one_in_each_dimension():
    model = make().train()
    z = model.encode(observations("state", 32, 5)).flatten(0, 1)
    torch.testing.assert_close(z.mean(dim=0), torch.zeros(6), rtol=0, atol=1e-5)
    torch.testing.assert_close(z.var(dim=0, unbiased=False), torch.ones(6), rtol=0.01, atol=0)


def test_the_inverse_model_sees_both_latents():
    model = make()
    z, z_next = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))
    action = model.invert(z, z_next)
    assert action.shape == (3, 2)
    assert not torch.allclose(action, model.invert(z.flip(0), z_next))
    assert not torch.allclose(action, model.invert(z, z_next.flip(0)))


def test_a_model_without_an_observation_or_with_odd_pixels_is_refused():
    with pytest.raises(ValueError, match="needs an observation: state, pixels or both"):
        Jepa(JepaConfig(), {}, 2)
    for shape in ((40, 40, 3), (32, 16, 3)):
        with pytest.raises(
            ValueError, match=r"square with a side that is a multiple of 16, got \(" + str(shape[0])
        ):
            Jepa(JepaConfig(), {"pixels": shape}, 2)


def test_less_than_no_octaves_are_refused():
    with pytest.raises(ValueError, match="octaves must be at least 0, got -1"):
        JepaConfig(octaves=-1)


@pytest.mark.parametrize("field", ["embedding", "latent", "history", "hidden", "width"])
def test_a_size_below_one_is_refused_by_name(field):
    with pytest.raises(ValueError, match=f"{field} must be at least 1, got 0"):
        JepaConfig(**{field: 0})


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_everything_a_model_makes_lives_where_the_model_lives(device):
    model, seen = make().to(device), {"state": torch.zeros(2, 5, device=device)}
    memory = model.observe(model.memory(2), seen)
    imagined = model.imagine(memory.reset(memory.fresh), torch.zeros(2, 3, 4, 2, device=device))
    assert {
        part.device.type for part in (*model.memory(2), *memory, imagined, model.encode_goal(seen))
    } == {device}
