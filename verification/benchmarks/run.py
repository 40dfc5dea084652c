"""Speed, as ratios measured in one run: `make benchmark`, or `python verification/benchmarks/run.py`.

Absolute seconds depend on the machine; each row sets two ways to the same answer, or two sizes, beside each other.
"""

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import sparse
from scipy.sparse.linalg import spsolve

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
from dolfinx import mesh
from mpi4py import MPI

from cmgai_fem.mechanics.explicit import ExplicitDynamics, RigidWall, Support
from cmgai_fem.mechanics.finite_strain import FiniteStrainJ2
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.plasticity import Metal
from cmgai_fem.mechanics.reference import find_mpiexec
from cmgai_fem.motions.state_splines import StateElements
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.label_mesh import LabelMesh
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import Problem

SOLID_ROD = """
import sys, time
from cmgai_fem import dolfinx_environment
from mpi4py import MPI
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.taylor_rod import TaylorRod
numbers = dict(core_cells=6.0, ring_cells=6.0, axial_cells=40.0)
model = TaylorRod(mesh=MeshParameters(file="taylor_rod_3d.geo", numbers=numbers), dimension=3)
run = model.start(model.mesh.read(MPI.COMM_WORLD, 3), 200.0)
run.advance(2e-7)
MPI.COMM_WORLD.Barrier()
start = time.perf_counter()
run.advance(1.5e-6)
MPI.COMM_WORLD.Barrier()
if MPI.COMM_WORLD.rank == 0:
    print(time.perf_counter() - start)
"""


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Least wall time of some repeats."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def point_rate() -> float:
    """Quadrature-point steps a second of explicit axisymmetric J2 plasticity on one core."""
    corners = [np.zeros(2), np.array([3.2e-3, 32.4e-3])]
    body = mesh.create_rectangle(MPI.COMM_SELF, corners, [14, 140], mesh.CellType.quadrilateral)
    kinematics = Kinematics(body, True)
    metal = Metal(117e9, 0.35, 8930.0, LinearHardening(400e6, 100e6))
    supports = [Support(0, lambda points: points[:, 0] < 1e-9)]
    model = FiniteStrainJ2(metal, kinematics.layout)
    run = ExplicitDynamics(kinematics, model, [0.0, -227.0], supports, RigidWall(1))
    run.advance(4e-6)
    rates = []
    for _ in range(20):
        steps, start = run.steps, time.perf_counter()
        run.advance(run.time + 20.0 * run.stable_step)
        rates.append(kinematics.full.points * (run.steps - steps) / (time.perf_counter() - start))
    return max(rates)


def ranks_gain() -> float:
    """How much faster two ranks are than one on the solid quarter rod."""
    times = []
    for ranks in (1, 2):
        command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-c", SOLID_ROD]
        times.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]))
    return times[0] / times[1]


def membrane_problem(cells: int) -> Problem:
    """Five smooth states on a square of triangles under a membrane law."""
    x, y = np.meshgrid(np.linspace(0.0, 1.0, cells + 1), np.linspace(0.0, 1.0, cells + 1))
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    lower = np.column_stack([corner, corner + 1, corner + cells + 2])
    upper = np.column_stack([corner, corner + cells + 2, corner + cells + 1])
    points = np.column_stack([x.ravel(), y.ravel()])
    labels = labels_on_mesh(points, {"triangle": np.vstack([lower, upper])})
    values = np.linspace(0.0, 1.0, 5)
    waves = np.cos(np.pi * points[:, 0]) * np.cos(np.pi * points[:, 1])
    field = np.array([np.sin(2.0 * t) + t**2 * waves for t in values])[:, :, None]
    states = States.of(labels, Coordinate("t"), values, {"f": Field(field, "", ("",))})
    return Problem(states, law=Membrane(1e-2), force=Least(0))


def direct_space_time(problem: Problem) -> None:
    """The same least force by one sparse factorisation of the whole space-time system, for comparison."""
    law_mesh = LabelMesh.of(problem.states.labels)
    mass, stiffness = law_mesh.mass, law_mesh.stiffness(problem.law, 1)
    lumped = sparse.diags_array(np.asarray(mass.sum(axis=1)).ravel())
    inverse = sparse.diags_array(1.0 / lumped.diagonal())
    elements = StateElements.for_states(problem.nodes, problem.span, 0, 1.0)
    points, weights = elements.quadrature()
    basis, bend = elements.basis(points), elements.basis(points, 2)
    pairs = [(bend, bend, lumped), (bend, basis, stiffness), (basis, bend, stiffness)]
    pairs.append((basis, basis, stiffness @ inverse @ stiffness))
    system = sum(sparse.kron(sparse.csr_array(a.T * weights @ b), matrix) for a, b, matrix in pairs)
    states = sparse.kron(sparse.csr_array(elements.basis(problem.nodes)), sparse.eye_array(mass.shape[0]))
    known = problem.scaling.encode(problem.known.values)[:, :, 0]
    right = np.concatenate([np.zeros(system.shape[0]), (known - known[0]).ravel()])
    spsolve(sparse.block_array([[system, states.T], [states, None]], format="csc"), right)


def main() -> None:
    """Print the ratios."""
    table = Table(title="Ratios measured in this run")
    table.add_column("what")
    table.add_column("ratio", justify="right")
    table.add_row(
        "explicit J2 in 2-D: million quadrature-point steps a second a core, over 4", f"{point_rate() / 4e6:.2f}"
    )
    table.add_row("solid quarter rod: two ranks over one", f"{ranks_gain():.2f}")
    small = membrane_problem(24)
    solve(small)
    krylov, direct = seconds(lambda: solve(small), 3), seconds(lambda: direct_space_time(small))
    table.add_row(
        "membrane transport, 625 labels: one space-time factorisation over Krylov modes", f"{direct / krylov:.1f}"
    )
    large = membrane_problem(192)
    table.add_row(
        "membrane transport: time at 60 times the labels over time", f"{seconds(lambda: solve(large)) / krylov:.1f}"
    )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
