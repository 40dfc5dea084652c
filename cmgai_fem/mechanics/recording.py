"""Nodal fields of each solved state, gathered on rank 0."""

from collections.abc import Callable, Mapping, Sequence

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
import ufl
from dolfinx import fem, la

from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.meshing import NodeGather, compile_form, labels_of
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Field, States

Recovered = Callable[[str], Array | None]
"""From a state's name to nodal values on rank 0."""


class Recorder:
    """Takes nodal fields of one state after another. Collective.

    Args:
        body: the meshed body.
        functions: temperature and displacement, taken at the corners of the cells.
        recovered: what is known at quadrature points alone, e.g. the stress (see `recovery`).
        axisymmetric: volumes are then those of the ring.
        components: names of the components of fields that are not the common ones.
        units: of fields whose unit is not the common one.
    """

    def __init__(
        self,
        body: Body,
        functions: Mapping[str, fem.Function],
        recovered: Mapping[str, Recovered],
        axisymmetric: bool = False,
        components: Mapping[str, tuple[str, ...]] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> None:
        self._components, self._units = components or {}, units or {}
        self._body, self._recovered, self._axisymmetric = body, recovered, axisymmetric
        self._functions: dict[str, tuple[fem.Function, fem.Function, NodeGather]] = {}
        for name, source in functions.items():
            size = source.function_space.dofmap.bs
            space = fem.functionspace(body.mesh, ("Lagrange", 1, () if name == "temperature" else (size,)))
            self._functions[name] = (source, fem.Function(space), NodeGather(space))
        self._found: dict[str, list[Array]] = {}

    def record(self, label: str) -> None:
        """Take the present state; `label` is its name for messages."""
        for name, (source, nodal, gather) in self._functions.items():
            nodal.interpolate(source)
            self._keep(name, gather(nodal.x.array))
        for name, recover in self._recovered.items():
            self._keep(name, recover(label))

    def latest(self) -> dict[str, Array]:
        """Nodal fields (N, n) of the state taken last, by name, on rank 0."""
        return {name: arrays[-1] for name, arrays in self._found.items()}

    def states(self, coordinate: Coordinate, values: Sequence[float]) -> States | None:
        """All that was taken, on rank 0; None on the others."""
        labels = labels_of(self._body)
        volumes = self._ring_volumes() if self._axisymmetric else None
        if labels is None:
            return None
        if volumes is not None:
            labels = Labels(labels.points, volumes, labels.cells, labels.location)
        units = {"displacement": "m", "stress": "Pa", **self._units}
        components = {"displacement": ("x", "y", "z")[: labels.points.shape[1]], "stress": SYMMETRIC_TENSOR}
        components |= self._components
        fields = {
            name: Field(np.stack(arrays), units.get(name, ""), components.get(name, ("",)))
            for name, arrays in self._found.items()
        }
        return States.of(labels, coordinate, np.asarray(values, dtype=float), fields)

    def _keep(self, name: str, values: Array | None) -> None:
        if values is not None:
            self._found.setdefault(name, []).append(values)

    def _ring_volumes(self) -> Array | None:
        """Volume [m^3] of the ring that each node stands for."""
        space = fem.functionspace(self._body.mesh, ("Lagrange", 1))
        radius = ufl.SpatialCoordinate(self._body.mesh)[0]
        total = fem.assemble_vector(compile_form(2.0 * np.pi * radius * ufl.TestFunction(space) * ufl.dx))
        total.scatter_reverse(la.InsertMode.add)
        found = NodeGather(space)(total.array)
        return None if found is None else found[:, 0]
