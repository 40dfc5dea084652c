"""Independent states shared by ranks, one rank a state, where the mesh is too small to be shared itself."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from mpi4py import MPI

from cmgai_fem.mechanics.probes import Probe
from cmgai_fem.states.states import Coordinate, States

if TYPE_CHECKING:
    from cmgai_fem.mechanics.problem import BodyProblem

# A rank solves for so many nodes alone in less time than two take that wait for each other.
SMALL_NODES = 20_000
Solved = tuple[States | None, list[dict[str, Any]]]


def solve_states(
    comm: MPI.Comm,
    values: Sequence[float],
    problem: Callable[[MPI.Comm], "BodyProblem"],
    report: Callable[[str], None],
    probes: Sequence[Probe] = (),
    coordinate: Coordinate | None = None,
) -> Solved:
    """Solve a problem at every state, all ranks each, or one rank each. Collective.

    Args:
        comm: the ranks.
        values: (K,) states.
        problem: gives the problem on a communicator.
        report, probes, coordinate: see `BodyProblem.solve`; where ranks share states, rank 0 reports its own.

    Returns:
        The states and what the probes told on rank 0; None for the states on the others.
    """
    found = problem(comm)
    nodes = found.body.mesh.topology.index_map(found.body.dimension).size_global * found.degree**found.body.dimension
    if found.independent and 1 < comm.size <= len(values) and nodes <= SMALL_NODES:
        said = report if comm.rank == 0 else (lambda line: None)

        def alone(group: MPI.Comm, some: Sequence[float]) -> Solved:
            own = problem(group)
            return own.solve(some, coordinate, probes, said), own.told

        return _shared(comm, values, alone)
    return found.solve(values, coordinate, probes, report), found.told


def _shared(comm: MPI.Comm, values: Sequence[float], solve: Callable[[MPI.Comm, list[float]], Solved]) -> Solved:
    """Each state on one rank; at least as many states as ranks."""
    group = comm.Split(comm.rank, comm.rank)
    states, told = solve(group, [float(values[index]) for index in _share(len(values), comm)])
    gathered = comm.gather((states, told), root=0)
    group.Free()
    if gathered is None:
        return None, []
    parts = [part for part, _ in gathered if part is not None]
    first = parts[0]
    fields = {
        name: replace(field, values=np.concatenate([part.field(name).values for part in parts]))
        for name, field in first.fields.items()
    }
    found = np.concatenate([part.values for part in parts])
    rows = sorted((row for _, part in gathered for row in part), key=lambda row: float(row["state"]))
    return States.of(first.labels, first.coordinates, found, fields), rows


def _share(count: int, comm: MPI.Comm) -> list[int]:
    """This rank's states, increasing; dealt out to and fro from the last, which often takes longest."""
    lanes = [*range(comm.size), *reversed(range(comm.size))]
    return [turn for turn in range(count) if lanes[(count - 1 - turn) % len(lanes)] == comm.rank]
