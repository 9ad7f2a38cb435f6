"""Optional OpenGL renderer for videos; falls back to the ray camera. Never used for observations.

MuJoCo chooses its OpenGL by `MUJOCO_GL` while it is imported, and `mujoco.Renderer` knows no other
way. Here the context is made directly from `mujoco.egl` or `mujoco.osmesa`, after probing their
libraries by ctypes (`envs/cameras/gl_library.py`), so that neither the variable nor the order of
imports matters and a machine without any library loses nothing but looks.
"""

from __future__ import annotations

import atexit
import copy
import importlib
import weakref
from typing import Protocol

import mujoco
import numpy as np

from latent_mpc.configs.errors import FailedError, LatentMPCError
from latent_mpc.configs.names import CAMERAS
from latent_mpc.envs.cameras.gl_library import find_libraries
from latent_mpc.envs.cameras.ray import AMBIENT, BACKGROUND, RayCamera, find_camera
from latent_mpc.envs.cameras.view import view_camera

DEBIAN = (
    "on Debian: apt-get install --no-install-recommends libegl1 libgl1-mesa-dri libopengl0 (or"
    " libosmesa6 alone)"
)
ANTIALIASING = 4  # samples per pixel
FAR = 1.0  # depth of a pixel that nothing covers
MAX_GEOMS = 2000


class Camera(Protocol):
    """What the video needs of a camera; `RayCamera` and `GLCamera` both are one."""

    def render(self, data: mujoco.MjData) -> np.ndarray:
        """The picture of the current state: uint8 `[H, W, 3]`."""

    def project(self, data: mujoco.MjData, points: np.ndarray) -> np.ndarray:
        """World points `[..., 3]` [m] -> picture positions `[..., 2]` as shares of width and height
        from the top left.
        """


def open_camera(model: mujoco.MjModel, name: str, size: int, backend: str = "auto") -> Camera:
    """A camera of the model for large frames.

    Args:
        name: the camera's name in the model, or a view (`envs/cameras/view.py`).
        size: rows and columns of the picture [pixels].
        backend: "gl" is OpenGL, "ray" the ray camera, "auto" OpenGL where it works and the ray
            camera otherwise.

    Raises:
        ValueError: an unknown backend.
        KeyError: no camera of that name.
        RuntimeError: backend "gl" and no OpenGL that works.
    """
    if backend not in CAMERAS:
        raise LatentMPCError(f"camera backend must be one of {', '.join(CAMERAS)}, got {backend!r}")
    if backend != "ray":
        try:
            return GLCamera(model, name, size)
        except RuntimeError:
            if backend == "gl":
                raise
    # large pictures: two rays per axis leave no visible steps
    return RayCamera(model, name, size, supersample=2)


class GLCamera:
    """A camera of the model, rendered by OpenGL with anti-aliasing and without shadows and
    reflections.

    Shadow maps cost 60 times the rest on a software renderer: 10 against 630 frames/s. Raises as
    `open_camera`.
    """

    def __init__(self, model: mujoco.MjModel, name: str, size: int) -> None:
        self.size = size
        self._view = view_camera(model, find_camera(model, name))
        # of which only `project` is used: one definition for both back ends
        self._geometry = RayCamera(model, name, 1, supersample=1)
        self._model = _light_copy(model, size)
        self._context, self._renderer = _open_context(self._model, size)
        self._scene, self._options = (
            mujoco.MjvScene(self._model, maxgeom=MAX_GEOMS),
            mujoco.MjvOption(),
        )
        for flag in (
            mujoco.mjtRndFlag.mjRND_SHADOW,
            mujoco.mjtRndFlag.mjRND_REFLECTION,
            mujoco.mjtRndFlag.mjRND_SKYBOX,
        ):
            self._scene.flags[flag] = False
        # before EGL's own atexit ends the display, after which freeing raises
        atexit.register(_close, weakref.ref(self))

    def render(self, data: mujoco.MjData) -> np.ndarray:
        """The picture of the current state: uint8 `[H, W, 3]`. Raises RuntimeError after
        `close`.
        """
        if self._context is None:
            raise FailedError("the camera is closed; open another one")
        self._context.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._renderer)
        everything = int(mujoco.mjtCatBit.mjCAT_ALL)
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, self._view, everything, self._scene
        )
        window = mujoco.MjrRect(0, 0, self.size, self.size)
        picture, depth = (
            np.empty((self.size, self.size, 3), np.uint8),
            np.empty((self.size, self.size), np.float32),
        )
        mujoco.mjr_render(window, self._scene, self._renderer)
        mujoco.mjr_readPixels(picture, depth, window, self._renderer)
        picture[depth == FAR] = np.rint(BACKGROUND * 255)  # MuJoCo leaves it black
        return np.ascontiguousarray(picture[::-1])  # OpenGL counts rows from the bottom

    def project(self, data: mujoco.MjData, points: np.ndarray) -> np.ndarray:
        """World points `[..., 3]` [m] -> picture positions `[..., 2]` as shares of width and height
        from the top left.
        """
        return self._geometry.project(data, points)

    def close(self) -> None:
        """Free what OpenGL holds; also done when the camera is collected."""
        if self._context is not None:
            # else the textures of whichever context is current would be freed
            self._context.make_current()
            self._renderer.free()
            self._context.free()
            self._context = None

    def __del__(self) -> None:
        if hasattr(self, "_renderer"):  # else the constructor raised
            self.close()


def _close(camera: weakref.ref[GLCamera]) -> None:
    if (alive := camera()) is not None:
        alive.close()


def _open_context(
    model: mujoco.MjModel, size: int
) -> tuple[mujoco.gl_context.GLContext, mujoco.MjrContext]:
    """A current OpenGL context with the model in it. Raises RuntimeError in one line, whatever is
    missing: library, driver or device.
    """
    failures = []
    for library in find_libraries():
        try:
            context = importlib.import_module(f"mujoco.{library}").GLContext(size, size)
            context.make_current()
            return context, mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        # ImportError, AttributeError, GLError, FatalError: each driver fails in its own way
        except Exception as error:
            failures.append(
                f"found {library}, but it does not work here"
                f" ({' '.join(str(error).split()) or type(error).__name__})"
            )
    raise FailedError(
        f"camera backend gl {', '.join(failures) or 'found no OpenGL library'}; {DEBIAN}"
    )


def _light_copy(model: mujoco.MjModel, size: int) -> mujoco.MjModel:
    """The model with quality settings for `size` pixels; the caller's own is left alone."""
    model = copy.copy(model)
    model.vis.global_.offwidth = model.vis.global_.offheight = size
    model.vis.quality.offsamples, model.vis.quality.shadowsize = ANTIALIASING, 0
    # one light at the camera, as bright as the ray camera's: the lights of a model may add up to
    # white
    model.light_active[:] = 0
    headlight = model.vis.headlight
    headlight.active, headlight.ambient[:], headlight.diffuse[:], headlight.specular[:] = (
        1,
        AMBIENT,
        1 - AMBIENT,
        0.1,
    )
    return model
