"""Thin plates that bend: the biharmonic operator by C0 interior penalty on cubic triangles.

    a(u, v) = sum_T int M(u) : D²v - sum_e int ({M_nn(u)} [d_n v] + {M_nn(v)} [d_n u] - alpha / h [d_n u] [d_n v])

with `M(u) = (1 - nu) D²u + nu lap u I`; the deflection is continuous, its slope across edges by the penalty alone.
Edges of the rim are clamped where they are among those of the sum, supported where only the deflection is held.

Source: S. C. Brenner, L.-Y. Sung, J. Sci. Comput. 22/23 (2005) 83-118.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from dataclasses import dataclass

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, mesh
from mpi4py import MPI
from scipy import sparse

from cmgai_fem.states.labels import Array, BoolArray, IntArray

DEGREE, PENALTY, POISSON = 3, 24.0, 0.3


@dataclass(frozen=True, eq=False)
class BentPlate:
    """Matrices of a plate, of unit stiffness and unit mass per area.

    Args:
        stiffness: (D, D) of the degrees of freedom that move.
        mass: (D, D) of the same.
        sampled: (L, D) deflection at the nodes.
    """

    stiffness: sparse.csr_matrix
    mass: sparse.csr_matrix
    sampled: sparse.csr_matrix


def bend(points: Array, triangles: IntArray, held: BoolArray, clamped: bool = False) -> BentPlate:
    """The plate on a mesh of triangles.

    Args:
        points: (L, 2) nodes.
        triangles: (C, 3) nodes of the triangles.
        held: (L,) nodes whose deflection is held at zero.
        clamped: whether edges between held nodes of the rim may not turn, either.
    """
    coordinates = basix.ufl.element("Lagrange", "triangle", 1, shape=(2,))
    cells = np.ascontiguousarray(triangles, dtype=np.int64)
    body = mesh.create_mesh(MPI.COMM_SELF, cells, coordinates, np.ascontiguousarray(points))
    space = fem.functionspace(body, ("Lagrange", DEGREE))
    body.topology.create_connectivity(1, 2)
    body.topology.create_connectivity(0, 1)
    places = np.asarray(body.geometry.input_global_indices)
    corners = places[body.geometry.dofmaps[0]]
    nodes = np.zeros(len(points), dtype=np.int64)
    nodes[corners.ravel()] = space.dofmap.list[:, :3].ravel()
    rim = mesh.exterior_facet_indices(body.topology)
    ends = places[mesh.entities_to_geometry(body, 1, rim)]
    still = rim[np.all(held[ends], axis=1)]
    fixed = np.union1d(nodes[held], fem.locate_dofs_topological(space, 1, still))
    free = np.setdiff1d(np.arange(space.dofmap.index_map.size_local), fixed)
    tags = mesh.meshtags(body, 1, still, np.ones(len(still), dtype=np.int32))
    stiffness, mass = _forms(space, tags, clamped)
    sampled = sparse.coo_matrix(
        (np.ones(len(points)), (np.arange(len(points)), nodes)), shape=(len(points), len(free) + len(fixed))
    )
    return BentPlate(stiffness[free][:, free], mass[free][:, free], sampled.tocsr()[:, free])


def _forms(space: fem.FunctionSpace, rim: mesh.MeshTags, clamped: bool) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Stiffness and mass of all degrees of freedom."""
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    normal, size = ufl.FacetNormal(space.mesh), 2.0 * ufl.Circumradius(space.mesh)

    def curvature(w: ufl.core.expr.Expr) -> ufl.core.expr.Expr:
        return ufl.grad(ufl.grad(w))

    def moment(w: ufl.core.expr.Expr) -> ufl.core.expr.Expr:
        return (1.0 - POISSON) * curvature(w) + POISSON * ufl.tr(curvature(w)) * ufl.Identity(2)

    def across(w: ufl.core.expr.Expr) -> ufl.core.expr.Expr:
        return ufl.dot(normal, ufl.dot(moment(w), normal))

    form = ufl.inner(moment(u), curvature(v)) * ufl.dx
    jumps = [ufl.jump(ufl.grad(w), normal) for w in (u, v)]
    inner = PENALTY / ufl.avg(size) * jumps[0] * jumps[1]
    form += (inner - ufl.avg(across(u)) * jumps[1] - ufl.avg(across(v)) * jumps[0]) * ufl.dS
    if clamped:
        slopes = [ufl.dot(ufl.grad(w), normal) for w in (u, v)]
        outer = PENALTY / size * slopes[0] * slopes[1] - across(u) * slopes[1] - across(v) * slopes[0]
        form += outer * ufl.ds(domain=space.mesh, subdomain_data=rim, subdomain_id=1)
    forms = fem.form(form), fem.form(u * v * ufl.dx)
    stiffness, mass = (fem.assemble_matrix(each).to_scipy() for each in forms)
    return stiffness, mass
