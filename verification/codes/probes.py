"""Values of a solution at a point."""

from collections.abc import Sequence
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
from dolfinx import fem, geometry

from cmgai_fem.errors import InputError


def evaluate(expression: Any, mesh: dolfinx.mesh.Mesh, point: Sequence[float]) -> float:
    """A scalar UFL expression at a point [m], the mean over the cells that share it. On one process."""
    embedded = np.zeros((1, 3))
    embedded[0, : len(point)] = point
    tree = geometry.bb_tree(mesh, mesh.topology.dim)
    candidates = geometry.compute_collisions_points(tree, embedded)
    cells = geometry.compute_colliding_cells(mesh, candidates, embedded).links(0)
    if len(cells) == 0:
        raise InputError(f"the point {tuple(point)} lies outside the mesh")
    values = []
    for cell in cells:
        corners = mesh.geometry.x[mesh.geometry.dofmaps[0][cell]]
        reference = mesh.geometry.cmaps[0].pull_back(embedded[:, : mesh.geometry.dim], corners[:, : mesh.geometry.dim])
        values.append(fem.Expression(expression, reference).eval(mesh, np.array([cell], dtype=np.int32)).item())
    return float(np.mean(values))
