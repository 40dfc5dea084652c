"""The transport on a label mesh dealt out over MPI ranks: 1, 2 and 4 of them give the same motion."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.mechanics.reference import find_mpiexec

PROGRAM = """
import sys
import numpy as np
from cmgai_fem import dolfinx_environment
from mpi4py import MPI
from cmgai_fem.transport.laws import make_law
from cmgai_fem.transport.forces import Least
from cmgai_fem.solve import solve
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.transport.problem import Problem

name, stiffness, order, count, target = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
labels = square_mesh(count)
X, Y = labels.points.T
values = np.array([0.0, 0.3, 0.7, 1.0])
fields = [
    np.column_stack([X * (1 + 0.5 * s) + 0.1 * s * np.sin(2 * X) * Y, Y * (1 - 0.2 * s) + 0.2 * np.sin(2 * s) * X * Y])
    for s in values
]
states = States.of(labels, Coordinate("load"), values, {"x": Field(np.stack(fields), "m", ("x", "y"))})
density = 1.0 + 0.5 * X
problem = Problem(states, law=make_law(name, stiffness), damping=0.2, force=Least(order), density=density)
solution = solve(problem, "fem", comm=MPI.COMM_WORLD)
samples = np.linspace(0.0, 1.0, 9)
found = np.array([[solution.path(s), solution.force(s)] for s in samples])
np.save(f"{target}.{MPI.COMM_WORLD.rank}.npy", found)
"""


@pytest.mark.parametrize(
    ("name", "stiffness", "order", "labels", "many"),
    [
        ("membrane", 0.001, 0, 8, (2,)),
        pytest.param("membrane", 0.001, 0, 8, (4,), marks=pytest.mark.slow),
        ("linear_elastic", 0.03, 1, 8, (2,)),
        ("neo_hookean", 0.03, 0, 6, (2,)),
        pytest.param("neo_hookean", 0.03, 0, 12, (2, 4), marks=pytest.mark.slow),
    ],
)
def test_ranks_agree(
    tmp_path: Path, name: str, stiffness: float, order: int, labels: int, many: tuple[int, ...]
) -> None:
    arguments = (name, str(stiffness), str(order), str(labels))
    found = {ranks: run(tmp_path / f"ranks{ranks}", ranks, *arguments) for ranks in (1, *many)}
    motion, force = np.moveaxis(found[1][0], 1, 0)
    for ranks in many:
        for each in found[ranks]:
            np.testing.assert_array_equal(each, found[ranks][0])
        np.testing.assert_allclose(found[ranks][0][:, 0], motion, rtol=0.0, atol=1e-8 * np.abs(motion).max())
        np.testing.assert_allclose(found[ranks][0][:, 1], force, rtol=0.0, atol=1e-6 * np.abs(force).max())


def run(target: Path, ranks: int, *arguments: str) -> list[np.ndarray]:
    """What each rank found."""
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-c", PROGRAM, *arguments, str(target)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=alone, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    return [np.load(f"{target}.{rank}.npy") for rank in range(ranks)]
