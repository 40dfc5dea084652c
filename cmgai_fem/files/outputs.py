"""What a result may replace: nothing that is an input, and nothing that this program did not write."""

from collections.abc import Sequence
from pathlib import Path

from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import LIGHT, PROVENANCE, WITHOUT_TEXT

# What our files say of themselves.
MARKS = (PROVENANCE.encode(), b"cmgai-fem model", b'content="cmgai-fem"')


def check_replaceable(path: Path, inputs: Sequence[Path] = (), *, force: bool = False) -> None:
    """Refuse a result whose files would replace others than earlier results.

    Args:
        path: the result's file.
        inputs: files that are read.
        force: other programs' files may be replaced; inputs never.

    Raises:
        InputError: names the file that would be lost.
    """
    suffix = path.suffix.lower()
    notes = path.with_name(f"{path.stem}.provenance.json")
    files = [path, *(path.with_suffix(ending) for ending in LIGHT.get(suffix, ()))]
    told_beside = suffix in (*WITHOUT_TEXT, ".csv")
    for file in [*files, *([notes] if told_beside else [])]:
        if not file.exists():
            continue
        for one in inputs:
            if one.exists() and file.samefile(one):
                raise InputError(f"{printable(str(path))}: would replace {printable(file.name)}, which is an input")
        # A collection has no mark of its own, its part has.
        bearers = files[1:] if file == path and suffix == ".pvd" else [file]
        ours = _mentions(notes, b"cmgai-fem") if told_beside else any(_marked(bearer) for bearer in bearers)
        if not ours and not force:
            raise InputError(
                f"{printable(str(path))}: would replace {printable(file.name)}, which this program did not write: "
                "choose another name, or --force"
            )


def _marked(path: Path) -> bool:
    return any(_mentions(path, mark) for mark in MARKS)


def _mentions(path: Path, mark: bytes) -> bool:
    """Whether a file holds some text; read in pieces that overlap."""
    if not path.is_file():
        return False
    tail = b""
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            if mark in tail + block:
                return True
            tail = block[-len(mark) :]
    return False
