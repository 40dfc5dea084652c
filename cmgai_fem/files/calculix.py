"""Results of CalculiX (.frd, ASCII): mesh and nodal fields of every step.

Neither meshio nor VTK reads them. Numbers stand in columns: node numbers 10 wide (5 in the short form), values 12, or
13 where a negative one has an exponent of three digits; so values are told apart by how they are written.

Source: CalculiX CrunchiX user's manual, section "Result file format" (cgx manual, "Result Format").
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import put_field
from cmgai_fem.files.meshio_grids import UPRIGHT_FIRST, make_grid
from cmgai_fem.files.snapshot import Snapshot
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import NODES_PER_CELL, Array, IntArray

KINDS = {
    1: "hexahedron", 2: "wedge", 3: "tetra", 4: "hexahedron20", 5: "wedge15", 6: "tetra10", 7: "triangle",
    8: "triangle6", 9: "quad", 10: "quad8", 11: "line", 12: "line3",
}  # fmt: skip
NUMBER_WIDTH = {0: 5, 1: 10}
VALUE_WIDTH = 12
END = "9999"
# Kind of a result block that holds a shape of vibration; its value is the frequency.
MODE = "2"
# Place of the exponent's letter in a value of that width.
LETTER = 8
# A value, and what may stand behind it: the next one begins with a digit and the point.
VALUE = re.compile(r" *([-+]?\d?\.\d+)(?:[EeDd]([-+]?\d{2,3})|([-+]\d{3}))(?=[ +-]|$|\d\.)")


@dataclass
class _Step:
    time: float
    mode: bool = False
    fields: dict[str, tuple[list[str], Array]] = field(default_factory=dict)


class _Lines:
    """Lines with one step of looking ahead."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.position = 0

    def __iter__(self) -> Iterator[str]:
        while self.position < len(self.lines):
            self.position += 1
            yield self.lines[self.position - 1]

    def block(self) -> list[str]:
        """Lines up to the end mark " -3"."""
        start = self.position
        for line in self:
            if line[:3] == " -3":
                return self.lines[start : self.position - 1]
        raise self.error("ends in the middle of a block: the file is truncated")

    def error(self, text: str) -> InputError:
        return InputError(f"{printable(str(self.path))}: line {self.position}: {text}")


def read_frd(path: Path) -> list[Snapshot]:
    """Snapshots of an ASCII .frd file, one a step and increment; without results one without fields.

    Modes of vibration are left out where other steps stand beside them.

    Raises:
        InputError: the file is binary, truncated, or holds elements of an unknown type.
    """
    lines = _Lines(path, path.read_bytes().decode("latin-1"))
    numbers = np.zeros(0, dtype=np.int64)
    points = np.zeros((0, 3))
    kinds: list[str] = []
    blocks: list[list[list[int]]] = []
    steps: dict[int, _Step] = {}
    for line in lines:
        if line.startswith("    2C"):
            numbers, points = _nodes(lines, _form(lines, line))
        elif line.startswith("    3C"):
            _elements(lines, _form(lines, line), kinds, blocks)
        elif line.startswith("  100C"):
            form = _form(lines, line)
            own = _Step(_number(lines, line[12:24]), line[56:58].strip() == MODE)
            step = steps.setdefault(_integer(lines, line[58:63]), own)
            name, components, values = _result(lines, form, numbers)
            if name:
                step.fields[name] = components, values
    if not len(numbers):
        raise InputError(f"{printable(str(path))}: holds no nodes: not a CalculiX result file")
    if next((line for line in reversed(lines.lines) if line.strip()), "").strip() != END:
        raise InputError(f"{printable(str(path))}: truncated: its last line is not {END}; let the analysis end")
    connectivity = [_rows(lines, block, numbers) for block in blocks]
    ordered = [block[:, UPRIGHT_FIRST.get(kind, slice(None))] for kind, block in zip(kinds, connectivity, strict=True)]
    snapshots = []
    # Shapes of vibration beside the steps of a load are none of its states; alone they are what the file is about.
    states = [step for step in steps.values() if not step.mode] or [*steps.values()]
    for step in states or [_Step(float("nan"))]:
        grid = make_grid(points, kinds, ordered)
        for name, (components, values) in step.fields.items():
            put_field(grid.point_data, name, values, components if len(set(components)) == len(components) else ())
        snapshots.append(Snapshot(path, grid, step.time if np.isfinite(step.time) else None, numbers))
    return snapshots


def _form(lines: _Lines, line: str) -> int:
    form = int(line.split()[-1]) if line.split()[-1].isdigit() else -1
    if form not in NUMBER_WIDTH:
        raise lines.error("is in binary form; have CalculiX write ASCII (leave OUTPUT=BINARY out)")
    return NUMBER_WIDTH[form]


def _nodes(lines: _Lines, width: int) -> tuple[IntArray, Array]:
    block = lines.block()
    if not block:
        raise lines.error("has an empty block of nodes")
    return _columns(lines, block, width, 3)


def _elements(lines: _Lines, width: int, kinds: list[str], blocks: list[list[list[int]]]) -> None:
    """Appends elements to runs of one kind, so that their order is kept."""
    nodes: list[int] = []
    for line in lines.block():
        if line[:3] == " -1":
            number = _integer(lines, line[3 + width : 8 + width])
            if number not in KINDS:
                raise lines.error(f"elements of type {number} are not read")
            if not kinds or kinds[-1] != KINDS[number]:
                kinds.append(KINDS[number])
                blocks.append([])
            nodes = []
            blocks[-1].append(nodes)
        elif line[:3] == " -2":
            nodes.extend(_integer(lines, line[i : i + width]) for i in range(3, len(line.rstrip()), width))
    for kind, block in zip(kinds, blocks, strict=True):
        if any(len(element) != NODES_PER_CELL[kind] for element in block):
            raise lines.error(f"a {kind} element does not have {NODES_PER_CELL[kind]} nodes: the file is damaged")


def _result(lines: _Lines, width: int, numbers: IntArray) -> tuple[str, list[str], Array]:
    """Name, component names and values (nodes, components) of one result block; NaN at nodes that it leaves out."""
    name, start = "", lines.position
    components: list[str] = []
    for line in lines:
        if line[:3] == " -4":
            name = line[5:13].strip()
        elif line[:3] == " -5":
            # Components that viewers compute themselves are listed and not stored.
            if not line[33:38].strip().startswith("1"):
                components.append(line[5:13].strip())
        else:
            lines.position -= 1
            break
    block = lines.block()
    if not name or not block or not components:
        return "", [], np.zeros((0, 1))
    at, values = _columns(lines, _whole_rows(lines, block, width, len(components), start), width, len(components))
    result = np.full((len(numbers), len(components)), np.nan)
    places = np.searchsorted(numbers, at)
    known = places < len(numbers)
    known[known] = numbers[places[known]] == at[known]
    if not known.all():
        raise lines.error(f"result {printable(name)} names node {at[~known][0]}, which the mesh lacks")
    result[places] = values
    return name, components, result


def _whole_rows(lines: _Lines, block: list[str], width: int, stored: int, start: int) -> list[str]:
    """Rows of a block; six values stand in one line, more go on in lines that begin with -2."""
    if stored <= 6:
        return block
    rows: list[str] = []
    for line in block:
        if line[:3] == " -1":
            rows.append(line.rstrip())
        elif line[:3] == " -2" and rows:
            rows[-1] += line[3 + width :].rstrip()
        else:
            raise lines.error(f"the block from line {start} is damaged")
    return rows


def _columns(lines: _Lines, block: Sequence[str], width: int, count: int) -> tuple[IntArray, Array]:
    """Node numbers (N,), increasing, and values (N, count) of the lines of a block."""
    start = 3 + width
    if any(row[:3] != " -1" for row in block):
        raise lines.error("a line of the block before this one does not begin with -1")
    numbers = np.array([_integer(lines, row[3:start]) for row in block], dtype=np.int64)
    values = _aligned([row[start:] for row in block], count)
    if values is None:
        values = np.array([_values(lines, row[start:].rstrip(), count) for row in block])
    order = np.argsort(numbers, kind="stable")
    return numbers[order], values[order]


def _aligned(rows: Sequence[str], count: int) -> Array | None:
    """Values (N, count) of lines in which every one stands in its column; None where one does not."""
    total = count * VALUE_WIDTH
    if any(len(row) != total for row in rows):
        return None
    table = np.array([row.encode("latin-1") for row in rows], dtype=f"S{total}").view("S1").reshape(len(rows), total)
    if not np.all(table[:, LETTER::VALUE_WIDTH] == b"E"):
        return None
    try:
        return table.view(f"S{VALUE_WIDTH}").astype(float)
    except ValueError:
        return None


def _values(lines: _Lines, text: str, count: int) -> list[float]:
    """So many values and nothing else."""
    found: list[float] = []
    place = 0
    while match := VALUE.match(text, place):
        found.append(float(f"{match[1]}e{match[2] or match[3]}"))
        place = match.end()
    columns = [text[start : start + VALUE_WIDTH] for start in range(0, len(text), VALUE_WIDTH)]
    if place < len(text) and len(columns) == count and len(text) == count * VALUE_WIDTH:
        # NaN, and numbers without an exponent, stand in columns at least.
        return [_number(lines, column) for column in columns]
    if text[place:].strip():
        raise lines.error(f"a line of the block before this one is damaged at {printable(text[place:].strip())!r}")
    if len(found) != count:
        raise lines.error(f"a line of the block before this one lacks its {count} values: it has {len(found)}")
    return found


def _rows(lines: _Lines, block: Sequence[Sequence[int]], numbers: IntArray) -> IntArray:
    nodes = np.asarray(block, dtype=np.int64)
    places = np.minimum(np.searchsorted(numbers, nodes), len(numbers) - 1)
    if not np.array_equal(numbers[places], nodes):
        raise lines.error(f"an element names node {nodes[numbers[places] != nodes][0]}, which the mesh lacks")
    return places


def _integer(lines: _Lines, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise lines.error(f"{printable(text.strip())!r} is no whole number") from None


def _number(lines: _Lines, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise lines.error(f"{printable(text.strip())!r} is no number") from None
