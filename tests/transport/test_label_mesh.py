"""Linear elements on label meshes against integrals and spectra known in closed form."""

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array, IntArray, labels_on_mesh, labels_on_points
from cmgai_fem.transport.label_mesh import LabelMesh, laplace_beltrami_modes, rest_tangent, stiff_modes
from cmgai_fem.transport.laws import LinearElastic, Membrane, NeoHookean


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


def sphere(subdivisions: int) -> LabelMesh:
    pyvista = pytest.importorskip("pyvista")
    surface = pyvista.Icosphere(radius=1.0, nsub=subdivisions)
    points = np.asarray(surface.points, dtype=float)
    # Float32 positions of the file's library: back on the sphere.
    points /= np.linalg.norm(points, axis=1)[:, None]
    return LabelMesh.of(labels_on_mesh(points, {"triangle": surface.regular_faces.astype(np.int64)}))


def harmonics(points: Array) -> list[Array]:
    """An L2-orthogonal basis of the real spherical harmonics of degree l = 0 to 3, as polynomials on the sphere."""
    x, y, z = points.T
    return [
        np.stack([np.ones_like(x)]),
        np.stack([x, y, z]),
        np.stack([x * y, y * z, x * z, x**2 - y**2, 3 * z**2 - 1]),
        np.stack(
            [
                y * (3 * x**2 - y**2),
                x * (x**2 - 3 * y**2),
                x * y * z,
                z * (x**2 - y**2),
                y * (5 * z**2 - 1),
                x * (5 * z**2 - 1),
                z * (5 * z**2 - 3),
            ]
        ),
    ]


def test_laplace_beltrami_modes_of_a_sphere_are_the_spherical_harmonics() -> None:
    """Eigenvalues l (l + 1), 2 l + 1 of each, and eigenspaces; both of second order in the size of the triangles."""
    errors = []
    for subdivisions in (3, 4):
        mesh = sphere(subdivisions)
        values, modes = laplace_beltrami_modes(mesh, 16)
        expected = np.concatenate([np.full(2 * degree + 1, degree * (degree + 1.0)) for degree in range(4)])
        np.testing.assert_allclose(modes @ (mesh.mass @ modes.T), np.eye(16), atol=1e-10)
        outside = []
        for degree, exact in enumerate(harmonics(mesh.points)):
            space = modes[degree**2 : (degree + 1) ** 2]
            remainder = exact - (exact @ (mesh.mass @ space.T)) @ space
            norms = [np.einsum("ij,ij->i", part @ mesh.mass, part).sum() for part in (remainder, exact)]
            outside.append(np.sqrt(norms[0] / norms[1]))
        errors.append((np.abs(values - expected).max() / 12.0, max(outside)))
    assert errors[1][0] < 0.02 and errors[1][1] < 0.02
    for coarse, fine in zip(*errors, strict=True):
        assert np.log2(coarse / fine) > 1.7


def test_gradients_on_a_sphere_follow_the_surface() -> None:
    """The gradient of z on the unit sphere is e_z - z x: tangential, of length sqrt(1 - z²), along geodesics."""
    errors = []
    for subdivisions in (3, 4):
        mesh = sphere(subdivisions)
        found = mesh.displacement_gradients(mesh.points[:, [2]])[:, 0]
        centres = mesh.points[mesh.cells].mean(axis=1)
        centres /= np.linalg.norm(centres, axis=1)[:, None]
        exact = np.array([0.0, 0.0, 1.0]) - centres[:, [2]] * centres
        errors.append(np.sqrt(np.average(np.sum((found - exact) ** 2, axis=1), weights=mesh.volumes)))
    assert errors[1] < 0.05
    assert np.log2(errors[0] / errors[1]) > 0.9
