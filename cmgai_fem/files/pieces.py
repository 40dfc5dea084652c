"""Large bodies, piece by piece: what a partitioned solver wrote is read, worked on and written as it lies.

Each rank of an MPI run has its pieces. A node that several pieces hold is a label in each of them, with the volume that
it stands for there, so that sums over the body are those of the whole mesh.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates, read_states
from cmgai_fem.files.snapshot import Grid
from cmgai_fem.files.sources import Piece, snapshots_of
from cmgai_fem.files.trust import check_readable, printable
from cmgai_fem.files.vtk_files import PIECES, listed, steps_of
from cmgai_fem.files.writers import PROVENANCE, write_file
from cmgai_fem.machine import agreed
from cmgai_fem.progress import Report
from cmgai_fem.states.labels import Labels, in_space
from cmgai_fem.states.portion import MOST_WHOLE, Portion
from cmgai_fem.states.states import Field
from cmgai_fem.writing import scratch_array

if TYPE_CHECKING:
    from mpi4py import MPI

# VTK's names of numpy's types.
XML_TYPES = (
    {"f8": "Float64", "f4": "Float32"}
    | {f"{kind}{size}": f"{word}{8 * size}" for kind, word in (("i", "Int"), ("u", "UInt")) for size in (1, 2, 4, 8)}
    | {"b1": "UInt8"}
)
# Bytes of a file in which its counts stand.
HEAD = 1 << 16
COUNTS = re.compile(rb'NumberOf(?:Points|Cells)="(\d+)"')


@dataclass(frozen=True, repr=False)
class PiecedStates(FileStates):
    """States of the pieces that this rank has.

    Args:
        parts: where the mesh of each of them is found again.
        number: of the first of them among those of the body.
        count: pieces of the body.
    """

    parts: tuple[Piece, ...] = ()
    number: int = 0
    count: int = 0

    def grid_of(self, row: int, /, **fields: np.ndarray) -> Grid:
        """The mesh of one of the pieces here, read anew, with fields (l, n) of its labels."""
        (snapshot,) = snapshots_of(self.parts[row], 1, list(self.fields), None)
        return replace(self, template=snapshot).grid(**fields)


@dataclass(frozen=True)
class Pieces:
    """The pieces of every state of a body.

    Args:
        states: the pieces of each state.
        labels: how many nodes and cells each piece has at most.
        comm: the ranks that share them; None for one.
    """

    states: tuple[tuple[Piece, ...], ...]
    labels: tuple[int, ...]
    comm: "MPI.Comm | None" = None

    @classmethod
    def of(cls, paths: Sequence[Path], comm: "MPI.Comm | None" = None) -> "Pieces | None":
        """The pieces that files list; None where they list none, or a body that is small enough to be read whole.

        Raises:
            InputError: a file is not readable, states have different numbers of pieces, or there are too many ranks.
        """
        states = [state for path in paths for state in _pieces_of(path)]
        if not states or any(len(state) < 2 for state in states):
            return None
        labels = tuple(_most_labels(piece.path) for piece in states[0])
        if sum(labels) <= MOST_WHOLE:
            return None
        for state in states:
            if len(state) != len(states[0]):
                raise InputError(
                    f"{printable(state[0].whole.name)} has {len(state)} pieces, {printable(states[0][0].whole.name)} "
                    f"{len(states[0])}: write all states on one partition of the mesh"
                )
        if comm is not None and comm.size > len(labels):
            raise InputError(f"{len(labels)} pieces for {comm.size} ranks: give no more ranks than pieces")
        return cls(tuple(map(tuple, states)), labels, comm)

    def read(self, report: Report, *, field: str, **reading: Any) -> PiecedStates:
        """The states of the pieces of this rank; collective.

        Args:
            report: takes lines of progress.
            field: name of the field.
            reading: as `read_states` has it.

        Raises:
            InputError: on every rank, what is wrong with a file of one.
        """
        states = agreed(self.comm, lambda: self._read(report, field, reading))
        dealt = Portion.dealt(states.labels.portion.pieces, self.comm)
        return replace(states, labels=replace(states.labels, dealt=dealt))

    @property
    def files(self) -> list[Path]:
        """All files that are read."""
        return [piece.path for state in self.states for piece in state]

    @property
    def _mine(self) -> list[int]:
        size, rank = (1, 0) if self.comm is None else (self.comm.size, self.comm.rank)
        return [int(row) for row in np.array_split(np.arange(len(self.labels)), size)[rank]]

    def _read(self, report: Report, name: str, reading: dict[str, Any]) -> PiecedStates:
        room, start = sum(self.labels[row] for row in self._mine), time.perf_counter()
        labels: list[Labels] = []
        for place, row in enumerate(self._mine, start=1):
            own = read_states([state[row] for state in self.states], field=name, **reading)
            known = own.field(name)
            if not labels:
                head = replace(own, labels=_plain(own.labels, 0), fields={}, template=None)
                components, values = known.components, scratch_array((len(own), room, len(known.components)))
            if own.mapped or known.components != components:
                raise InputError(
                    f"piece {row} of {printable(own.files[0].name)}: another mesh or other components in another state "
                    "or piece: write all on one partition of one mesh"
                )
            first = sum(one.count for one in labels)
            values[:, first : first + own.labels.count] = known.values
            labels.append(_plain(own.labels, own.labels.count))
            unit = known.unit
            # One piece at a time is in memory.
            del own, known
            seconds = time.perf_counter() - start
            left = seconds / place * (len(self._mine) - place)
            report(f"piece {row + 1} of {len(self.labels)} read: {seconds:.0f} s, about {left:.0f} s left")
        pieces = tuple(one.count for one in labels)
        points, weights = (np.concatenate([getattr(one, key) for one in labels]) for key in ("points", "weights"))
        return PiecedStates(
            Labels(points, weights, {}, dealt=Portion(pieces, 0, sum(pieces))),
            head.coordinates,
            head.values,
            {name: Field(values[:, : sum(pieces)], unit, components)},
            template_value=head.template_value,
            files=head.files,
            varying=head.varying,
            notes=head.notes,
            parts=tuple(self.states[0][row] for row in self._mine),
            number=self._mine[0],
            count=len(self.labels),
        )


def _plain(labels: Labels, count: int) -> Labels:
    """The first labels as bare points in space."""
    return Labels(in_space(labels.positions[:count]), labels.weights[:count], {})


def _pieces_of(path: Path) -> list[list[Piece]]:
    """The pieces of each state that a file holds; one list of none for a file that lists no pieces."""
    kind = path.suffix.lower()
    if kind not in (*PIECES, ".pvd"):
        return [[]]
    check_readable(path)
    steps = steps_of(path) if kind == ".pvd" else [(None, [path])]
    return [[Piece(piece, path, time) for file in files for piece in _expanded(file)] for time, files in steps]


def _expanded(file: Path) -> list[Path]:
    return listed(file) if file.suffix.lower() in PIECES else [file]


def _most_labels(path: Path) -> int:
    """The larger one of the numbers of nodes and cells that the head of a VTK XML file declares."""
    check_readable(path)
    with path.open("rb") as stream:
        counts = [int(count) for count in COUNTS.findall(stream.read(HEAD))]
    if not counts:
        raise InputError(f"{printable(str(path))}: does not say how many nodes and cells it has")
    return max(counts)


def check_pieces(path: Path) -> None:
    """Refuse an output for a body in pieces that is no list of pieces."""
    if path.suffix.lower() != ".pvtu":
        raise InputError(f"{printable(str(path))}: a body that is read in pieces is written so: name it .pvtu")


def piece_path(path: Path, number: int) -> Path:
    """The file of one piece of a .pvtu."""
    return path.with_name(f"{path.stem}_{number}.vtu")


def write_list(path: Path, grid: Grid, count: int) -> None:
    """Write the .pvtu that lists pieces.

    Args:
        path: the .pvtu.
        grid: the mesh and fields of one of the pieces.
        count: of the pieces, which stand beside it as `piece_path` names them.
    """
    root = ElementTree.Element("VTKFile", type="PUnstructuredGrid", version="1.0", byte_order="LittleEndian")
    # By this the list is known for ours.
    root.append(ElementTree.Comment(f" {PROVENANCE} stands in the pieces "))
    body = ElementTree.SubElement(root, "PUnstructuredGrid", GhostLevel="0")
    places = {"PPoints": {"": np.asarray(grid.points)}, "PPointData": grid.point_data, "PCellData": grid.cell_data}
    for tag, arrays in places.items():
        data = ElementTree.SubElement(body, tag)
        for name, array in arrays.items():
            kind = XML_TYPES[np.asarray(array).dtype.str[1:]]
            width = str(int(np.prod(array.shape[1:], dtype=int)))
            ElementTree.SubElement(data, "PDataArray", type=kind, Name=name or "Points", NumberOfComponents=width)
    for number in range(count):
        ElementTree.SubElement(body, "Piece", Source=piece_path(path, number).name)
    ElementTree.indent(root)
    write_file(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
