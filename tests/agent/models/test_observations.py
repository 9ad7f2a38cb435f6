"""What the agent takes for observations, and what it refuses: nothing is computed from what is no
picture or no number.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_planner
from latent_mpc.agent.costs.latent import LatentCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.agent.models.observations import as_tensors

SHAPES: dict[str, tuple[int, ...]] = {"state": (3,), "pixels": (16, 16, 3)}
STATE = np.array([[1.0, 2, 3], [4, 5, 6]], np.float32)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
CPU = torch.device("cpu")


def taken(**obs: Any) -> dict[str, torch.Tensor]:
    return as_tensors({"state": STATE, "pixels": PIXELS, **obs}, SHAPES, CPU)


def refused(**obs: Any) -> str:
    with pytest.raises(ValueError) as caught:
        taken(**obs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def frozen(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "state",
    [
        STATE.astype(np.float64),
        STATE.astype(np.float16),
        STATE.astype(">f4"),
        STATE.astype(int),
        STATE.astype(np.uint8),
        STATE[:, ::-1].copy()[:, ::-1],
        np.asfortranarray(STATE),
        np.repeat(STATE, 2, axis=1)[:, ::2],
        frozen(STATE),
        STATE.tolist(),
        torch.tensor(STATE),
        torch.tensor(STATE, dtype=torch.bfloat16),
        torch.tensor(STATE, requires_grad=True),
    ],
    ids=str,
)
def test_states_of_any_real_numbers_in_any_layout_are_the_same(state: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = taken(state=state)["state"]
    assert (tensor.dtype, tensor.requires_grad) == (torch.float32, False)
    assert tensor.tolist() == STATE.tolist()


@pytest.mark.parametrize(
    "pixels",
    [
        PIXELS[:, ::-1].copy()[:, ::-1],
        PIXELS[:, :, ::-1].copy()[:, :, ::-1],
        PIXELS[..., ::-1].copy()[..., ::-1],
        np.asfortranarray(PIXELS),
        frozen(PIXELS),
        torch.tensor(PIXELS),
        torch.tensor(PIXELS).permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1),
    ],
)
def test_pictures_that_are_flipped_or_lie_otherwise_in_memory_are_the_same(pixels: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert taken(pixels=pixels)["pixels"].tolist() == PIXELS.tolist()


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (
            (PIXELS / 255).astype(np.float32),
            "float32 from 0 to 1; give (255 * pixels).round().astype(np.uint8)",
        ),
        (
            torch.tensor(PIXELS / 255),
            "float64 from 0 to 1; give (255 * pixels).round().astype(np.uint8)",
        ),
        (PIXELS.astype(np.float64), "float64 from 0 to 255; give pixels.astype(np.uint8)"),
        (PIXELS.astype(np.int64), "int64 from 0 to 255; give pixels.astype(np.uint8)"),
        (PIXELS > 9, "bool"),
        (PIXELS[:0].astype(np.float32), "float32"),
    ],
)
def test_pictures_of_another_type_are_refused_with_their_range_and_what_would_do(
    pixels: Any, said: str
) -> None:
    assert refused(pixels=pixels) == f"observation 'pixels' must be uint8 from 0 to 255, got {said}"


@pytest.mark.parametrize(
    ("value", "shown"), [(np.nan, "nan"), (-np.inf, "-inf"), (1e300, "1e+300")]
)
def test_a_number_that_is_not_finite_is_refused_naming_key_episode_and_place(
    value: float, shown: str
) -> None:
    state = STATE.astype(np.float64)
    state[1, 2] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = refused(state=state)
    assert (
        said
        == f"observation 'state' of episode 1 must be finite numbers of float32, got {shown} at"
        " index 2"
    )


@pytest.mark.parametrize(
    "state",
    [STATE.astype(bool), STATE.astype(complex), STATE.astype(str), STATE.astype(object)],
    ids=str,
)
def test_what_is_no_real_number_is_refused(state: np.ndarray) -> None:
    assert refused(state=state) == f"observation 'state' must be real numbers, got {state.dtype}"


def test_keys_of_different_numbers_of_episodes_are_refused() -> None:
    assert (
        refused(state=STATE[:1])
        == "every observation must be of the same episodes, got state of 1, pixels of 2"
    )


def test_the_agent_refuses_goals_and_observations_alike_and_goes_on_afterwards() -> None:
    torch.manual_seed(0)
    model = (
        Jepa(JepaConfig(embedding=8, latent=4, hidden=16, width=4), {"state": (3,)}, 2)
        .eval()
        .requires_grad_(False)
    )
    planner = make_planner(
        "cem", actions=2, horizon=2, action_repeat=1, device=CPU, samples=8, iterations=1
    )
    agent = Agent(
        Networks(model, CostToGo(4, CostToGoConfig(hidden=8, metric=4)).requires_grad_(False)),
        planner,
        LatentCost(),
    )
    broken = STATE.copy()
    broken[0, 1] = np.nan
    with pytest.raises(
        ValueError,
        match="^goal 'state' of episode 0 must be finite numbers of float32, got nan at index 1$",
    ):
        agent.reset({"state": broken})
    with pytest.raises(
        ValueError,
        match="^goal of episode 1 must be finite numbers of float32, got inf at index 3$",
    ):
        agent.reset(torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, torch.inf]]))
    agent.reset({"state": STATE})
    with pytest.raises(
        ValueError,
        match=(
            "^observation 'state' of episode 0 must be finite numbers of float32, got nan at"
            " index 1$"
        ),
    ):
        agent.act({"state": broken})
    first = agent.act({"state": STATE})
    agent.reset({"state": STATE})
    tensors: Any = {"state": torch.tensor(STATE)}
    np.testing.assert_array_equal(agent.act(tensors), first)
