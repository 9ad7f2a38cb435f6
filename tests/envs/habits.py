"""Carts with the habits of people's own environments: each subclass adds one."""

from __future__ import annotations

import random
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium.envs.mujoco.hopper_v5 import HopperEnv
from gymnasium.spaces import Box

XML = """<mujoco><option timestep="0.005"/><worldbody>
<body name="goal" pos="0 .5 0"><geom size=".08" contype="0" conaffinity="0" rgba="0 1 0 1"/></body>
<body name="cart"><joint name="x" type="slide" axis="1 0 0" range="-1 1" damping="2"/><geom size="0.1"/></body>
</worldbody><actuator><motor joint="x" gear="20" ctrlrange="-1 1"/></actuator></mujoco>"""


class Cart(gymnasium.Env[Any, np.ndarray]):
    """Pushed along a rail; a subclass adds its habit."""

    action_space = Box(-1, 1, (1,), np.float32)

    def __init__(self) -> None:
        self.model = mujoco.MjModel.from_xml_string(XML)
        self.data = mujoco.MjData(self.model)
        self.rng = np.random.default_rng()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[0] = self.np_random.uniform(-0.8, 0.8)
        self.begun()
        return self.data.qpos.copy(), {}

    def begun(self) -> None:
        """The end of a reset."""

    def step(self, action: np.ndarray) -> Any:
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data, 10)
        return self.data.qpos.copy(), 0.0, False, False, {}


class PythonReset(Cart):
    def begun(self) -> None:
        self.data.qpos[0] = random.uniform(-0.8, 0.8)


class NoSuper(Cart):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return super().reset()  # the seed is lost


class OwnReset(Cart):
    def begun(self) -> None:
        self.data.qpos[0] = self.rng.uniform(-0.8, 0.8)


class OwnModel(Cart):
    def begun(self) -> None:
        self.model.dof_damping[0] = self.rng.uniform(1, 9)


class DrawsWhenMade(Cart):
    def __init__(self) -> None:
        super().__init__()
        self.model.body_mass[2] *= self.np_random.uniform(1, 2)


class GlobalWhenMade(Cart):
    def __init__(self) -> None:
        super().__init__()
        self.model.body_mass[2] *= np.random.uniform(1, 2) * random.uniform(1, 2)


class OwnShown(Cart):
    def reset(self, **options: Any) -> Any:
        return {"cart": super().reset(**options)[0], "goal": self.rng.uniform(-1, 1, 1)}, {}


class Leftover(Cart):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        gymnasium.Env.reset(self, seed=seed)
        self.data.qpos[0] = self.np_random.uniform(-0.8, 0.8)  # and the velocity stays
        return self.data.qpos.copy(), {}


class NumpyNoise(Cart):
    def step(self, action: np.ndarray) -> Any:
        self.data.qvel[0] += 0.05 * self.np_random.standard_normal()
        return super().step(action)


class PythonNoise(Cart):
    def step(self, action: np.ndarray) -> Any:
        return super().step(action * (1 + random.gauss(0, 0.3)))


class OwnNoise(Cart):
    def step(self, action: np.ndarray) -> Any:
        self.data.qvel[0] += 0.05 * self.rng.standard_normal()
        return super().step(action)


class Gain(Cart):
    """Domain randomisation that is kept in Python."""

    def begun(self) -> None:
        self.gain = self.np_random.uniform(0.5, 1)

    def step(self, action: np.ndarray) -> Any:
        return super().step(self.gain * action)


class Damping(Cart):
    def begun(self) -> None:
        self.model.dof_damping[0] = self.np_random.uniform(1, 50)


class Gravity(Cart):
    def begun(self) -> None:
        self.model.opt.gravity[0] = self.np_random.uniform(-3, 3)
        self.model.opt.viscosity = self.np_random.uniform(0, 1)


class Drifts(Cart):
    """Each reset starts from what the one before has left."""

    def begun(self) -> None:
        self.model.dof_damping[0] *= self.np_random.uniform(1.1, 1.5)


class Wears(Cart):
    """Smoother with every step: a memory in the model."""

    def step(self, action: np.ndarray) -> Any:
        self.model.dof_damping[0] *= 0.9
        return super().step(action)


class Marker(Cart):
    def begun(self) -> None:
        self.model.body_pos[1] = [self.np_random.uniform(-0.8, 0.8), 0.5, 0]
        mujoco.mj_forward(self.model, self.data)


class Colours(Cart):
    def begun(self) -> None:
        self.model.geom_rgba[1] = [*self.np_random.uniform(0, 1, 3), self.np_random.integers(2)]


class StepsAfterEnd(Cart):
    def begun(self) -> None:
        self.t = 0

    def step(self, action: np.ndarray) -> Any:
        if self.t >= 20:
            raise RuntimeError("step called after the episode ended")
        self.t += 1
        obs, *_ = super().step(action)
        return obs, 0.0, False, self.t >= 20, {}


class StrictHopper(HopperEnv):
    """Gymnasium's, with contacts, and its end in the older style."""

    done = False

    def reset(self, **options: Any) -> Any:
        self.done = False
        return super().reset(**options)

    def step(self, action: np.ndarray) -> Any:
        assert not self.done
        obs, reward, self.done, _, info = super().step(action)
        return obs, reward, self.done, info


class Raises(Cart):
    def step(self, action: np.ndarray) -> Any:
        result = super().step(action)
        if abs(self.data.qpos[0]) > 0.9:
            raise ValueError("cart left\nthe rail")
        return result


class Asserts(Cart):
    def step(self, action: np.ndarray) -> Any:
        if abs(self.data.qpos[0]) > 0.9:
            raise AssertionError
        return super().step(action)


class Exits(Cart):
    def step(self, action: np.ndarray) -> Any:
        if abs(self.data.qpos[0]) > 0.9:
            raise SystemExit
        return super().step(action)


class SomeSeeds(Cart):
    def begun(self) -> None:
        if self.np_random.uniform() < 0.3:
            raise LookupError("no pose without a collision")


class Unmade(Cart):
    def __init__(self) -> None:
        raise AssertionError


class Miscalled(Cart):
    def __init__(self) -> None:
        len(3)  # type: ignore[arg-type]


class Unequipped(Cart):
    def __init__(self) -> None:
        raise gymnasium.error.DependencyNotInstalled("pip install it")


HABITS = {habit.__name__: habit for habit in [*Cart.__subclasses__(), StrictHopper]}
