"""OpenGL is found by its libraries, never needed, and shows the same scene as the ray camera."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from latent_mpc.configs.names import CAMERAS
from latent_mpc.envs.cameras import gl, gl_library
from latent_mpc.envs.cameras.ray import RayCamera
from latent_mpc.envs.reacher import Reacher

SIZE = 96


@pytest.fixture
def task() -> Reacher:
    task = Reacher()
    task.reset(seed=1)
    return task


def test_auto_falls_back_to_rays_without_a_library(
    task: Reacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gl_library, "_loads", lambda library: False)
    camera = gl.open_camera(task.model, "observer", SIZE, "auto")
    assert isinstance(camera, RayCamera)
    assert camera.render(task.data).shape == (SIZE, SIZE, 3)


def test_gl_without_a_library_names_the_debian_packages_in_one_line(
    task: Reacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gl_library, "_loads", lambda library: False)
    with pytest.raises(
        RuntimeError, match=r"no OpenGL library.*libegl1 libgl1-mesa-dri libopengl0.*libosmesa6"
    ) as caught:
        gl.open_camera(task.model, "observer", SIZE, "gl")
    assert "\n" not in str(caught.value)


def test_a_library_that_does_not_work_is_as_good_as_none(
    task: Reacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise AttributeError(f"{name}: no\nsuch symbol")

    monkeypatch.setattr(gl_library, "_loads", lambda library: True)
    monkeypatch.setattr(importlib, "import_module", broken)
    assert isinstance(gl.open_camera(task.model, "observer", SIZE, "auto"), RayCamera)
    reasons = [
        rf"found {name}, but it does not work here \(mujoco.{name}: no such symbol\)"
        for name in gl_library.LIBRARIES
    ]
    with pytest.raises(RuntimeError, match=", ".join(reasons)):  # each that loads is tried
        gl.open_camera(task.model, "observer", SIZE, "gl")


def test_a_driver_that_fails_later_is_as_good_as_none(
    task: Reacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MuJoCo's own errors are no RuntimeError."""

    class Context:
        def __init__(self, width: int, height: int) -> None: ...

        def make_current(self) -> None:
            raise mujoco.FatalError("framebuffer is not complete")

    monkeypatch.setattr(gl_library, "_loads", lambda library: True)
    monkeypatch.setattr(importlib, "import_module", lambda name: SimpleNamespace(GLContext=Context))
    assert isinstance(gl.open_camera(task.model, "observer", SIZE, "auto"), RayCamera)


def test_an_unknown_backend_or_camera_is_answered_with_the_valid_ones(task: Reacher) -> None:
    with pytest.raises(ValueError, match="one of auto, ray, gl, got 'vulkan'"):
        gl.open_camera(task.model, "observer", SIZE, "vulkan")
    for backend in CAMERAS[:2]:
        with pytest.raises(KeyError, match=r"no camera 'nose'.*observer"):
            gl.open_camera(task.model, "nose", SIZE, backend)


def gl_camera(task: Reacher, size: int = SIZE) -> gl.GLCamera:
    try:
        return gl.GLCamera(task.model, "observer", size)
    except RuntimeError as error:
        pytest.skip(str(error))


def test_opengl_and_rays_show_the_arm_at_the_same_place(task: Reacher) -> None:
    camera, rays = gl_camera(task), RayCamera(task.model, "observer", SIZE)
    pictures = [each.render(task.data).astype(int) for each in (camera, rays)]
    arm = [np.abs(picture - picture[0, 0]).max(axis=-1) > 40 for picture in pictures]
    assert np.array_equal(pictures[0][0, 0], pictures[1][0, 0])  # the same background
    assert (arm[0] & arm[1]).sum() > 0.85 * (arm[0] | arm[1]).sum() > 200
    # in about the same colours: nothing burnt out
    assert np.abs(pictures[0] - pictures[1])[arm[0] & arm[1]].mean() < 40
    tip = task.tracked_point(task.snapshot())
    assert np.array_equal(camera.project(task.data, tip), rays.project(task.data, tip))


def test_two_open_cameras_do_not_disturb_each_other_and_a_closed_one_says_so(task: Reacher) -> None:
    quality = task.model.vis.quality.shadowsize
    first = gl_camera(task)
    before = first.render(task.data)
    second = gl_camera(task, 48)
    assert second.render(task.data).shape == (48, 48, 3)
    second.close()
    assert np.array_equal(first.render(task.data), before)
    assert task.model.vis.quality.shadowsize == quality  # the caller's model is left alone
    with pytest.raises(RuntimeError, match="camera is closed"):
        second.render(task.data)
