"""A strip with a hole, pulled until it yields: a reference solve cheap enough to be repeated for many specimens.

A quarter of the strip in plane strain, J2 plasticity with linear hardening. Everything is at quadrature points, where
the plastic strain lives; tensors have the components xx, yy, zz, xy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.quasi_static import QuasiStaticPlasticity
from cmgai_fem.states.labels import Array, IntArray

# Six-node triangles with three points: quadratic displacement, linear stress.
QUADRATURE = 2
# The tangent of associated plasticity is symmetric, and of this many unknowns PETSc's own factors are the cheaper ones.
SMALL = {"ksp_type": "preonly", "pc_type": "cholesky", "pc_factor_mat_ordering_type": "nd"}
QUARTER = MeshParameters(file="perforated_strip.geo")


@dataclass(frozen=True)
class StripResponse:
    """Fields of one specimen at S pulls.

    Args:
        stress: (S, P, 4) [Pa].
        plastic_strain: (S, P, 4) tensor components.
        equivalent: (S, P) equivalent plastic strain.
    """

    stress: Array
    plastic_strain: Array
    equivalent: Array


class PerforatedStrip:
    """The meshed strip, on one process.

    Args:
        mesh: file and parameters.
        young: Young's modulus [Pa].
        poisson: Poisson's ratio.
        increment: largest step of the pull beyond first yield [Pa].

    Attributes:
        volumes: (P,) area that each quadrature point stands for [m^2].
        unit_stress: (P, 4) elastic stress of a pull of 1 Pa.
        concentration: greatest von Mises stress of a pull of 1 Pa.
    """

    def __init__(
        self,
        mesh: MeshParameters = QUARTER,
        young: float = 200e9,
        poisson: float = 0.3,
        increment: float = 10e6,
    ) -> None:
        body = mesh.read(MPI.COMM_SELF, 2)
        space = fem.functionspace(body.mesh, ("Lagrange", 2, (2,)))
        zero, self._pull = fem.Constant(body.mesh, 0.0), fem.Constant(body.mesh, 0.0)
        conditions = []
        for name, component in (("left", 0), ("bottom", 1)):
            part = space.sub(component)
            dofs = fem.locate_dofs_topological(part, 1, body.facets_of(name))
            conditions.append(fem.dirichletbc(zero, dofs, part))
        ds = body.ds
        self._problem = QuasiStaticPlasticity(
            space, conditions, lambda test: self._pull * test[0] * ds("end"), poisson, None, QUADRATURE,
            SMALL,
        )  # fmt: skip
        self._problem.young[:] = young
        self._increment = increment
        self._linear = fem.functionspace(body.mesh, ("Lagrange", 1))
        self.volumes = _point_volumes(body.mesh)
        self.unit_stress = self._elastic(1.0, np.zeros((len(self.volumes), 4)))
        self.concentration = float(von_mises(self.unit_stress).max())

    def march(self, pulls: Sequence[float], yield_stress: float, modulus: float) -> StripResponse:
        """Pull one specimen, once, through increasing pulls.

        Args:
            pulls: mean stress at the ends [Pa], increasing.
            yield_stress: [Pa].
            modulus: hardening modulus [Pa].

        Returns:
            The fields at each pull. Up to first yield they are exact multiples of the unit pull's.

        Raises:
            InputError: the pulls do not increase, or the yield stress is not positive.
            ConvergenceError: a step did not converge; the message names its pull.
        """
        if yield_stress <= 0.0 or modulus < 0.0 or np.any(np.diff([0.0, *pulls]) < 0.0):
            raise InputError(
                f"a specimen needs a yield stress above 0, a modulus of 0 or more and increasing pulls, not "
                f"{yield_stress:g} Pa, {modulus:g} Pa and {list(pulls)}"
            )
        problem = self._problem
        self._reset(np.zeros_like(problem.plastic_strain))
        problem.laws = [(LinearHardening(yield_stress, modulus), slice(None))]
        reached = yield_stress / self.concentration
        stress, plastic, equivalent = [], [], []
        for pull in pulls:
            if pull > reached:
                steps = int(np.ceil((pull - reached) / self._increment))
                for value in np.linspace(reached, pull, steps + 1)[1:]:
                    self._pull.value = value
                    problem.solve(f"pull {value / 1e6:.4g} MPa, yield stress {yield_stress / 1e6:.4g} MPa")
                reached = pull
                stress.append(problem.stress.x.array.reshape(-1, 4).copy())
            else:
                stress.append(pull * self.unit_stress)
            plastic.append(problem.plastic_strain.copy())
            equivalent.append(problem.equivalent_plastic_strain.copy())
        return StripResponse(np.stack(stress), np.stack(plastic), np.stack(equivalent))

    def residual_stress(self, plastic_strain: Array) -> Array:
        """Stress (P, 4) [Pa] that a plastic strain (P, 4) leaves in the unloaded strip.

        Equilibrium, compatibility and Hooke's law tie every state of the strip together by it:
        `stress = pull * unit_stress + residual_stress(plastic_strain)`.
        """
        return self._elastic(0.0, plastic_strain)

    def nodal(self, values: Array) -> Array:
        """Nodal values (N,) for pictures of values (P,) at the points."""
        return self._problem.recover(values[:, None])[:, 0]

    def triangulation(self) -> tuple[Array, IntArray]:
        """Nodes (N, 2) [m] in the order of `nodal`, and triangles (C, 3)."""
        return self._linear.tabulate_dof_coordinates()[:, :2], self._linear.dofmap.list.astype(np.int64)

    def _elastic(self, pull: float, plastic_strain: Array) -> Array:
        self._reset(plastic_strain)
        self._problem.laws = [(None, slice(None))]
        self._pull.value = pull
        self._problem.solve("the elastic strip")
        return np.array(self._problem.stress.x.array.reshape(-1, 4))

    def _reset(self, plastic_strain: Array) -> None:
        self._problem.plastic_strain = plastic_strain
        self._problem.equivalent_plastic_strain = np.zeros(len(plastic_strain))
        self._problem.displacement.x.array[:] = 0.0


def von_mises(stress: Array) -> Array:
    """Von Mises stress (...) of stresses (..., 4), components xx, yy, zz, xy."""
    xx, yy, zz, xy = np.moveaxis(stress, -1, 0)
    return np.asarray(np.sqrt(0.5 * ((xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2) + 3.0 * xy**2))


def _point_volumes(mesh: object) -> Array:
    cell = mesh.basix_cell()  # type: ignore[attr-defined]
    space = fem.functionspace(mesh, basix.ufl.quadrature_element(cell, value_shape=(), degree=QUADRATURE))
    dx = ufl.dx(mesh, metadata={"quadrature_degree": QUADRATURE, "quadrature_scheme": "default"})
    return np.array(fem.assemble_vector(fem.form(ufl.TestFunction(space) * dx)).array)
