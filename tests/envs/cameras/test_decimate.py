"""Simplified meshes: few faces, near the surface they had, and nothing thin is lost."""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.envs.cameras.decimate import FEWEST, decimate
from tests.envs.cameras.shapes import FINS, NEEDLE, SHEET, torus


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Enclosed by faces turned outwards."""
    a, b, c = (np.asarray(vertices)[corner] for corner in np.asarray(faces).T)
    return float(np.einsum("ni,ni->", a, np.cross(b, c)) / 6)


def test_a_torus_keeps_its_hole_and_its_volume_in_a_quarter_of_its_faces():
    vertices, faces = torus()
    few, simple = decimate(vertices, faces, 0.04)
    assert len(simple) < 0.25 * len(faces)
    assert np.hypot(few[:, 0], few[:, 1]).min() > 0.19  # the hole's radius is 0.2
    assert volume(few, simple) == pytest.approx(2 * np.pi**2 * 0.3 * 0.1**2, rel=0.1)


def test_no_vertex_moves_farther_than_a_cells_diagonal():
    vertices, faces = torus()
    for cell in (0.03, 0.1):
        few, _ = decimate(vertices, faces, cell)
        away = np.linalg.norm(vertices[:, None] - few, axis=-1)
        assert away.min(axis=0).max() <= cell * 3**0.5
        assert away.min(axis=1).max() <= cell * 3**0.5


@pytest.mark.parametrize("shape", [SHEET, FINS, NEEDLE])
def test_what_is_thin_or_small_stays_whatever_the_cell(shape):
    vertices, faces = (np.array(part, float if i == 0 else int) for i, part in enumerate(shape))
    for scale in (1e-6, 1.0, 1e6):
        few, simple = decimate(vertices * scale, faces, 1.0)
        assert len(simple) == len(faces)
        np.testing.assert_allclose(np.ptp(few, axis=0), np.ptp(vertices, axis=0) * scale)


def test_a_cell_as_large_as_the_mesh_leaves_a_few_cells_on_each_axis():
    few, simple = decimate(*torus(), 10.0)
    assert len(few) <= FEWEST**3
    assert volume(few, simple) > 0


def test_no_face_is_there_twice():
    vertices, faces = torus()
    _, simple = decimate(vertices, np.concatenate([faces, np.roll(faces, 1, axis=1)]), 0.04)
    np.testing.assert_array_equal(simple, decimate(vertices, faces, 0.04)[1])
