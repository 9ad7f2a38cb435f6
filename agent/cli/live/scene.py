"""The robot in 3-D, as viser draws it: what stands, the robot, its goal as a ghost, its dream, and
plans as lines. Everything comes from the MuJoCo model.

Bodies are frames that move, geoms hang on them and are sent once.

Shapes: n simulator state, H horizon, K plans.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
import viser

from latent_mpc.agent.cli.live.snapshot import Snapshot
from latent_mpc.agent.cli.live.solids import PLANE, solid
from latent_mpc.envs.cameras.lens import Perspective
from latent_mpc.envs.cameras.ray import drawn_geoms, geom_rgba
from latent_mpc.envs.cameras.view import View
from latent_mpc.envs.simulator_state import INTEGRATION
from latent_mpc.envs.task import Task

BEST, OTHER = (255, 176, 32), (120, 132, 150)  # of plans
GHOST, DREAM = (80, 200, 120), (170, 110, 255)  # of the goal, of the dream
FAINT = 0.35  # opacity of a ghost
LARGER = 1.03  # than the robot: surfaces in one place flicker
LINE = 0.006  # width of a plan [of the view's distance]
STEEP = 0.85  # of a view's direction: from above one sees no third dimension
LENS = np.deg2rad(50.0)  # of the page
FARTHER = 1.25  # than a view from above: what lies nearer looks larger
TILT = np.deg2rad(55.0)  # elevation of a view that would be steeper


class Poses(NamedTuple):
    """Places `[nbody, 3]` and attitudes `[nbody, 4]` of bodies."""

    position: np.ndarray
    wxyz: np.ndarray


class Scene:
    """What is drawn of a task on a server."""

    def __init__(self, server: viser.ViserServer, task: Task, start: np.ndarray) -> None:
        self.server, self.task, self.model = server, task, task.model
        self.data = mujoco.MjData(task.model)
        moves = self.model.body_weldid != 0
        self.moving = np.flatnonzero(moves)
        self.eye, self.centre = self._view(start)
        self.width = LINE * float(np.linalg.norm(self.eye - self.centre))
        self._frames: dict[str, dict[int, viser.FrameHandle]] = {}
        self._shown: dict[str, Poses] = {}
        poses = self.poses(start)
        self._build("scene", np.flatnonzero(~moves), poses)
        self._build("robot", self.moving, poses)
        self._build("goal", self.moving, poses, GHOST, FAINT)
        self._build("dream", self.moving, poses, DREAM, FAINT)
        self.show("dream", None)
        if not len(self._frames["scene"]):  # something to see depth by
            half = float(np.linalg.norm(self.eye - self.centre))
            server.scene.add_grid(
                "/ground",
                width=2 * half,
                height=2 * half,
                cell_size=half / 8,
                section_size=half / 2,
                cell_color=(45, 48, 54),
                section_color=(70, 75, 84),
                position=(self.centre[0], self.centre[1], poses.position[:, 2].min() - half / 20),
            )
        nothing = np.zeros((0, 2, 3), np.float32)
        self.best = server.scene.add_line_segments(
            "/plans/best", nothing, BEST, thickness=1.6 * self.width
        )
        self.others = server.scene.add_line_segments(
            "/plans/others", nothing, OTHER, thickness=0.6 * self.width
        )
        self._lights()

    def poses(self, state: np.ndarray) -> Poses:
        """Where the bodies are in a simulator state `[n]`."""
        mujoco.mj_setState(self.model, self.data, state, INTEGRATION)
        mujoco.mj_kinematics(self.model, self.data)
        return Poses(self.data.xpos.copy(), self.data.xquat.copy())

    def between(self, snapshot: Snapshot, now: float) -> Poses:
        """Where the robot's bodies are at a time [s] of a control step."""
        share = float(np.clip((now - snapshot.began) / snapshot.seconds, 0.0, 1.0))
        before, after = self.poses(snapshot.before), self.poses(snapshot.after)
        # the nearer of an attitude's two quaternions
        sign = np.sign((before.wxyz * after.wxyz).sum(axis=-1, keepdims=True) + 1e-12)
        wxyz = before.wxyz + share * (sign * after.wxyz - before.wxyz)
        wxyz /= np.linalg.norm(wxyz, axis=-1, keepdims=True)
        return Poses(before.position + share * (after.position - before.position), wxyz)

    def show(self, name: str, poses: Poses | None) -> None:
        """Move the robot, the goal or the dream; None hides it. What did not move is not sent."""
        known = self._shown.get(name)
        if (poses is None) != (known is None) or name not in self._shown:
            for frame in self._frames[name].values():
                frame.visible = poses is not None
        if poses is None:
            self._shown.pop(name, None)
            return
        for body, frame in self._frames[name].items():
            if known is None or np.abs(poses.position[body] - known.position[body]).max() > 1e-5:
                frame.position = poses.position[body]
            if known is None or np.abs(poses.wxyz[body] - known.wxyz[body]).max() > 1e-5:
                frame.wxyz = poses.wxyz[body]
        self._shown[name] = poses

    def show_plans(self, path: np.ndarray, others: np.ndarray) -> None:
        """The best plan `[H + 1, 3]` bright, others `[K, H + 1, 3]` faint; drawn a little nearer to
        the eye, not to lie within what they start from.
        """
        nearer = self.eye - self.centre
        nearer = 6 * self.width * nearer / np.linalg.norm(nearer)
        for line, paths in ((self.best, path[None]), (self.others, others)):
            # a line that is sent is made anew in the browser, which a slow one falls behind with
            if _apart(line.points, points := segments(paths + nearer)) > self.width / 4:
                line.points = points

    def _build(
        self,
        name: str,
        bodies: np.ndarray,
        poses: Poses,
        colour: tuple[int, int, int] | None = None,
        opacity: float | None = None,
    ) -> None:
        scene, model = self.server.scene, self.model
        rgba, drawn = geom_rgba(model), drawn_geoms(model)
        self._frames[name] = {}
        for body in bodies.tolist():
            geoms = np.flatnonzero(drawn & (model.geom_bodyid == body))
            if not len(geoms):
                continue
            self._frames[name][body] = scene.add_frame(
                f"/{name}/{body}",
                show_axes=False,
                position=poses.position[body],
                wxyz=poses.wxyz[body],
            )
            for geom in geoms.tolist():
                if (made := solid(model, geom)) is None:
                    continue
                alpha = float(rgba[geom, 3]) if opacity is None else opacity
                scene.add_mesh_simple(
                    f"/{name}/{body}/{geom}",
                    made[0].astype(np.float32),
                    made[1].astype(np.uint32),
                    color=colour or tuple((rgba[geom, :3] * 255).astype(int).tolist()),
                    opacity=None if alpha >= 1 else alpha,
                    flat_shading=False,
                    side="double" if int(model.geom_type[geom]) == PLANE else "front",
                    scale=1.0 if opacity is None else LARGER,
                    position=model.geom_pos[geom],
                    wxyz=model.geom_quat[geom],
                    cast_shadow=False,
                    receive_shadow=False,
                )

    def _view(self, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the observer stands and what it looks at `[3]` [m]: as the task's camera does, less
        steeply.
        """
        model, data, camera = self.model, self.data, self.task.camera
        mujoco.mj_setState(model, data, start, INTEGRATION)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)  # cameras that track a centre of mass
        mujoco.mj_camlight(model, data)
        view, lens = camera.view, camera.lens
        if isinstance(view, View):
            eye, axes = view.position, view.axes
        else:
            eye, axes = data.cam_xpos[view].copy(), data.cam_xmat[view].reshape(3, 3)
        forward = -axes[:, 2]
        middle = data.xpos[self.moving].mean(axis=0) if len(self.moving) else np.zeros(3)
        away = max(float((middle - eye) @ forward), 0.1)
        centre = eye + away * forward
        # as near as the page's own lens has to stand
        half = float(np.max(lens.half)) * (away if isinstance(lens, Perspective) else 1.0)
        if -forward[2] > STEEP:
            flat = axes[:2, 1] / max(float(np.linalg.norm(axes[:2, 1])), 1e-9)
            forward = np.array([*(flat * np.cos(TILT)), -np.sin(TILT)])
            half *= FARTHER
        return centre - half / np.tan(LENS / 2) * forward, centre

    def _lights(self) -> None:
        scene = self.server.scene
        scene.configure_default_lights(enabled=False)
        scene.add_light_ambient("/lights/ambient", intensity=1.4)
        scene.add_light_directional(
            "/lights/sun", intensity=1.8, position=tuple(self.eye + [0.3, 0.2, 1.0])
        )


def _apart(before: np.ndarray, after: np.ndarray) -> float:
    """How far the farthest of points has moved [m]; inf where there are others."""
    if before.shape != after.shape:
        return np.inf
    return float(np.abs(before - after).max(initial=0.0))


def segments(paths: np.ndarray) -> np.ndarray:
    """Paths `[K, H + 1, 3]` as pieces `[K H, 2, 3]`."""
    if paths.shape[-2] < 2:
        return np.zeros((0, 2, 3), np.float32)
    return np.stack([paths[:, :-1], paths[:, 1:]], axis=2).reshape(-1, 2, 3).astype(np.float32)
