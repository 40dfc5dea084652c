"""Linear elements on label meshes against integrals and spectra known in closed form."""

import numpy as np
import pytest

from cmgai_fem.constitutive import LinearElastic, Membrane, NeoHookean
from cmgai_fem.errors import InputError
from cmgai_fem.label_mesh import LabelMesh, rest_tangent, stiff_modes
from cmgai_fem.states import Array, IntArray, labels_on_mesh, labels_on_points


def line(count: int) -> tuple[Array, IntArray]:
    return np.linspace(0.0, 1.0, count)[:, None], np.stack([np.arange(count - 1), np.arange(1, count)], axis=1)


def cube() -> tuple[Array, IntArray]:
    """The unit cube in six tetrahedra (Kuhn)."""
    points = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
    paths = [(4, 6), (4, 5), (2, 6), (2, 3), (1, 5), (1, 3)]
    return points, np.array([[0, first, second, 7] for first, second in paths])


def test_volumes_mass_and_gradients_integrate_polynomials() -> None:
    points, cells = cube()
    mesh = LabelMesh(points, cells, points[:, 0])
    assert mesh.volumes.sum() == pytest.approx(1.0)
    # int x * (y + z) * 1 = 1/2, exact for linear data and linear density.
    assert np.ones(8) @ mesh.mass @ (points[:, 1] + points[:, 2]) == pytest.approx(0.5)
    gradients = mesh.displacement_gradients(points @ np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_allclose(gradients, np.broadcast_to([[1, 3, 5], [2, 4, 6]], (6, 2, 3)), atol=1e-12)


def test_linear_elastic_energy_of_a_homogeneous_strain() -> None:
    points, cells = cube()
    law = LinearElastic(stiffness=2.0, lame=1.5, shear=0.7)
    gradient = np.array([[0.1, 0.3, 0.0], [0.1, -0.2, 0.4], [0.0, 0.2, 0.5]])
    strain = 0.5 * (gradient + gradient.T)
    stiffness = LabelMesh(points, cells, np.ones(8)).stiffness(law, 3)
    moved = (points @ gradient.T).ravel()
    energy = 2.0 * (0.75 * np.trace(strain) ** 2 + 0.7 * np.sum(strain**2))
    assert 0.5 * moved @ (stiffness @ moved) == pytest.approx(energy, rel=1e-12)


def test_neo_hookean_is_linear_elastic_at_rest() -> None:
    np.testing.assert_allclose(rest_tangent(NeoHookean(), 2, 2), rest_tangent(LinearElastic(), 2, 2), atol=1e-5)


def test_a_bar_swings_at_its_known_frequencies() -> None:
    points, cells = line(201)
    mesh = LabelMesh(points, cells, np.ones(201))
    shapes = np.cos(np.pi * points[:, 0])[:, None]
    modes = stiff_modes(mesh, Membrane(3.0), np.stack([0.0 * shapes, shapes]), 0.25, 3)
    assert np.min(np.abs(modes.eigenvalues / (3.0 * np.pi**2) - 1.0)) < 1e-4
    np.testing.assert_allclose(np.tensordot(modes.amplitudes[1], modes.shapes, axes=1), shapes, atol=1e-10)


def test_gradients_on_a_sphere_are_tangential_and_hold_a_spherical_harmonic() -> None:
    pyvista = pytest.importorskip("pyvista")
    sphere = pyvista.Icosphere(radius=1.0, nsub=4)
    points = np.asarray(sphere.points, dtype=float)
    mesh = LabelMesh.of(labels_on_mesh(points, {"triangle": sphere.regular_faces.astype(np.int64)}))
    harmonic = points[:, [2]]
    modes = stiff_modes(mesh, Membrane(), np.stack([0.0 * harmonic, harmonic]), 0.25, 1)
    assert modes.eigenvalues[0] == pytest.approx(2.0, rel=5e-3)  # l (l + 1), l = 1
    corners = points[mesh.cells]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.max(np.abs(np.einsum("ca,cva->cv", normals, mesh.gradients))) < 1e-10


def test_labels_without_simplices_are_refused() -> None:
    with pytest.raises(InputError, match="use the law 'none'"):
        LabelMesh.of(labels_on_points(np.zeros((3, 2))))
    points, cells = cube()
    with pytest.raises(InputError, match="use the law 'membrane'"):
        LabelMesh(points, cells, np.ones(8)).stiffness(LinearElastic(), 2)
