"""One label map on a mesh dealt out over MPI ranks: the same on each number of them."""

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
from cmgai_fem.features.body import LabelBody
from cmgai_fem.fem import slip
from cmgai_fem.fem.registration import FemRegistration
from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.label_meshes import square_mesh

labels = square_mesh(9)
if sys.argv[1].startswith("box"):
    import pyvista
    grid = pyvista.ImageData(dimensions=(5, 5, 5), spacing=(0.25,) * 3).cast_to_unstructured_grid().triangulate()
    labels = labels_on_mesh(np.asarray(grid.points, float), {"tetra": grid.cells_dict[10].astype(np.int64)})
if sys.argv[1] == "box by blocks":
    slip.FACTORED = (0, 0, 0)
body = LabelBody.of(labels)
values = np.stack([np.exp(-np.sum((body.points - c) ** 2, axis=1) / 0.09)[:, None] for c in (0.45, 0.55)])
found = FemRegistration(body, values, comm=MPI.COMM_WORLD, tolerance=1e-11)(0, 0.3)
np.savez(f"{sys.argv[2]}.{MPI.COMM_WORLD.rank}.npz", places=found.places, steps=found.steps, total=found.total)
"""


@pytest.mark.parametrize(
    ("body", "many"),
    [("square", (2,)), ("box", (2,)), ("box by blocks", (2,)), pytest.param("square", (4,), marks=pytest.mark.slow)],
)
def test_ranks_agree(tmp_path: Path, body: str, many: tuple[int, ...]) -> None:
    alone = run(tmp_path / "ranks1", 1, body)[0]
    for ranks in many:
        for each in run(tmp_path / f"ranks{ranks}", ranks, body):
            np.testing.assert_allclose(each["places"], alone["places"], atol=1e-8)
            assert each["steps"] == alone["steps"]
    assert alone["total"] < 0.5


def run(target: Path, ranks: int, body: str) -> list[dict[str, np.ndarray]]:
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-c", PROGRAM, body, str(target)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr
    return [dict(np.load(f"{target}.{rank}.npz")) for rank in range(ranks)]
