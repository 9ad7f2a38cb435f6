"""Environments that are opened, and what cannot be a task is refused in one line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from latent_mpc.envs import registry
from tests.envs.adapters.carts import registered_carts


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    with registered_carts():
        yield


def test_an_environment_that_builds_its_model_at_the_first_reset_is_a_task() -> None:
    task = registry.make("gymnasium", id="LateCart-v0", control_period=0.1)
    assert task.reset(seed=0)[0]["state"].shape == (2,)


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("", "task.id must be given: task.id=Pusher-v5"),
        ("Pusher-v55", "no environment 'Pusher-v55': did you mean Pusher-v5"),
        ("Pushr-v5", "no environment 'Pushr-v5': did you mean Pusher-v5"),
        (
            "CartPole-v1",
            (
                r"CartPole-v1: an environment must have a MuJoCo model and data"
                r" \(env.unwrapped.model, .data\) once it is made, CartPoleEnv"
            ),
        ),
        ("BareCart-v0", "BareCart-v0: an environment must have a MuJoCo model and data"),
        (
            "DiscreteCart-v0",
            (
                r"DiscreteCart-v0: actions must be a vector of numbers \(a Box\), got"
                r" Discrete\(3\); discrete actions cannot"
            ),
        ),
        ("EndlessCart-v0", "EndlessCart-v0: actions must have finite bounds, got Box"),
        ("IdleCart-v0", "IdleCart-v0: there is no actuator, so nothing can be planned"),
        (
            "NaNCart-v0",
            (
                r"NaNCart-v0: its observation after reset\(seed=0\) holds NaN or infinity; mend the"
                r" environment first"
            ),
        ),
        ("RebuiltCart-v0", "RebuiltCart-v0: its reset builds another MuJoCo model or data"),
        (
            "StillCart-v0",
            "StillCart-v0: its step must advance the simulation's clock, which stood still",
        ),
        (
            "no_such_module:Cart-v0",
            (
                "no_such_module:Cart-v0 needs the Python module 'no_such_module', which is not"
                " installed; install it, or"
            ),
        ),
    ],
)
def test_what_cannot_be_a_task_is_refused_in_one_line(id: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        registry.make("gymnasium", id=id)
    assert "\n" not in str(caught.value)
