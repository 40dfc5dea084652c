"""Given displacements and planes of symmetry."""

from typing import Any, ClassVar

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions.base import KINDS, Condition, Physics
from cmgai_fem.mechanics.inputs import Value
from cmgai_fem.mechanics.ranks import largest


class Fixed(Condition):
    """Given displacement, u_i = value, on cells, faces, edges or points.

    Args:
        x, y, z: displacement components [m]; those left out are free, and without any all are held at zero.
    """

    table: ClassVar[str] = "fixed"
    physics: ClassVar[Physics] = "mechanics"
    places = (*KINDS[:3], "cells")
    x: Value = None
    y: Value = None
    z: Value = None

    def given(self, body: Body) -> list[tuple[int, Any]]:
        """See `Condition.given`."""
        count = body.mesh.geometry.dim
        parts = [(axis, part) for axis, part in enumerate((self.x, self.y, self.z)) if part is not None]
        if parts and parts[-1][0] >= count:
            raise InputError(f"{self.name}: a {count}-D mesh has no {'xyz'[parts[-1][0]]}")
        return parts or [(axis, 0.0) for axis in range(count)]


class Symmetry(Condition):
    """A plane of symmetry, u . n = 0; the plane is normal to a coordinate axis."""

    table: ClassVar[str] = "symmetry"
    physics: ClassVar[Physics] = "mechanics"

    def given(self, body: Body) -> list[tuple[int, Any]]:
        """See `Condition.given`. Collective.

        Raises:
            InputError: the faces are no plane normal to an axis.
        """
        mesh, facets = body.mesh, body.facets_of(self.on)
        nodes = dolfinx.mesh.entities_to_geometry(mesh, body.dimension - 1, facets).ravel()
        points = mesh.geometry.x[nodes, : mesh.geometry.dim]
        low = -largest(mesh.comm, -points.min(axis=0, initial=np.inf))
        high = largest(mesh.comm, points.max(axis=0, initial=-np.inf))
        flat = np.flatnonzero(high - low <= 1e-9 * (high - low).max())
        if len(flat) != 1:
            raise InputError(f"{self.name}: is no plane normal to a coordinate axis; use [[fixed]] with x, y or z")
        return [(int(flat[0]), 0.0)]
