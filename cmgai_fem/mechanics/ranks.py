"""Reductions over ranks."""

import numpy as np
from mpi4py import MPI

from cmgai_fem.states.labels import Array


def largest(comm: MPI.Comm, values: Array) -> Array:
    """The largest of each entry over all ranks. Collective."""
    values = np.ascontiguousarray(values, dtype=float)
    result = np.empty_like(values)
    comm.Allreduce(values, result, op=MPI.MAX)
    return result
