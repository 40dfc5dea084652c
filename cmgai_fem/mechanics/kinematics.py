"""Deformation gradients and nodal forces of a mesh as products of arrays made once from the DOLFINx mesh.

Total-Lagrangian: gradients are by undeformed coordinates, so nothing of the mesh changes in a run. The deviatoric
stress lives at the points of the full rule, the volumetric stress at the cell centres (selective reduced integration:
without it bilinear cells lock under isochoric plastic flow). Triangles and tetrahedra have one point, and lock even
so: their volumetric stress comes from the mean Jacobians around nodes (Bonet and Burton, Commun. Numer. Meth. Engng
14 (1998) 437-449). Shape functions by reference coordinates are the same in every cell, so both directions are one
small dense product a coordinate and one multiplication a component and point.
"""

from functools import cached_property

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import basix
import numpy as np
import scipy.sparse
from dolfinx import fem, la, mesh

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.tensors import BLOCK, FULL, Layout
from cmgai_fem.states.labels import Array, IntArray


class Rule:
    """Shape functions of the owned cells at the points of one quadrature rule. Points run rule first: (q, C).

    Args:
        domain: the mesh.
        nodes: (n, g, C) undeformed coordinates of the owned cells' nodes [m].
        degree: the polynomial degree that the rule integrates exactly.
        layout: tensor components.
        axisymmetric: whether the first coordinate is a radius.

    Attributes:
        shape: (q, n) shape functions.
        weights: (q, C) volumes that the points stand for [m^3; m^2 in plane strain].
        mapping: (q, C, g, g) derivative of the undeformed coordinates by the reference coordinates [m].
        points: q C.
        curvature: (q C,) inverse radii [1/m] in axial symmetry, else None.
    """

    def __init__(self, domain: mesh.Mesh, nodes: Array, degree: int, layout: Layout, axisymmetric: bool) -> None:
        cell = getattr(basix.CellType, domain.topology.cell_type.name)
        points, weights = basix.make_quadrature(cell, degree)
        table = basix.create_element(basix.ElementFamily.P, cell, 1).tabulate(1, points)[..., 0]
        self.layout, self.dimension = layout, nodes.shape[1]
        self.shape = table[0]
        self.mapping = np.einsum("nic,dqn->qcid", nodes, table[1:])
        # Round-off of the mesh generator would double the work on meshes whose cells are rectangles.
        self.mapping[np.abs(self.mapping) < 1e-9 * np.abs(self.mapping).max(initial=0.0)] = 0.0
        self.weights = weights[:, None] * np.abs(np.linalg.det(self.mapping))
        self.points = self.weights.size
        self._tables = [table[1:].reshape(-1, table.shape[2])] * self.dimension
        self._inverse = np.linalg.inv(self.mapping).transpose(2, 3, 0, 1).reshape(self.dimension, self.dimension, -1)
        self.curvature = None
        if axisymmetric:
            radii = np.einsum("qn,nc->qc", table[0], nodes[:, 0])
            self.weights = self.weights * 2.0 * np.pi * radii
            self._tables[0] = np.concatenate([self._tables[0], table[0]])
            self.curvature = 1.0 / radii.ravel()
        self._weighted_inverse = self._inverse * self.weights.ravel()
        self._weighted_curvature = None if self.curvature is None else self.curvature * self.weights.ravel()
        self._terms = [
            [d for d in range(self.dimension) if not self.points or self._inverse[d, j].any()]
            for j in range(self.dimension)
        ]
        self._derivatives = [np.empty((len(table), nodes.shape[2])) for table in self._tables]
        self._scratch = np.empty(self.points)
        self.gradient = np.zeros((len(layout.general), self.points))
        if self.dimension == 2:
            self.gradient[layout.diagonal[2]] = 1.0

    def differentiate(self, positions: Array) -> Array:
        """Deformation gradient (m, P) of node positions (g, n, C) [m]; the array is overwritten by the next call."""
        for i, (table, derivatives) in enumerate(zip(self._tables, self._derivatives, strict=True)):
            np.matmul(table, positions[i], out=derivatives)
            rows = self._rows(derivatives)
            for j in range(self.dimension):
                out = self.gradient[self.layout.general.index((i, j))]
                first, *others = self._terms[j]
                np.multiply(rows[first], self._inverse[first, j], out=out)
                for d in others:
                    np.multiply(rows[d], self._inverse[d, j], out=self._scratch)
                    out += self._scratch
        if self.curvature is not None:
            hoop = self._rows(self._derivatives[0])[-1]
            np.multiply(hoop, self.curvature, out=self.gradient[self.layout.diagonal[2]])
        return self.gradient

    def integrate(self, stress: Array, component: int) -> Array:
        """Forces [N] of one component at the nodes of each cell (n, C): the transpose of `differentiate`."""
        rows = self._rows(self._derivatives[component])
        for d in range(self.dimension):
            row = rows[d]
            first, *others = [j for j in range(self.dimension) if d in self._terms[j]]
            np.multiply(stress[self._row(component, first)], self._weighted_inverse[d, first], out=row)
            for j in others:
                np.multiply(stress[self._row(component, j)], self._weighted_inverse[d, j], out=self._scratch)
                row += self._scratch
        if component == 0 and self._weighted_curvature is not None:
            np.multiply(stress[self.layout.diagonal[2]], self._weighted_curvature, out=rows[-1])
        return np.asarray(self._tables[component].T @ self._derivatives[component])

    def _rows(self, derivatives: Array) -> Array:
        """Derivatives (d q, C) as rows of points (d, P), on a rank without cells, too."""
        return derivatives.reshape(len(derivatives) // len(self.shape), self.points)

    def _row(self, i: int, j: int) -> int:
        return self.layout.general.index((i, j))


class Kinematics:
    """Kinematics of one mesh of straight cells with linear shape functions. Collective over its communicator.

    Args:
        domain: the mesh; in 2-D the first coordinate is the radius if `axisymmetric`.
        axisymmetric: for 2-D meshes alone: axisymmetric (volumes are of the whole ring) or plane strain.

    Attributes:
        layout: tensor components.
        space: the displacement space (blocked Lagrange 1).
        cells: number of owned cells.
        full, centre: the two quadrature rules.
        simplices: whether the cells are triangles or tetrahedra.
    """

    def __init__(self, domain: mesh.Mesh, axisymmetric: bool = False) -> None:
        self.domain, self.dimension = domain, domain.geometry.dim
        if domain.geometry.cmaps[0].degree != 1 or domain.topology.dim != self.dimension:
            raise InputError("a body in motion takes cells with straight sides alone: say order = 1 for the mesh")
        self.simplices = domain.topology.cell_type in (mesh.CellType.triangle, mesh.CellType.tetrahedron)
        self.layout = Layout.of(BLOCK if self.dimension == 2 else FULL)
        self.space = fem.functionspace(domain, ("Lagrange", 1, (self.dimension,)))
        self.cells: int = domain.topology.index_map(self.dimension).size_local
        self.cell_nodes: IntArray = np.asarray(self.space.dofmap.list[: self.cells], dtype=np.int64)
        self.nodes: Array = np.ascontiguousarray(self.space.tabulate_dof_coordinates()[:, : self.dimension])
        dofs = self.cell_nodes.T * self.dimension
        self._gather = np.stack([dofs + i for i in range(self.dimension)])
        positions = self.nodes.ravel()[self._gather]
        self.full, self.centre = (
            Rule(domain, positions.transpose(1, 0, 2), degree, self.layout, axisymmetric)
            for degree in ((1, 1) if self.simplices else (3, 1))
        )
        self._forces = np.empty_like(positions)
        entries = self._gather.size
        self._scatter = scipy.sparse.csr_array(
            (np.ones(entries), (self._gather.ravel(), np.arange(entries))), shape=(self.nodes.size, entries)
        )

    def vector(self) -> la.Vector:
        """A new nodal vector with ghosts, zero."""
        return la.vector(self.space.dofmap.index_map, self.space.dofmap.index_map_bs)

    def deformation_gradients(self, displacement: Array) -> tuple[Array, Array]:
        """Deformation gradients at the full points (m, P) and the centres (m, C) of nodal displacements [m].

        The arrays are overwritten by the next call.
        """
        positions = (self.nodes.ravel() + displacement)[self._gather]
        return self.full.differentiate(positions), self.centre.differentiate(positions)

    def nodal_forces(self, deviatoric: Array, volumetric: Array) -> Array:
        """Internal forces [N] (of the whole ring in axisymmetry) of owned cells at local nodes, ghosts not yet summed.

        Args:
            deviatoric: (m, P) first Piola-Kirchhoff stress at the full points [Pa].
            volumetric: (m, C) the same at the centres.
        """
        for i in range(self.dimension):
            np.add(self.full.integrate(deviatoric, i), self.centre.integrate(volumetric, i), out=self._forces[i])
        return np.asarray(self._scatter @ self._forces.ravel())

    @cached_property
    def nodal_volumes(self) -> Array:
        """Row-sum volumes (local nodes,) [m^3], ghosts up to date: what the lumped mass and the recovery use."""
        return self.assemble_nodal(np.ones(self.full.points))

    def assemble_nodal(self, values: Array) -> Array:
        """Integrals of point values (P,) times each shape function: (local nodes,), ghosts up to date."""
        total = la.vector(self.space.dofmap.index_map, 1)
        weighted = values.reshape(self.full.weights.shape) * self.full.weights
        np.add.at(total.array, self.cell_nodes, np.einsum("qc,qn->cn", weighted, self.full.shape))
        total.scatter_reverse(la.InsertMode.add)
        total.scatter_forward()
        return np.array(total.array)

    def around_nodes(self, values: Array, cells: IntArray | slice) -> Array:
        """Volume-weighted means (local nodes,) of values of some of the cells; 1 at nodes without such a cell."""
        total = la.vector(self.space.dofmap.index_map, 2)
        weights = self.centre.weights[0, cells]
        nodes = self.cell_nodes[cells].ravel()
        for column, part in enumerate((weights * values, weights)):
            each = np.repeat(part, self.cell_nodes.shape[1])
            total.array[column::2] = np.bincount(nodes, each, minlength=len(self.nodes))
        total.scatter_reverse(la.InsertMode.add)
        total.scatter_forward()
        weighted, volumes = total.array.reshape(-1, 2).T
        return np.divide(weighted, volumes, out=np.ones_like(weighted), where=volumes > 0.0)

    def recover(self, values: Array) -> Array:
        """Nodal values (local nodes,) of point values (P,) by lumped projection: volume-weighted means.

        A mean of what is not negative is not negative, which a consistent projection does not promise.
        """
        return np.asarray(self.assemble_nodal(values) / self.nodal_volumes)

    def cell_heights(self, centre_gradient: Array) -> Array:
        """Lengths (C,) [m] of the deformed owned cells that a stable step has to resolve.

        1 / |inverse of the cell's mapping|, which is h/sqrt(g) for a square or cube of edge h; of simplices the
        exact 2 c/omega, omega the highest frequency of the cell alone.
        """
        g, general = self.dimension, self.layout.general
        gradient = [[centre_gradient[general.index((i, k))] for k in range(g)] for i in range(g)]
        mapping = self.centre.mapping[0].transpose(1, 2, 0)
        columns = [[sum(gradient[i][k] * mapping[k, d] for k in range(g)) for i in range(g)] for d in range(g)]
        if self.simplices:
            return self._simplex_heights(np.array(columns))
        if g == 2:
            (a, b), (c, d) = columns
            return np.asarray(np.abs(a * d - b * c) / np.sqrt(a * a + b * b + c * c + d * d))
        cofactors = [np.cross(np.stack(columns[i - 2]), np.stack(columns[i - 1]), axis=0) for i in range(3)]
        determinant = np.abs((cofactors[0] * np.stack(columns[0])).sum(axis=0))
        return np.asarray(determinant / np.sqrt(sum((cofactor**2).sum(axis=0) for cofactor in cofactors)))

    def _simplex_heights(self, columns: Array) -> Array:
        """Heights (C,) of simplices from their mapping's columns: omega^2 = (g + 1) c^2 |sum of grad N grad N|."""
        inverse = np.linalg.inv(columns.transpose(2, 1, 0))
        gradients = np.concatenate([inverse, -inverse.sum(axis=1, keepdims=True)], axis=1)
        largest = np.linalg.eigvalsh(np.einsum("cai,caj->cij", gradients, gradients))[:, -1]
        if self.centre.curvature is not None:
            # Hoops stiffen the cell, too.
            largest = largest + (self.centre.curvature / (self.dimension + 1)) ** 2 * (self.dimension + 1)
        return np.asarray(2.0 / np.sqrt((self.dimension + 1) * largest))

    def boundary_nodes(self) -> IntArray:
        """Owned nodes of the body's surface."""
        topology = self.domain.topology
        topology.create_connectivity(self.dimension - 1, self.dimension)
        facets = mesh.exterior_facet_indices(topology)
        found = fem.locate_dofs_topological(self.space, self.dimension - 1, facets)
        return np.asarray(found[found < self.space.dofmap.index_map.size_local], dtype=np.int64)
