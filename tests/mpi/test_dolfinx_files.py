"""What DOLFINx writes from one rank and from two: the same states, with the fields that they hold."""

import os
import subprocess
import sys

import numpy as np
import pytest

from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.mechanics.reference import find_mpiexec

PROGRAM = """
from cmgai_fem import dolfinx_environment
from mpi4py import MPI
import dolfinx
import numpy as np
square = dolfinx.mesh.create_unit_square(MPI.COMM_WORLD, 4, 4)
spaces = {"P1": ("Lagrange", 1), "P2": ("Lagrange", 2), "tensor": ("DG", 0, (2, 2))}
functions = {
    name: dolfinx.fem.Function(dolfinx.fem.functionspace(square, kind), name=name) for name, kind in spaces.items()
}
collections = {name: dolfinx.io.VTKFile(square.comm, f"{name}.pvd", "w") for name in ("P1", "P2")}
light = dolfinx.io.XDMFFile(square.comm, "light.xdmf", "w")
light.write_mesh(square)
for time in (0.0, 10.0, 50.0):
    for name in ("P1", "P2"):
        functions[name].interpolate(lambda x: 100.0 + time * x[0])
        collections[name].write_function([functions[name]], time)
    parts = (time, 2 * time, 2 * time, 3 * time)
    functions["tensor"].interpolate(lambda x: np.vstack([np.full(x.shape[1], part) for part in parts]))
    light.write_function(functions["P1"], time)
    light.write_function(functions["tensor"], time)
for file in (*collections.values(), light):
    file.close()
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_what_dolfinx_writes(tmp_path, ranks):
    launcher = ("PMI_", "PMIX_", "HYDI_", "HYDRA_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(launcher)}
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    for file, field in (("P1.pvd", "P1"), ("P2.pvd", "P2"), ("light.xdmf", "P1")):
        states = read_snapshots(tmp_path / file)
        assert [state.time for state in states] == [0.0, 10.0, 50.0]
        for state in states:
            expected = 100.0 + state.time * np.asarray(state.grid.points)[:, 0]
            np.testing.assert_allclose(state.grid[field], expected, rtol=1e-12)
    for state in states:
        tensor = np.asarray(state.grid.cell_data["tensor"]).reshape(state.grid.n_cells, -1)
        assert np.allclose(tensor[:, :2] / max(state.time, 1.0), [1.0, 2.0] if state.time else 0.0)
