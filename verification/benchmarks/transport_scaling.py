"""Size, time, memory and iterations of the finite-element transport.

Each row is a process of its own, so that its peak memory
is its own; rows with more ranks share the label mesh.

    membrane     a hot spot that moves and spreads over a square of triangles, five known states, least(0)
    neo_hookean  a square in plane strain that is stretched and sheared, four known states, least(0)
"""

import json
import os
import subprocess
import sys

from timing import Row

from cmgai_fem.mechanics.reference import find_mpiexec

# law, stiffness, labels a side, factor on the elements in s, ranks
ROWS = (
    ("membrane", 1e-2, 65, 1.0, 1),
    ("membrane", 1e-2, 129, 1.0, 1),
    ("membrane", 1e-2, 257, 1.0, 1),
    ("membrane", 1e-2, 257, 1.0, 2),
    ("neo_hookean", 0.2, 9, 1.0, 1),
    ("neo_hookean", 0.2, 17, 1.0, 1),
    ("neo_hookean", 0.2, 33, 1.0, 1),
    ("neo_hookean", 0.2, 65, 1.0, 1),
    ("neo_hookean", 0.2, 33, 2.0, 1),
    ("neo_hookean", 0.2, 33, 4.0, 1),
    ("neo_hookean", 0.2, 65, 1.0, 2),
)
QUICK = (("membrane", 1e-2, 9, 1.0, 1),)
TITLE = "Size of the finite-element transport"
NOTE = """Five known states (membrane) or four (neo-Hookean), least(0). Unknowns are labels times components times
B-splines in s. Rows are single runs."""

PROGRAM = """
import json, resource, sys, time
import numpy as np
from cmgai_fem import dolfinx_environment
from mpi4py import MPI
from cmgai_fem.transport.laws import make_law
from cmgai_fem.fem.nonlinear import solve_nonlinear
from cmgai_fem.transport.forces import Least
from cmgai_fem.solve import solve
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.transport.problem import Problem

name, stiffness, count, refine = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])


def hot_spot(points, s):
    distance = np.sum((points - [0.3 + 0.2 * s, 0.5]) ** 2, axis=1)
    return ((1.0 + s) * np.exp(-distance / (0.02 + 0.03 * s)))[:, None]


def stretch(points, s):
    X, Y = points.T
    return np.column_stack(
        [X * (1 + 0.5 * s) + 0.3 * s * Y + 0.1 * s * np.sin(2 * X) * Y, Y * (1 - 0.2 * s) + 0.2 * np.sin(2 * s) * X * Y]
    )


def problem(count):
    labels = square_mesh(count)
    field, values, names = (hot_spot, np.linspace(0.0, 1.0, 5), ("",))
    if name != "membrane":
        field, values, names = stretch, np.array([0.0, 0.3, 0.7, 1.0]), ("x", "y")
    known = np.stack([field(labels.points, s) for s in values])
    states = States.of(labels, Coordinate("s"), values, {"f": Field(known, "", names)})
    return Problem(states, law=make_law(name, stiffness), force=Least(0))


def run(statement):
    if name == "membrane":
        return solve(statement, "fem", comm=MPI.COMM_WORLD)
    return solve_nonlinear(statement, comm=MPI.COMM_WORLD, refine=refine)


run(problem(4))  # compiles the forms
start = time.perf_counter()
solution = run(problem(count))
seconds = time.perf_counter() - start
memory = MPI.COMM_WORLD.reduce(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)
if MPI.COMM_WORLD.rank == 0:
    print(json.dumps({"seconds": seconds, "memory": memory, **solution.info}))
"""


def measure(law: str, stiffness: float, side: int, refine: float, ranks: int) -> dict[str, float]:
    """Seconds, memory [GiB] and what the solver says of itself."""
    command = [sys.executable, "-c", PROGRAM, law, str(stiffness), str(side), str(refine)]
    if ranks > 1:
        command = [find_mpiexec(), "-n", str(ranks), *command]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=alone, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def tables(quick: bool) -> dict[str, list[Row]]:
    """The rows, each in a process of its own."""
    rows: list[Row] = []
    for law, stiffness, side, refine, ranks in QUICK if quick else ROWS:
        found = measure(law, stiffness, side, refine, ranks)
        rows.append(
            {
                "law": f"{law} {stiffness:g}",
                "labels": f"{side * side:,}",
                "elements in s": f"x {refine:g}",
                "ranks": ranks,
                "unknowns": f"{found['unknowns']:,}",
                "seconds": found["seconds"],
                "peak GiB": found["memory"],
                "CG iterations": found.get("inner_iterations", "-"),
            }
        )
    return {"Finite-element transport": rows}
