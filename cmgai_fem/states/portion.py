"""The labels of a body that this process has, and sums over the whole body that do not depend on who has which.

A body may be dealt out over the ranks of an MPI run, piece by piece. What is worked out label by label is worked out a
block at a time, so that no more than a block of it is in memory; what is summed over labels is summed block by block in
the order of the body, so that one rank and many come to the same digits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mpi4py import MPI

# Labels worked on at a time.
BLOCK = 65_536
# Labels up to which a whole body is looked at: for labels that move and laws of motion. Larger ones stay in pieces.
MOST_WHOLE = 300_000


@dataclass(frozen=True)
class Portion:
    """Consecutive labels of a body.

    Args:
        pieces: labels of each piece that is here, in order; a block holds labels of one piece.
        first: number of the first of them among those of the body.
        total: labels of the body.
        comm: the ranks that share the body, in its order; None where all of it is here. Every method is collective.
    """

    pieces: tuple[int, ...]
    first: int
    total: int
    comm: "MPI.Comm | None" = None

    @classmethod
    def whole(cls, count: int) -> "Portion":
        """All labels of a body of one piece."""
        return cls((count,), 0, count)

    @classmethod
    def dealt(cls, pieces: tuple[int, ...], comm: "MPI.Comm | None") -> "Portion":
        """The pieces that this rank has of those of all ranks."""
        counts = [sum(pieces)] if comm is None else comm.allgather(sum(pieces))
        rank = 0 if comm is None else comm.rank
        return cls(pieces, sum(counts[:rank]), sum(counts), comm)

    @property
    def alone(self) -> bool:
        """Whether all labels of the body are here, in one piece."""
        return self.comm is None and len(self.pieces) == 1

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Labels of each piece, counted from the first one here."""
        ends = np.cumsum(self.pieces, dtype=int)
        return tuple(slice(int(end) - count, int(end)) for count, end in zip(self.pieces, ends, strict=True))

    @cached_property
    def blocks(self) -> tuple[slice, ...]:
        """Labels of each block, counted from the first one here."""
        return tuple(block for piece in self.slices for block in blocks_of(piece))

    def join(self, part: "Callable[[slice], np.ndarray]", axis: int = 0) -> "np.ndarray":
        """What `part` makes of each block here, one after the other along the axis of labels."""
        found = [part(block) for block in self.blocks]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=axis)

    def collect(self, part: Callable[[slice], Any]) -> list[Any]:
        """What `part` makes of each block of the body, in its order, on every rank."""
        found = [part(block) for block in self.blocks]
        return found if self.comm is None else [each for rank in self.comm.allgather(found) for each in rank]

    def sum(self, part: Callable[[slice], Any]) -> Any:
        """Sum over the body of what `part` makes of each block."""
        return reduce(np.add, self.collect(part))

    def least(self, part: Callable[[slice], Any]) -> Any:
        """Least over the body of what `part` makes of each block, entry by entry."""
        return reduce(np.minimum, self.collect(part))

    def greatest(self, part: Callable[[slice], Any]) -> Any:
        """Greatest over the body."""
        return reduce(np.maximum, self.collect(part))

    def gather(self, here: "np.ndarray", axis: int = 0) -> "np.ndarray":
        """What each rank has of something, one after the other."""
        return here if self.comm is None else np.concatenate(self.comm.allgather(here), axis=axis)

    def mine(self, numbers: "np.ndarray") -> "np.ndarray":
        """Those of labels numbered over the body that are here, counted from the first one here."""
        here = numbers - self.first
        return here[(here >= 0) & (here < sum(self.pieces))]


def blocks_of(piece: slice) -> list[slice]:
    """A run of labels, cut into blocks."""
    starts = range(piece.start, piece.stop, BLOCK)
    return [slice(start, min(start + BLOCK, piece.stop)) for start in starts]
