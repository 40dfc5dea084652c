"""The known states of a body in pieces, one model file each: every rank writes and reads its own.

`model.safetensors` holds what is the same for all pieces, and their digests; beside it stand model_0.safetensors,
model_1.safetensors and so on, each with the mesh, the labels and the known values of its piece.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import data_at
from cmgai_fem.files.kept import damaged, read_kept, write_kept
from cmgai_fem.files.pieces import PiecedStates
from cmgai_fem.files.snapshot import Grid, Snapshot, as_unstructured, check_grid, find_location
from cmgai_fem.machine import agreed
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.portion import Portion
from cmgai_fem.states.states import Coordinate, Coordinates, Field
from cmgai_fem.writing import scratch_array

if TYPE_CHECKING:
    from mpi4py import MPI

FORMAT = "cmgai-fem piece of a model"


@dataclass(frozen=True, repr=False)
class KeptPieces(PiecedStates):
    """States of the pieces that this rank has, read from model files; see `PiecedStates`.

    Args:
        kept: the file of each of them.
        location: "point" or "cell", where the labels are.
    """

    kept: tuple[Path, ...] = ()
    location: str = "point"

    def grid_of(self, row: int, /, **fields: np.ndarray) -> Grid:
        """The mesh of one of the pieces here, read anew, with fields (l, n) of its labels."""
        with damaged(self.kept[row]):
            _, arrays = read_kept(self.kept[row], FORMAT)
            grid = mesh_of(self.kept[row], arrays)
        name, known = next(iter(self.fields)), arrays["states/known"][0]
        data_at(grid, self.location)[name] = known
        return replace(self, template=Snapshot(self.kept[row], grid)).grid(**fields)


def kept_path(path: Path, number: int) -> Path:
    """The file of one piece beside the model file."""
    return path.with_name(f"{path.stem}_{number}{path.suffix}")


def write_pieces(path: Path, states: PiecedStates) -> dict[str, Any]:
    """Write the pieces of this rank; collective.

    Args:
        path: the model file that they stand beside.
        states: the known states of one field.

    Returns:
        What the model file has to say of all pieces, the same on every rank.
    """
    dealt, ((name, known),) = states.labels.portion, states.fields.items()

    def write() -> list[tuple[str, int, str]]:
        found = []
        for row, labels in enumerate(dealt.slices):
            grid = as_unstructured(states.grid_of(row))
            location = find_location(Snapshot(path, grid), name)
            arrays = mesh_arrays(grid) | {
                "labels/points": states.labels.points[labels],
                "labels/weights": states.labels.weights[labels],
                "states/known": known.values[:, labels],
            }
            digest = write_kept(kept_path(path, states.number + row), FORMAT, {}, arrays)
            found.append((digest, labels.stop - labels.start, location))
        return found

    here = agreed(dealt.comm, write)
    each = here if dealt.comm is None else [one for rank in dealt.comm.allgather(here) for one in rank]
    return {"location": each[0][2], "pieces": [[digest, count] for digest, count, _ in each]}


def read_pieces(path: Path, facts: Mapping[str, Any], values: Array, comm: "MPI.Comm | None") -> KeptPieces:
    """The known states of the pieces of this rank; collective.

    Args:
        path: the model file.
        facts: what stands in it.
        values: (K, m) of the states.
        comm: the ranks that share the pieces; None for one.

    Raises:
        InputError: on every rank, what is wrong with a file of one.
    """
    pieces = [(str(digest), int(count)) for digest, count in facts["pieces"]]
    if comm is not None and comm.size > len(pieces):
        raise InputError(f"{len(pieces)} pieces for {comm.size} ranks: give no more ranks than pieces")
    mine = np.array_split(np.arange(len(pieces)), 1 if comm is None else comm.size)[0 if comm is None else comm.rank]
    counts, components = tuple(pieces[row][1] for row in mine), tuple(map(str, facts["components"]))

    def read() -> tuple[Array, Array, Array]:
        known = scratch_array((len(values), sum(counts), len(components)))
        points, weights = np.empty((sum(counts), 3)), np.empty(sum(counts))
        for labels, row in zip(Portion(counts, 0, sum(counts)).slices, mine, strict=True):
            own = kept_path(path, int(row))
            with damaged(own):
                _, arrays = read_kept(own, FORMAT, pieces[row][0])
                points[labels], weights[labels] = arrays["labels/points"], arrays["labels/weights"]
                known[:, labels] = arrays["states/known"]
        return known, points, weights

    known, points, weights = agreed(comm, read)
    return KeptPieces(
        Labels(points, weights, {}, dealt=Portion.dealt(counts, comm)),
        values=values,
        fields={str(facts["field"]): Field(known, str(facts["unit"]), components)},
        **states_facts(facts, values),
        number=int(mine[0]),
        count=len(pieces),
        kept=tuple(kept_path(path, int(row)) for row in mine),
        location=str(facts["location"]),
    )


def states_facts(facts: Mapping[str, Any], values: Array) -> dict[str, Any]:
    """What a model file's facts say of known states at (K, m) values, as `FileStates` has it."""
    return {
        "coordinates": Coordinates(tuple(Coordinate(*map(str, each)) for each in facts["coordinates"])),
        "template_value": tuple(float(part) for part in values[0]),
        "files": tuple(Path(str(file)) for file in facts["files"]),
    }


def mesh_arrays(grid: pyvista.UnstructuredGrid) -> dict[str, np.ndarray]:
    """A mesh as arrays of a model file."""
    parts = {"points": grid.points, "cells": grid.cells, "types": grid.celltypes}
    return {f"mesh/{name}": np.asarray(part) for name, part in parts.items()}


def mesh_of(path: Path, arrays: Mapping[str, np.ndarray]) -> pyvista.UnstructuredGrid:
    """The mesh that `mesh_arrays` took apart, checked."""
    grid = pyvista.UnstructuredGrid(arrays["mesh/cells"], arrays["mesh/types"], arrays["mesh/points"])
    check_grid(path, grid)
    return grid
