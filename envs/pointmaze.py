"""PointMaze: a force-driven ball has to come to a given place in a maze.

The model is written from a map of `envs/mazes.py`: walls are boxes, the ball slides on two joints,
and contact without friction stops it at a wall and lets it slide along. The goal is not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs import mazes
from latent_mpc.envs.geodesic import Geodesic
from latent_mpc.envs.task import Task

RADIUS = 0.2  # [m] of the ball; a cell is 1 m
MARGIN = 0.02  # [m] further from the walls at the start and at the goal: no contact at rest
TOLERANCE = 0.3  # [m] between ball and goal
TOP_SPEED = 2.5  # [m/s] of x and of y: force over damping
COAST = 0.3  # [s] time constant: mass over damping
# weight of speed in steps_to_go: prefers rest at the goal; at 0.2 `follow` took 1 step longer on
# `large` (mean of 40 pairs)
SETTLE = 0.1
WALL_HEIGHT = 0.4  # [m]
BORDER = 0.2  # [m] of the outer walls inside the picture
# [picture widths]: at the picture's rim a wall's top then leans out by 2.5 cm only
CAMERA_HEIGHT = 8.0
SIDE = (0.766, 0.643)  # cosine and sine of the 40 degrees at which the other camera stands

# [control steps] 1.5 times what `follow` needs for 95 % of pairs, rounded up to 10: `python -m
# benchmarks.tables.episode_lengths`
EPISODE_STEPS = {  # needed by 50 % / 95 % / all of the first 200 pairs of seed 0
    "open": 30,  # 12 / 19.0 / 21
    "wall": 50,  # 16 / 30.0 / 39
    "umaze": 40,  # 10 / 24.1 / 30
    "medium": 60,  # 18 / 34.0 / 41
    "large": 110,  # 34 / 67.0 / 79
    "giant": 140,  # 51 / 90.0 / 115
}


class PointMaze(Task):
    """State: x, y [m] and their velocities [m/s]. Distance: between the balls, straight [m].

    Args:
        maze: name of a map in `envs/mazes.py`.
        start: cell (row, column) from which states are drawn; none: from the whole maze.
        options: those of `Task`.

    Raises:
        KeyError: no maze of that name. ValueError: start is no free cell.
    """

    unit = "m"
    control_period = 0.1

    def __init__(self, maze: str = "umaze", *, start: Sequence[int] = (), **options: Any) -> None:
        self.walls = mazes.walls_of(maze)
        free = np.argwhere(~self.walls).tolist()
        if start and list(start) not in free:
            raise LatentMPCError(
                f"start must be a free cell [row, column] of {maze}, such as {free[0]} and"
                f" {free[-1]}; got {list(start)}"
            )
        # of what states are drawn from
        self._middle = mazes.centre(self.walls, np.array(start)) if start else np.zeros(2)
        self._half = np.full(2, 0.5) if start else np.array(self.walls.shape[::-1]) / 2
        self.name, self.episode_steps = (
            f"pointmaze-{maze}",
            EPISODE_STEPS.get(maze) or _unmeasured_steps(self.walls),
        )
        self._boxes, self._ways = mazes.boxes(self.walls), Geodesic(self.walls, RADIUS)
        super().__init__(mujoco.MjModel.from_xml_string(mjcf(self.walls)), **options)

    def draw_state(self, rng: np.random.Generator) -> np.ndarray:
        while True:
            point = self._middle + rng.uniform(-self._half, self._half)
            if mazes.clearance(self._boxes, point[None])[0] >= RADIUS + MARGIN:
                return self.rest_state(point)

    def state_vector(self) -> np.ndarray:
        return np.concatenate([self.data.qpos, self.data.qvel]).astype(np.float32)

    def distance(self, state: np.ndarray, goal: np.ndarray) -> float:
        return float(np.linalg.norm(self.qpos_qvel(state)[0] - self.qpos_qvel(goal)[0]))

    def reached(self, state: np.ndarray, goal: np.ndarray) -> bool:
        return self.distance(state, goal) <= TOLERANCE

    def steps_to_go(self, states: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Time at top speed along the shortest way from where the ball would come to rest, and a
        little for the speed it has.

        Full force moves the resting point, position + COAST x velocity, at exactly TOP_SPEED,
        whatever the velocity.
        """
        position, velocity = self.qpos_qvel(states)
        rest = self._ways.slide(position, COAST * velocity)
        speed = np.abs(velocity).max(axis=-1) / TOP_SPEED
        seconds = self._ways.to(self.qpos_qvel(goal)[0], rest) / TOP_SPEED + SETTLE * COAST * speed
        return seconds / self.control_period

    def tracked_point(self, state: np.ndarray) -> np.ndarray:
        position, _ = self.qpos_qvel(state)
        return np.concatenate([position, np.full_like(position[..., :1], RADIUS)], axis=-1)


def follow(task: PointMaze, state: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """A simple privileged controller: of 82 actions `[2]`, the one after which `steps_to_go` is
    least, walls unseen on the way.
    """
    position, velocity = task.qpos_qvel(state)
    straight = (task.qpos_qvel(goal)[0] - position - COAST * velocity) / (
        TOP_SPEED * task.control_period
    )
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 2), axis=-1).reshape(-1, 2)
    # the last one ends at the goal where nothing is in between
    actions = np.concatenate([grid, np.clip(straight, -1, 1)[None]])
    decay = np.exp(-task.control_period / COAST)
    after = np.repeat(state[None], len(actions), axis=0)
    after[:, 3:5] = decay * velocity + (1 - decay) * TOP_SPEED * actions
    after[:, 1:3] = (
        position + COAST * (velocity - after[:, 3:5]) + TOP_SPEED * task.control_period * actions
    )
    return actions[np.argmin(task.steps_to_go(after, goal))]


def mjcf(walls: np.ndarray) -> str:
    """The MJCF of a maze with walls, bool `[rows, columns]`."""
    rows, columns = walls.shape
    width = max(rows, columns) - 2 + 2 * BORDER  # [m] of the picture
    fovy = 2 * np.rad2deg(np.arctan(0.5 / CAMERA_HEIGHT))
    away = (CAMERA_HEIGHT + SIDE[0] / 2) * width  # [m] from which the nearest corners are seen
    wall = '<geom type="box" pos="{:g} {:g} {:g}" size="{:g} {:g} {:g}" rgba="0.55 0.62 0.72 1"/>'
    wall_geoms = "\n    ".join(
        wall.format(x, y, WALL_HEIGHT / 2, w, h, WALL_HEIGHT / 2)
        for x, y, w, h in mazes.boxes(walls)
    )
    return f"""<mujoco model="pointmaze">
  <option timestep="0.01" gravity="0 0 0" integrator="implicitfast"/>
  <visual>
    <global offwidth="1024" offheight="1024"/>
    <headlight ambient="0.45 0.45 0.45" diffuse="0.5 0.5 0.5" specular="0.1 0.1 0.1"/>
  </visual>
  <default>
    <geom condim="1" solref="0.02 1" solimp="0.95 0.99 0.001"/>
  </default>
  <worldbody>
    <light directional="true" pos="0 0 10" dir="-0.25 -0.35 -0.9"/>
    <camera name="observer" pos="0 0 {RADIUS + CAMERA_HEIGHT * width:g}"
            xyaxes="1 0 0 0 1 0" fovy="{fovy:g}"/>
    <camera name="side" pos="0 {-SIDE[0] * away:g} {SIDE[1] * away:g}"
            xyaxes="1 0 0 0 {SIDE[1]:g} {SIDE[0]:g}" fovy="{fovy:g}"/>
    <geom name="floor" type="plane" size="{columns / 2:g} {rows / 2:g} 0.1"
          contype="0" conaffinity="0" rgba="0.17 0.18 0.22 1"/>
    {wall_geoms}
    <body name="ball" pos="0 0 {RADIUS:g}">
      <joint name="x" type="slide" axis="1 0 0" damping="{1 / COAST:g}"/>
      <joint name="y" type="slide" axis="0 1 0" damping="{1 / COAST:g}"/>
      <geom name="ball" type="sphere" size="{RADIUS:g}" mass="1" rgba="0.98 0.45 0.12 1"/>
    </body>
  </worldbody>
  <actuator>
    <motor name="x" joint="x" gear="{TOP_SPEED / COAST:g}" ctrlrange="-1 1"/>
    <motor name="y" joint="y" gear="{TOP_SPEED / COAST:g}" ctrlrange="-1 1"/>
  </actuator>
</mujoco>"""


def _unmeasured_steps(walls: np.ndarray) -> int:
    """Episode length of a map without a row in EPISODE_STEPS: 1.5 times its longest way at top
    speed and a second to settle.
    """
    longest = max(
        mazes.cell_distances(walls, (r, c))[~walls].max() for r, c in np.argwhere(~walls).tolist()
    )
    return int(np.ceil(1.5 * (longest / TOP_SPEED + 1.0) * 10 / 10) * 10)
