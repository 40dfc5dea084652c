from collections.abc import Callable

import numpy as np
import pytest

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
from dolfinx import mesh
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.meshing import MeshParameters

RADIUS, LENGTH = 3.2e-3, 32.4e-3


def ring(cells: int = 3) -> Kinematics:
    domain = mesh.create_rectangle(
        MPI.COMM_SELF, [[0.0, 0.0], [1.0, 2.0]], [cells, cells + 1], mesh.CellType.quadrilateral
    )
    return Kinematics(domain, axisymmetric=True)


def skewed_block() -> Kinematics:
    domain = mesh.create_unit_cube(MPI.COMM_SELF, 2, 2, 2, mesh.CellType.hexahedron)
    x = domain.geometry.x
    x[:, 0] += 0.2 * x[:, 1] + 0.05 * x[:, 1] * x[:, 2]
    return Kinematics(domain)


def simplex_block() -> Kinematics:
    return Kinematics(mesh.create_unit_cube(MPI.COMM_SELF, 2, 2, 2))


def ring_of_triangles() -> Kinematics:
    return Kinematics(mesh.create_rectangle(MPI.COMM_SELF, [[0.0, 0.0], [1.0, 2.0]], [3, 4]), axisymmetric=True)


def test_affine_motion_has_its_gradient_everywhere_in_a_solid() -> None:
    block = skewed_block()
    motion = np.array([[0.1, 0.2, -0.1], [0.0, 0.3, 0.05], [0.2, 0.0, -0.2]])
    full, centre = block.deformation_gradients((block.nodes @ motion.T).ravel())
    expected = (np.eye(3) + motion).ravel()[:, None]
    np.testing.assert_allclose(full, np.broadcast_to(expected, full.shape), atol=1e-13)
    np.testing.assert_allclose(centre, np.broadcast_to(expected, centre.shape), atol=1e-13)


def test_radial_motion_stretches_hoops() -> None:
    body = ring()
    displacement = np.stack([0.1 * body.nodes[:, 0], -0.3 * body.nodes[:, 1]], axis=1)
    full, centre = body.deformation_gradients(displacement.ravel())
    for gradient in (full, centre):
        expected = np.array([1.1, 0.0, 0.0, 0.7, 1.1])[:, None]
        np.testing.assert_allclose(gradient, np.broadcast_to(expected, gradient.shape), atol=1e-13)


@pytest.mark.parametrize("make", [ring, skewed_block, simplex_block, ring_of_triangles])
def test_nodal_forces_do_the_work_of_the_stresses(make: Callable[[], Kinematics]) -> None:
    body = make()
    generator = np.random.default_rng(0)
    change = generator.standard_normal(body.nodes.size)
    deviatoric = generator.standard_normal(body.full.gradient.shape)
    volumetric = generator.standard_normal(body.centre.gradient.shape)
    full, centre = body.deformation_gradients(change)
    for gradient in (full, centre):
        gradient[list(body.layout.diagonal)] -= 1.0
    work = (deviatoric * full * body.full.weights.ravel()).sum()
    work += (volumetric * centre * body.centre.weights.ravel()).sum()
    assert np.dot(body.nodal_forces(deviatoric, volumetric), change) == pytest.approx(work, rel=1e-12)


def test_volumes_are_of_the_whole_ring() -> None:
    body = ring()
    assert body.full.weights.sum() == pytest.approx(2.0 * np.pi, rel=1e-13)
    assert body.centre.weights.sum() == pytest.approx(2.0 * np.pi, rel=1e-13)
    assert body.nodal_volumes.sum() == pytest.approx(2.0 * np.pi, rel=1e-13)
    assert body.nodal_volumes.min() > 0.0


def test_recovery_keeps_constants_and_signs() -> None:
    body = skewed_block()
    np.testing.assert_allclose(body.recover(np.full(body.full.points, 7.0)), 7.0, rtol=1e-13)
    spiky = np.zeros(body.full.points)
    spiky[3] = 1.0
    assert body.recover(spiky).min() >= 0.0


def test_height_of_a_deformed_square_cell() -> None:
    body = ring(cells=3)
    _, centre = body.deformation_gradients(np.zeros(body.nodes.size))
    np.testing.assert_allclose(body.cell_heights(centre), 1.0 / np.sqrt(9.0 + 4.0), rtol=1e-13)


def test_height_of_a_right_angled_triangle_is_that_of_its_highest_frequency() -> None:
    body = Kinematics(mesh.create_rectangle(MPI.COMM_SELF, [[0.0, 0.0], [1.0, 1.0]], [2, 2]))
    _, centre = body.deformation_gradients(np.zeros(body.nodes.size))
    # Stiffness of unit density and wave speed on legs h: omega = 3/h.
    np.testing.assert_allclose(body.cell_heights(centre), 2.0 / 3.0 * 0.5, rtol=1e-13)


def test_means_around_nodes_keep_volumes() -> None:
    body = simplex_block()
    values = np.random.default_rng(0).uniform(0.5, 2.0, body.cells)
    around = body.around_nodes(values, slice(None))
    assert np.dot(around, body.nodal_volumes) == pytest.approx(np.dot(values, body.centre.weights[0]), rel=1e-13)
    one = np.array([3])
    np.testing.assert_allclose(
        np.sort(body.around_nodes(values[one], one))[[0, -1]], np.sort([1.0, values[3]]), rtol=1e-13
    )


def test_curved_cells_are_refused() -> None:
    domain = MeshParameters(file="taylor_rod.geo", numbers={"radial_cells": 1.0, "axial_cells": 2.0}, order=2)
    with pytest.raises(InputError, match="cells with straight sides alone: say order = 1"):
        Kinematics(domain.read(MPI.COMM_SELF, 2).mesh)


@pytest.mark.parametrize(
    ("file", "dimension", "numbers", "volume", "accuracy"),
    [
        ("taylor_rod.geo", 2, {"radial_cells": 4.0, "axial_cells": 20.0}, np.pi * RADIUS**2 * LENGTH, 1e-9),
        ("taylor_rod_3d.geo", 3, {"core_cells": 4.0, "axial_cells": 6.0}, 0.25 * np.pi * RADIUS**2 * LENGTH, 1e-2),
    ],
)
def test_rod_meshes_have_the_volume_of_the_rod(
    file: str, dimension: int, numbers: dict[str, float], volume: float, accuracy: float
) -> None:
    body = MeshParameters(file=file, numbers=numbers).read(MPI.COMM_SELF, dimension)
    kinematics = Kinematics(body.mesh, axisymmetric=dimension == 2)
    assert kinematics.full.weights.sum() == pytest.approx(volume, rel=accuracy)
    assert kinematics.full.weights.min() > 0.0
