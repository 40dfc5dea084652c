"""Nodal values of what is known at quadrature points alone, recovered once a state."""

from collections.abc import Mapping

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
from dolfinx import fem

from cmgai_fem.mechanics.meshing import NodeGather
from cmgai_fem.mechanics.probes import VOIGT, Place, Probe
from cmgai_fem.mechanics.recording import Recovered
from cmgai_fem.states.labels import Array


class NodalFields:
    """Continuous linear functions that hold recovered fields. Collective over the mesh's communicator.

    Args:
        mesh: the mesh.
        sizes: number of components by field.
    """

    def __init__(self, mesh: dolfinx.mesh.Mesh, sizes: Mapping[str, int]) -> None:
        self.functions = {
            name: fem.Function(fem.functionspace(mesh, ("Lagrange", 1, (size,) if size > 1 else ())))
            for name, size in sizes.items()
        }
        self._gather = {name: NodeGather(nodal.function_space) for name, nodal in self.functions.items()}
        self.recovered: dict[str, Recovered] = {name: self._taker(name) for name in sizes}

    def set(self, name: str, values: Array) -> None:
        """Take over nodal values (local nodes, n); components beyond n stay zero."""
        function = self.functions[name]
        function.x.array.reshape(-1, function.function_space.dofmap.bs)[:, : values.shape[1]] = values

    def probe(self, probe: Probe, place: Place) -> float | None:
        """A probe's value, if it is of one of the fields. Collective."""
        if probe.field not in self.functions or (probe.component not in VOIGT) is (probe.field == "stress"):
            return None
        values = place.mean(place.values(self.functions[probe.field])[0])
        return float(values[VOIGT.index(probe.component) if probe.component else 0])

    def _taker(self, name: str) -> Recovered:
        return lambda label: self._gather[name](self.functions[name].x.array)
