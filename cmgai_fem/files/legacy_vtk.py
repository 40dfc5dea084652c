"""Legacy .vtk files are walked from keyword to keyword before VTK reads them: what they declare must be there.

VTK's own reader takes a truncated file for whole and hands out memory that nobody wrote.

Source: VTK file formats, https://docs.vtk.org/en/latest/vtk_file_formats, "Simple legacy formats", to version 5.1.
"""

import re
from pathlib import Path

from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import printable

SIZES = {
    "bit": 0, "char": 1, "unsigned_char": 1, "short": 2, "unsigned_short": 2, "int": 4, "unsigned_int": 4, "long": 8,
    "unsigned_long": 8, "float": 4, "double": 8, "vtkidtype": 4, "vtktypeint64": 8, "vtktypeuint64": 8,
    "vtktypeint32": 4, "vtktypeuint32": 4, "vtktypeint16": 2, "vtktypeuint16": 2, "vtktypeint8": 1, "vtktypeuint8": 1,
}  # fmt: skip
PLAIN = ("DATASET", "DIMENSIONS", "ORIGIN", "SPACING", "ASPECT_RATIO", "EXTENT")
CELLS = ("CELLS", "VERTICES", "LINES", "POLYGONS", "TRIANGLE_STRIPS")
COORDINATES = ("X_COORDINATES", "Y_COORDINATES", "Z_COORDINATES")
WIDTHS = {
    "VECTORS": 3, "NORMALS": 3, "TENSORS": 9, "TENSORS6": 6, "GLOBAL_IDS": 1, "PEDIGREE_IDS": 1, "EDGE_FLAGS": 1,
}  # fmt: skip


def check_legacy_vtk(path: Path) -> None:
    """Refuse a legacy .vtk file that holds less than it declares.

    Raises:
        InputError: it does, or holds a keyword that is not known.
    """
    try:
        _Walk(path.read_bytes()).run()
    except _BrokenError as broken:
        raise InputError(f"{printable(str(path))}: damaged or truncated: {broken}") from None
    except (ValueError, IndexError, KeyError, OverflowError):
        raise InputError(f"{printable(str(path))}: damaged or truncated: a line is not what it should be") from None


class _BrokenError(Exception):
    """What is wrong with the file."""


class _Walk:
    """A place in the text that moves on by lines and by numbers."""

    def __init__(self, text: bytes) -> None:
        self.text, self.place, self.count = text, 0, 0
        head = [self.line() for _ in range(3)]
        if not head[0].lower().startswith("# vtk datafile"):
            raise _BrokenError("it does not begin as a .vtk file does")
        self.ascii = head[2].strip().upper() == "ASCII"
        if self.ascii and not text.endswith(b"\n"):
            raise _BrokenError("its last line does not end; complete it with an empty line if it is whole")
        self.new = float(head[0].split()[-1]) >= 5.0

    def run(self) -> None:
        """Walk to the end."""
        if not self.words():
            raise _BrokenError("it holds no data")
        self.place = self.text.index(b"\n", self.text.index(b"\n", self.text.index(b"\n") + 1) + 1) + 1
        while words := self.words():
            self.keyword(words[0].upper(), words[1:])

    def line(self) -> str:
        end = self.text.find(b"\n", self.place)
        end = len(self.text) if end < 0 else end
        line, self.place = self.text[self.place : end], end + 1
        return line.decode("latin-1")

    def words(self) -> list[str]:
        """The next line that is not empty; none at the end."""
        while self.place < len(self.text):
            if words := self.line().split():
                return words
        return []

    def numbers(self, count: int, kind: str) -> None:
        """Move on behind so many numbers."""
        kind = kind.lower()
        if kind == "string":
            return self.strings(count)
        if self.ascii:
            found = re.compile(rb"(?:\s*+\S++){%d}+" % count).match(self.text, self.place) if count < 1 << 31 else None
            end = found.end() if found else len(self.text) + 1
        else:
            end = self.place + (-(-count // 8) if kind == "bit" else count * SIZES[kind])
        if count < 0 or end > len(self.text):
            raise _BrokenError(f"{count} numbers are declared that are not all there")
        self.place = end
        return None

    def strings(self, count: int) -> None:
        for _ in range(count):
            if self.place >= len(self.text):
                raise _BrokenError("a text is declared that is not there")
            if self.ascii:
                self.line()
            else:
                # Its length stands before each text, in as many bytes as the two highest bits say.
                first = self.text[self.place]
                width = (8, 4, 2, 1)[first >> 6]
                size = int.from_bytes(self.text[self.place : self.place + width]) & ((1 << (8 * width - 2)) - 1)
                self.place += width + size

    def keyword(self, word: str, rest: list[str]) -> None:
        """Move on behind what a keyword declares."""
        if word == "POINTS":
            self.numbers(3 * int(rest[0]), rest[1])
        elif word in CELLS:
            self.cells(int(rest[0]), int(rest[1]))
        elif word == "CELL_TYPES":
            self.numbers(int(rest[0]), "int")
        elif word in COORDINATES:
            self.numbers(int(rest[0]), rest[1])
        elif word in ("POINT_DATA", "CELL_DATA"):
            self.count = int(rest[0])
        elif word == "SCALARS":
            self.words()
            self.numbers(self.count * (int(rest[2]) if len(rest) > 2 else 1), rest[1])
        elif word == "COLOR_SCALARS":
            self.numbers(self.count * int(rest[1]), "unsigned_char")
        elif word == "LOOKUP_TABLE":
            self.numbers(4 * int(rest[1]), "unsigned_char")
        elif word == "TEXTURE_COORDINATES":
            self.numbers(self.count * int(rest[1]), rest[2])
        elif word in WIDTHS:
            self.numbers(self.count * WIDTHS[word], rest[1])
        elif word == "FIELD":
            self.field(int(rest[1]))
        elif word == "METADATA":
            while self.line().strip():
                pass
        elif word not in PLAIN:
            raise _BrokenError(f"{printable(word)} is no keyword that is known")

    def cells(self, count: int, size: int) -> None:
        if not self.new:
            return self.numbers(size, "int")
        for name, length in (("OFFSETS", count), ("CONNECTIVITY", size)):
            words = self.words()
            if not words or words[0].upper() != name:
                raise _BrokenError(f"{name} of cells are declared that are not there")
            self.numbers(length, words[1])
        return None

    def field(self, arrays: int) -> None:
        for _ in range(arrays):
            words = self.words()
            while words and words[0] == "METADATA":
                self.keyword("METADATA", [])
                words = self.words()
            if len(words) < 4:
                raise _BrokenError(f"{arrays} arrays are declared that are not all there")
            self.numbers(int(words[-3]) * int(words[-2]), words[-1])
