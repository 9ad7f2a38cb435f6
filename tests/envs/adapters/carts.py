"""Carts on a rail, registered for a test; some are spoilt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium.spaces import Box, Discrete

CART = """<mujoco><option timestep="0.01"/><worldbody><body><joint name="x" type="slide" axis="1 0 0" damping="2" {}/>
<geom size=".1" rgba="1 1 1 0"/></body></worldbody><actuator><motor joint="x" gear="5"/></actuator></mujoco>"""


class Cart(gymnasium.Env[np.ndarray, np.ndarray]):
    """Pushed along a rail; its step and its reset can be spoilt."""

    def __init__(
        self, spoilt: str = "", actions: Any = None, limits: str = 'range="-1 1" limited="true"'
    ) -> None:
        self.action_space = actions or Box(-2.0, 2.0, (1,))
        self.spoilt = spoilt
        if spoilt != "no model":
            self.model = mujoco.MjModel.from_xml_string(CART.format(limits))
            self.data = mujoco.MjData(self.model)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        if self.spoilt == "rebuilt":
            self.data = mujoco.MjData(self.model)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = (
            np.random.uniform(-0.5, 0.5)
            if self.spoilt == "global"
            else self.np_random.uniform(-0.5, 0.5)
        )
        return np.array([np.nan if self.spoilt == "nan" else 0.0]), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.data.ctrl[:] = action
        if self.spoilt == "pushed":
            self.data.qvel[:] += 0.5
        if self.spoilt != "still":
            mujoco.mj_step(self.model, self.data, 2)
        return np.zeros(1), 0.0, False, False, {}


class LateCart(Cart):
    """Builds its model at the first reset, as OGBench's cubes do."""

    def __init__(self) -> None:
        self.built = True
        super().__init__()
        self.built = False

    @property
    def model(self) -> mujoco.MjModel:
        if not self.built:
            raise ValueError("not yet")
        return self._model

    @model.setter
    def model(self, model: mujoco.MjModel) -> None:
        self._model = model

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        self.built = True
        return super().reset(**options)


@contextmanager
def registered_carts() -> Iterator[None]:
    spoilt: dict[str, dict[str, Any]] = {
        "": {},
        "NaN": {"spoilt": "nan"},
        "Still": {"spoilt": "still"},
        "Rebuilt": {"spoilt": "rebuilt"},
        "Global": {"spoilt": "global"},
        "Pushed": {"spoilt": "pushed"},
        "Bare": {"spoilt": "no model"},
        "Discrete": {"actions": Discrete(3)},
        "Endless": {"actions": Box(-np.inf, np.inf, (1,))},
        "Idle": {"actions": Box(-1.0, 1.0, (0,))},
        "Rail": {"limits": ""},
    }
    for name, kwargs in spoilt.items():
        gymnasium.register(f"{name}Cart-v0", partial(Cart, **kwargs))
    gymnasium.register("LateCart-v0", partial(LateCart))
    yield
    for name in [*spoilt, "Late"]:
        gymnasium.registry.pop(f"{name}Cart-v0")
