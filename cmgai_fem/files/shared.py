"""A large body in one file: all ranks work on it, the first one writes.

The first rank reads it and deals it out; of HDF5 every rank reads its own rows (`slabs`). Labels are dealt out in whole
blocks, in the order of the body, so that every sum is that of one rank to the last digit.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cmgai_fem.files.file_states import FileStates
from cmgai_fem.files.slabs import Slabs
from cmgai_fem.machine import agreed
from cmgai_fem.states import portion
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.portion import Portion
from cmgai_fem.states.states import Field

if TYPE_CHECKING:
    from mpi4py import MPI


@dataclass(frozen=True)
class SharedStates:
    """States of a body that ranks share.

    Args:
        states: those of the labels that this rank has, as bare points.
        whole: those of all labels, with their mesh; on the first rank alone.
        starts: (ranks + 1,) first label of each rank, and how many there are.
        comm: the ranks.
    """

    states: FileStates
    whole: FileStates | None
    starts: tuple[int, ...]
    comm: "MPI.Comm"

    def gather(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        """Fields (L, n) of all labels, of those (l, n) that each rank has, on the first rank; none on the others."""
        return {name: found for name, here in fields.items() for found in self._gathered(here)}

    def _gathered(self, here: Array) -> Iterator[Array]:
        if self.comm.rank > 0:
            self.comm.Send(np.ascontiguousarray(here), 0)
            return
        found = np.empty((self.starts[-1], *here.shape[1:]))
        found[: self.starts[1]] = here
        for rank in range(1, self.comm.size):
            self.comm.Recv(found[self.starts[rank] : self.starts[rank + 1]], rank)
        yield found


def share(
    read: Callable[[], FileStates], cut: Callable[[], Slabs | None], name: str, comm: "MPI.Comm"
) -> SharedStates | FileStates | None:
    """A body of one file a state, dealt out; collective.

    Args:
        read: reads the states with one field.
        cut: finds where their values are, if each rank can read its own.
        name: of the field.
        comm: the ranks.

    Returns:
        The states of the labels of this rank. A body that is small, or of fewer blocks than two, is the first rank's:
        its states as they were read there, and None on ranks that have nothing to do.

    Raises:
        InputError: on every rank, what is wrong with a file.
    """
    slabs = agreed(comm, lambda: cut() if comm.rank == 0 else None)
    if comm.bcast(slabs is not None):
        shared = _share(None if slabs is None else slabs.states, slabs, name, comm)
        finite = not isinstance(shared, SharedStates) or shared.states.field(name).finite
        if all(comm.allgather(finite)):
            return shared
    return _share(agreed(comm, lambda: read() if comm.rank == 0 else None), None, name, comm)


def _share(
    whole: FileStates | None, slabs: Slabs | None, name: str, comm: "MPI.Comm"
) -> SharedStates | FileStates | None:
    """What the first rank has read, or found where to read, dealt out."""
    total = comm.bcast(None if whole is None else whole.labels.count)
    blocks = -(-total // portion.BLOCK)
    workers = min(comm.size, blocks)
    if total <= portion.MOST_WHOLE or workers < 2:
        return whole
    working = comm.Split(0 if comm.rank < workers else 1)
    if comm.rank >= workers:
        return None
    cuts = [int(each[0]) * portion.BLOCK for each in np.array_split(np.arange(blocks), workers)]
    starts = (*cuts, total)
    return SharedStates(_dealt(whole, slabs, name, starts, working), whole, starts, working)


def _dealt(
    whole: FileStates | None, slabs: Slabs | None, name: str, starts: tuple[int, ...], comm: "MPI.Comm"
) -> FileStates:
    """The states of the labels of this rank."""
    head = None
    if whole is not None:
        bare = Labels(np.zeros((0, whole.labels.points.shape[1])), np.zeros(0), {})
        known = whole.field(name)
        head = (
            replace(whole, labels=bare, fields={}, template=None),
            replace(known, values=known.values[:, :0]),
            slabs and replace(slabs, states=replace(whole, labels=bare, fields={}, template=None)),
        )
    empty, known, slabs = comm.bcast(head)
    first, count = starts[comm.rank], starts[comm.rank + 1] - starts[comm.rank]
    points = np.empty((count, empty.labels.points.shape[1]))
    weights = np.empty(count)
    values = np.empty((len(empty), 0 if slabs else count, known.values.shape[2]))
    parts = [points, weights, *([] if slabs else values)]
    if whole is None:
        for part in parts:
            comm.Recv(part, 0)
    else:
        arrays = [whole.labels.positions, whole.labels.weights, *([] if slabs else whole.field(name).values)]
        for part, array in zip(parts, arrays, strict=True):
            part[:] = array[:count]
            for rank in range(1, comm.size):
                comm.Send(np.ascontiguousarray(array[starts[rank] : starts[rank + 1]], dtype=float), rank)
    if slabs is not None:
        values = slabs.values(slice(first, first + count))
    labels = Labels(points, weights, {}, dealt=Portion((count,), first, starts[-1], comm))
    return replace(empty, labels=labels, fields={name: Field(values, known.unit, known.components)})
