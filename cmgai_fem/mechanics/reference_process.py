"""The process that solves a reference model, started by `reference.solve_reference` under `mpiexec`.

Results stand beside the request, each written complete or not at all.
"""

import json
import resource
import sys
import time
import traceback
from pathlib import Path

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
from mpi4py import MPI
from petsc4py import PETSc

from cmgai_fem.errors import CmgaiError
from cmgai_fem.mechanics.reference import ERROR_FILE, PROGRESS, STATES_FILE, SUMMARY_FILE, load_model
from cmgai_fem.writing import write_json


def solve_request(request: Path, comm: MPI.Comm) -> None:
    """Solve what `request` asks for and write the states and a summary beside it. Collective."""
    asked = json.loads(request.read_text())
    start = time.perf_counter()
    model = load_model(asked["kind"], asked["parameters"])
    states = model.solve(comm, asked["values"], _print_progress)
    # Linux counts the peak in kilobytes.
    peak = comm.reduce(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, op=MPI.SUM, root=0)
    if comm.rank == 0:
        if states is None:
            raise RuntimeError(f"model {asked['kind']!r} returned no states on rank 0")
        states.check_finite().save(request.with_name(STATES_FILE))
        summary = {
            "seconds": time.perf_counter() - start,
            "peak_memory_mb": peak,
            "ranks": comm.size,
            "dolfinx": dolfinx.__version__,
            "petsc": ".".join(str(number) for number in PETSc.Sys.getVersion()),
            **model.facts(),
        }
        write_json(request.with_name(SUMMARY_FILE), summary)


def main() -> None:
    """Solve the request; an error of any rank ends all of them, because the others may be waiting for it."""
    request, comm = Path(sys.argv[1]), MPI.COMM_WORLD
    try:
        solve_request(request, comm)
    except CmgaiError as error:
        write_json(request.with_name(ERROR_FILE), {"type": type(error).__name__, "message": str(error)})
        comm.Abort(1)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        comm.Abort(3)


def _print_progress(line: str) -> None:
    print(f"{PROGRESS}{line}", flush=True)


if __name__ == "__main__":
    main()
