"""Nodal fields of each solved state, gathered on rank 0."""

from collections.abc import Sequence

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
import ufl
from dolfinx import fem, la

from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.meshing import NodeGather, compile_form, labels_of
from cmgai_fem.mechanics.recovery import NodalProjection, symmetric_components
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Field, States


class Recorder:
    """Takes nodal temperature, displacement and stress of one state after another. Collective.

    Displacement and temperature are the solution at the corners of the cells, the stress its projection on continuous
    linear elements (see `recovery`).

    Args:
        body: the meshed body.
        temperature: the function that is solved for or prescribed.
        elastic: the displacement and stress, if there are any.
        quadrature: degree of the points at which the stress is known.
        axisymmetric: volumes are then those of the ring.
    """

    def __init__(
        self,
        body: Body,
        temperature: fem.Function,
        elastic: ThermoElasticity | None,
        quadrature: int,
        axisymmetric: bool,
    ) -> None:
        self._body, mesh = body, body.mesh
        self._functions: dict[str, tuple[fem.Function, fem.Function, NodeGather]] = {}
        sources = {"temperature": temperature} | ({} if elastic is None else {"displacement": elastic.displacement})
        for name, source in sources.items():
            size = source.function_space.dofmap.bs
            shape = () if name == "temperature" else (size,)
            nodal = fem.Function(fem.functionspace(mesh, ("Lagrange", 1, shape)))
            self._functions[name] = (source, nodal, NodeGather(nodal.function_space))
        weight = ufl.SpatialCoordinate(mesh)[0] if axisymmetric else 1.0
        self._stress = None
        if elastic is not None:
            self._stress = NodalProjection(mesh, symmetric_components(elastic.stress), quadrature, weight)
        self._axisymmetric = axisymmetric
        self._found: dict[str, list[Array]] = {}

    def record(self, label: str) -> None:
        """Take the present state; `label` is its name for messages."""
        for name, (source, nodal, gather) in self._functions.items():
            nodal.interpolate(source)
            self._keep(name, gather(nodal.x.array))
        if self._stress is not None:
            self._keep("stress", self._stress(label))

    def states(self, coordinate: Coordinate, values: Sequence[float]) -> States | None:
        """All that was taken, on rank 0; None on the others."""
        labels = labels_of(self._body)
        volumes = self._ring_volumes() if self._axisymmetric else None
        if labels is None:
            return None
        if volumes is not None:
            labels = Labels(labels.points, volumes, labels.cells, labels.location)
        units = {"temperature": "", "displacement": "m", "stress": "Pa"}
        components = {"temperature": ("",), "displacement": ("x", "y", "z")[: labels.points.shape[1]]}
        fields = {
            name: Field(np.stack(arrays), units[name], components.get(name, SYMMETRIC_TENSOR))
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
