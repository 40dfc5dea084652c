from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.equilibrium import EquilibriumCheck
from cmgai_fem.mechanics.meshing import MeshParameters, NodeGather, mesh_file
from cmgai_fem.mechanics.recovery import NodalProjection, symmetric_components

VOLUME = 0.2 * 0.04 * 0.02 - np.pi * 0.008**2 * 0.02


@pytest.fixture(scope="module")
def cantilever() -> Body:
    return MeshParameters(file="cantilever.geo", size=0.012).read(MPI.COMM_SELF)


def test_cantilever_has_its_boundaries_and_its_volume(cantilever: Body) -> None:
    assert set(cantilever.groups) == {"body", "clamp", "tip", "hot", "cold", "hole"}
    assert cantilever.labels is not None
    # The hole's chords keep a little more than the circle.
    assert VOLUME < cantilever.labels.weights.sum() < 1.01 * VOLUME
    ds = cantilever.ds
    areas = {"clamp": 0.04 * 0.02, "tip": 0.04 * 0.02, "hot": 0.2 * 0.02, "cold": 0.2 * 0.02}
    for name, area in areas.items():
        one = fem.Constant(cantilever.mesh, 1.0)
        assert fem.assemble_scalar(fem.form(one * ds(name))) == pytest.approx(area, rel=1e-12)


def test_nodes_are_gathered_in_the_order_of_the_labels(cantilever: Body) -> None:
    position = fem.Function(fem.functionspace(cantilever.mesh, ("Lagrange", 1, (3,))))
    position.interpolate(lambda x: x)
    assert cantilever.labels is not None
    gather = NodeGather(position.function_space)
    np.testing.assert_allclose(gather(position.x.array), cantilever.labels.points, atol=1e-15)
    in_dolfinx_order = position.x.array[: 3 * cantilever.labels.count]
    np.testing.assert_allclose(cantilever.labels.points[gather.label_of_node].ravel(), in_dolfinx_order, atol=1e-15)


def test_projection_is_exact_for_linear_fields(cantilever: Body) -> None:
    x = ufl.SpatialCoordinate(cantilever.mesh)
    tensor = ufl.as_tensor([[x[0], 2 * x[1], 1.0], [2 * x[1], x[2], 0.0], [1.0, 0.0, x[0] - x[1]]])
    nodal = NodalProjection(cantilever.mesh, symmetric_components(tensor), 4)("state")
    assert nodal is not None and cantilever.labels is not None
    px, py, pz = cantilever.labels.points.T
    expected = np.stack([px, pz, px - py, 2 * py, 0 * px, 0 * px + 1.0], axis=1)
    np.testing.assert_allclose(nodal, expected, atol=1e-11)


def test_equilibrium_residual_of_exact_stress_fields(cantilever: Body) -> None:
    """On a body whose hole is loaded as a uniform stress asks, that stress is in equilibrium; no stress is not."""
    stress = np.array([3e6, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert cantilever.labels is not None
    normal = ufl.FacetNormal(cantilever.mesh)
    loads = {"tip": (3e6, 0.0, 0.0), "hole": (3e6 * normal[0], 0.0, 0.0)}
    check = EquilibriumCheck(cantilever, 200e9, 0.3, "clamp", loads)
    uniform = np.tile(stress, (cantilever.labels.count, 1))
    assert check.residual(uniform) < 1e-10
    assert check.residual(0.0 * uniform) == pytest.approx(1.0, rel=1e-12)
    assert check.residual(1.1 * uniform) == pytest.approx(0.1, rel=1e-8)


def test_wrong_names_are_said_plainly(cantilever: Body) -> None:
    with pytest.raises(InputError, match=r"no mesh file 'beam.geo'; the package ships: .*cantilever.geo"):
        mesh_file("beam.geo")
    with pytest.raises(InputError, match=r"cantilever.geo has no parameter 'radius'; it has: .*hole_diameter"):
        MeshParameters(file="cantilever.geo", numbers={"radius": 1.0}).read(MPI.COMM_SELF)
    with pytest.raises(InputError, match="no group 'left'; it has: body, clamp, cold"):
        cantilever.ds("left")


def test_default_mesh_is_large_enough_for_the_study() -> None:
    body = MeshParameters(file="cantilever.geo").read(MPI.COMM_SELF)
    assert body.labels is not None
    assert body.mesh.topology.cell_type == dolfinx.mesh.CellType.tetrahedron
    assert 5000 <= body.labels.count <= 7000
