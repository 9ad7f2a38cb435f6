"""The agent against a plain loop that plans one episode at a time."""

import numpy as np
import pytest
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_planner
from latent_mpc.agent.costs.latent import LatentCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig

STATES, WIDTH, HORIZON = 3, 2, 3
SHAPES = {"state": (STATES,)}


def make_agent(repeat=1, seed=0, shapes=SHAPES):
    """A tiny agent whose predictor makes every action matter."""
    torch.manual_seed(0)
    model = (
        Jepa(JepaConfig(embedding=8, latent=4, hidden=16, width=4), shapes, repeat * WIDTH)
        .eval()
        .requires_grad_(False)
    )
    torch.nn.init.normal_(model.predictor[-1].weight)
    learned = CostToGo(4, CostToGoConfig(hidden=16, metric=4)).requires_grad_(False)
    device = torch.device("cpu")
    planner = make_planner(
        "cem",
        actions=repeat * WIDTH,
        horizon=HORIZON,
        action_repeat=repeat,
        device=device,
        samples=16,
        iterations=2,
    )
    return Agent(Networks(model, learned), planner, LatentCost(), repeat, seed)


def seen(T: int, B: int, seed: int = 1) -> np.ndarray:
    """Observations `[T, B, S]`."""
    return np.random.default_rng(seed).normal(size=(T, B, STATES)).astype(np.float32)


def act_all(agent: Agent, goal: np.ndarray, obs: np.ndarray) -> np.ndarray:
    """Actions `[T, B, A]`."""
    agent.reset({"state": goal})
    return np.stack([agent.act({"state": now}) for now in obs])


def one_at_a_time(
    agent: Agent, i: int, goal: np.ndarray, obs: np.ndarray, resets: dict[int, np.ndarray]
) -> np.ndarray:
    """What episode i should do: the same decisions by a plain loop, a new goal from the steps in
    `resets` on.
    """
    model, repeat, planner = agent.model, agent.action_repeat, agent.planner
    memory, warm = model.memory(1), planner.init(i + 1, agent.seed).select(torch.tensor([i]))
    z_goal, elapsed, actions = model.encode_goal({"state": torch.tensor(goal[i : i + 1])}), 0, []
    for t, now in enumerate(obs):
        if t in resets:
            z_goal, elapsed = model.encode_goal({"state": torch.tensor(resets[t][i : i + 1])}), 0
            memory, warm = model.memory(1), warm.reset(torch.tensor([True]))
        if elapsed % repeat == 0:
            memory = model.observe(memory, {"state": torch.tensor(now[i : i + 1])})
            rest = torch.zeros(1, 1, HORIZON, repeat * WIDTH)
            plan = planner.plan(agent.plan_cost(memory, z_goal), warm, proposals=rest)
            warm = plan.warm.shift(1)
        part = elapsed % repeat
        actions.append(plan.actions[0, 0, part * WIDTH : (part + 1) * WIDTH].numpy())
        elapsed += 1
    return np.stack(actions)


@pytest.mark.parametrize("repeat", [1, 2, 3])
def test_a_batch_acts_as_a_plain_loop_over_episodes_each_step_from_the_true_history(repeat):
    agent, goal, obs = make_agent(repeat), seen(1, 3, seed=2)[0], seen(8, 3)
    actions = act_all(agent, goal, obs)
    assert actions.shape == (8, 3, WIDTH) and actions.dtype == np.float32
    for i in range(3):
        np.testing.assert_allclose(actions[:, i], one_at_a_time(agent, i, goal, obs, {}), atol=1e-4)


@pytest.mark.parametrize("repeat", [1, 2])
def test_after_a_masked_reset_each_episode_goes_on_at_its_own_time_step(repeat):
    agent, goal, other, obs = (
        make_agent(repeat),
        seen(1, 3, seed=2)[0],
        seen(1, 3, seed=3)[0],
        seen(9, 3),
    )
    agent.reset({"state": goal})
    actions = []
    for t, now in enumerate(obs):
        if t == 3:  # in the middle of an action block where they hold two
            agent.reset({"state": other}, np.array([False, True, False]))
        actions.append(agent.act({"state": now}))
    for i in range(3):
        expected = one_at_a_time(agent, i, goal, obs, {3: other} if i == 1 else {})
        np.testing.assert_allclose(np.stack(actions)[:, i], expected, atol=1e-4)


def test_an_episode_alone_acts_as_in_a_batch():
    agent, goal, obs = make_agent(), seen(1, 5, seed=2)[0], seen(6, 5)
    np.testing.assert_allclose(
        act_all(agent, goal[:1], obs[:, :1])[:, 0], act_all(agent, goal, obs)[:, 0], atol=1e-4
    )


def test_the_same_seed_gives_the_same_actions_and_another_seed_others():
    goal, obs = seen(1, 2, seed=2)[0], seen(4, 2)
    first = act_all(make_agent(), goal, obs)
    assert np.array_equal(act_all(make_agent(), goal, obs), first)
    agent = make_agent()
    act_all(agent, goal, obs)
    assert np.array_equal(act_all(agent, goal, obs), first), "a reset of all leaves nothing behind"
    assert not np.array_equal(act_all(make_agent(seed=1), goal, obs), first)


def test_actions_stay_within_bounds_and_are_not_all_at_them():
    actions = act_all(make_agent(2), 100 * seen(1, 4, seed=2)[0], 100 * seen(10, 4))
    assert np.abs(actions).max() <= 1
    assert (np.abs(actions) < 1).any() and (np.abs(actions) > 0.1).any()


def test_an_action_block_is_unpacked_in_order_without_looking_at_what_comes_in_between():
    agent = make_agent(3)
    goal, obs = seen(1, 2, seed=2)[0], seen(6, 2)
    agent.reset({"state": goal})
    taken = []
    for t, now in enumerate(obs):
        taken.append(agent.act({"state": now}))
        if t % 3 == 0:
            blocks = agent.episodes.plan[:, 0].reshape(2, 3, WIDTH).numpy().copy()
        np.testing.assert_array_equal(taken[-1], blocks[:, t % 3])
    blind = obs.copy()
    blind[[1, 2, 4, 5]] = 0
    np.testing.assert_array_equal(act_all(agent, goal, blind), np.stack(taken))


def test_what_is_seen_changes_what_is_done_and_so_does_the_goal():
    agent, goal, obs = make_agent(), seen(1, 2, seed=2)[0], seen(5, 2)
    actions = act_all(agent, goal, obs)
    other = obs.copy()
    other[2, 0] += 1
    changed = (act_all(agent, goal, other) != actions).any(axis=2)
    assert not changed[:2].any() and not changed[:, 1].any()
    assert changed[2:, 0].all(), "plans are made anew from what was seen, and it is remembered"
    changed = (act_all(agent, goal + np.array([[9], [0]], np.float32), obs) != actions).any(axis=2)
    assert changed[:, 0].any() and not changed[:, 1].any()


def test_the_plans_own_cost_is_no_worse_than_staying_still():
    agent, goal, obs = make_agent(), seen(1, 4, seed=2)[0], seen(1, 4)
    act_all(agent, goal, obs)
    now = agent.episodes
    cost = agent.plan_cost(now.memory, now.z_goal)
    both = cost(torch.stack([now.plan, torch.zeros_like(now.plan)], dim=1))
    assert (both[:, 0] < both[:, 1]).all()


def test_a_planner_is_made_for_action_blocks_with_noise_running_through_them():
    planner = make_planner(
        "mppi", actions=6, horizon=4, action_repeat=3, device=torch.device("cpu"), samples=8
    )
    assert planner.low.tolist() == [-1.0] * 6 and planner.high.tolist() == [1.0] * 6
    assert (planner.horizon, planner.algorithm.block, planner.algorithm.samples) == (4, 3, 8)


class Integrator(Jepa):
    """A world that is known: the latent is the last observation, an action moves it by itself."""

    def embed(self, obs):
        return obs["state"]

    def fuse_history(self, frames):
        return frames[..., -1, :]

    def predict(self, z, action):
        return z + action


def make_integrator(name: str = "cem") -> Agent:
    model = Integrator(JepaConfig(embedding=2, latent=2, hidden=4), {"state": (2,)}, 2).eval()
    fields = {"samples": 64, "iterations": 4} if name == "cem" else {}
    planner = make_planner(
        name, actions=2, horizon=HORIZON, action_repeat=1, device=torch.device("cpu"), **fields
    )
    return Agent(
        Networks(model, CostToGo(2, CostToGoConfig(hidden=4, metric=2))), planner, LatentCost()
    )


# the last two differentiate through the model
@pytest.mark.parametrize("name", ["cem", "gradient", "hybrid"])
def test_with_a_true_model_goals_are_reached_and_kept(name):
    agent = make_integrator(name)
    goal, x = np.array([[3, -2], [0, 0], [-1, 4]], np.float32), np.zeros((3, 2), np.float32)
    agent.reset({"state": goal})
    for _ in range(12):
        x = x + agent.act({"state": x})
    assert np.abs(x - goal).max() < 0.1


def test_at_the_goal_it_stays_exactly_still_whatever_it_had_planned():
    agent = make_integrator()
    goal = np.array([[3, -2]], np.float32)
    agent.reset({"state": goal})
    # under way; the plan goes on like that
    assert np.abs(agent.act({"state": np.zeros((1, 2), np.float32)})).max() > 0.5
    assert agent.act({"state": goal}).tolist() == [[0.0, 0.0]]


def test_what_the_plans_lead_to_is_the_rollout_of_the_plans():
    agent, obs = make_agent(2), seen(1, 2)
    act_all(agent, seen(1, 2, seed=2)[0], obs)
    z = agent.model.observe(agent.model.memory(2), {"state": torch.tensor(obs[0])}).z
    imagined = agent.imagined()
    for h in range(HORIZON):
        z = agent.model.predict(z, agent.episodes.plan[:, h])
        torch.testing.assert_close(imagined[:, h], z, rtol=1e-4, atol=1e-5)


def test_state_and_pixels_are_both_seen():
    agent = make_agent(shapes={"state": (STATES,), "pixels": (16, 16, 3)})
    obs = {
        "state": seen(1, 2)[0],
        "pixels": np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8),
    }
    held = []
    for other in ({}, {"pixels": 255 - obs["pixels"]}, {"state": obs["state"] + 1}):
        agent.reset(obs)
        agent.act({**obs, **other})
        held.append(agent.episodes.memory.z)
    torch.testing.assert_close(
        held[0], agent.model.encode_goal({key: torch.tensor(value) for key, value in obs.items()})
    )
    assert (held[1] - held[0]).abs().max() > 1e-3 and (held[2] - held[0]).abs().max() > 1e-3


def test_acting_without_a_goal_or_resetting_some_of_none_is_refused():
    agent = make_agent()
    with pytest.raises(ValueError, match=r"no goal yet; call reset\(goal\) first"):
        agent.act({"state": seen(1, 2)[0]})
    with pytest.raises(ValueError, match=r"no goal yet; call reset\(goal\) first"):
        agent.reset({"state": seen(1, 2)[0]}, np.array([True, False]))


def test_an_observation_that_is_missing_or_of_another_shape_is_refused_by_name():
    agent = make_agent(shapes={"state": (STATES,), "pixels": (16, 16, 3)})
    with pytest.raises(KeyError, match="needs the observations state, pixels; missing: pixels"):
        agent.reset({"state": seen(1, 2)[0]})
    with pytest.raises(
        ValueError, match=r"goal 'pixels' must be \[B, 16, 16, 3\], got \[2, 32, 32, 3\]"
    ):
        agent.reset({"state": seen(1, 2)[0], "pixels": np.zeros((2, 32, 32, 3), np.uint8)})
    with pytest.raises(ValueError, match=r"goal 'state' must be \[B, 3\], got \[3\]"):
        agent.reset({"state": seen(1, 1)[0, 0], "pixels": np.zeros((1, 16, 16, 3), np.uint8)})


def test_another_number_of_episodes_is_refused():
    agent = make_agent()
    agent.reset({"state": seen(1, 3)[0]})
    with pytest.raises(ValueError, match="observations must be of 3 episodes, got 2"):
        agent.act({"state": seen(1, 2)[0]})
    with pytest.raises(ValueError, match=r"must be of 3 episodes, got \(2,\) and 3"):
        agent.reset({"state": seen(1, 3)[0]}, np.array([True, False]))
    with pytest.raises(ValueError, match=r"must be of 3 episodes, got \(3,\) and 2"):
        agent.reset({"state": seen(1, 2)[0]}, np.array([True, False, True]))


def test_float64_observations_act_as_float32_ones():
    agent, goal, obs = make_agent(), seen(1, 2, seed=2)[0], seen(2, 2)
    expected = act_all(agent, goal, obs)
    np.testing.assert_array_equal(
        act_all(agent, goal.astype(np.float64), obs.astype(np.float64)), expected
    )
