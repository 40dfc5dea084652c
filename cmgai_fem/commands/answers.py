"""Where answers go: the files of the states asked for, and what is written into them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.commands.provenance import digest, provenance
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates
from cmgai_fem.files.file_values import value_text
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.pieces import PiecedStates, check_pieces, piece_path, write_list
from cmgai_fem.files.shared import SharedStates
from cmgai_fem.files.snapshot import Grid
from cmgai_fem.files.writers import check_folder, check_writable, write_grid
from cmgai_fem.generated import Generated
from cmgai_fem.machine import agreed
from cmgai_fem.states.labels import Array, in_space
from cmgai_fem.states.states import Coordinate
from cmgai_fem.study.field_file import Point, state_text


def as_points(at: Sequence[ArrayLike]) -> list[Point]:
    """States, each given as a number or as one a coordinate, by their coordinates."""
    return [tuple(float(part) for part in np.atleast_1d(np.asarray(value, dtype=float))) for value in at]


def fields_of(name: str, field: Array, spread: Array | None) -> dict[str, Array]:
    """A generated field (L, n) and its error estimate, where there is one, by the names that files have for them."""
    return {name: field} | ({} if spread is None else {f"{name}_error_estimate": spread})


def motion_of(motion: tuple[Array, Array] | None) -> dict[str, Array]:
    """Arrows from where the labels of the nearest known state were to where they are, and J; nothing for no motion."""
    if motion is None:
        return {}
    displacement, jacobian = motion
    return {"label_displacement": in_space(displacement), "label_jacobian": jacobian}


def write_pieces(
    states: PiecedStates,
    name: str,
    answer: Callable[[slice], tuple[Array, Array | None]],
    value: Point,
    path: Path,
    facts: dict[str, Any],
) -> None:
    """Write the pieces of this rank, and on the first one the .pvtu that lists all of them, the last of all.

    Args:
        states: the known states.
        name: of the field.
        answer: generates the field of some labels, and its error.
        value: (m,) state of the generated field.
        path: the .pvtu.
        facts: how it was made.
    """
    dealt = states.labels.portion

    def write() -> Grid:
        for row, piece in enumerate(dealt.slices):
            fields = fields_of(name, *answer(piece))
            grid = states.grid_of(row, **fields)
            write_answer(grid, states, value, fields, piece_path(path, states.number + row), facts)
        return grid

    grid = agreed(dealt.comm, write)
    if dealt.comm is None or dealt.comm.rank == 0:
        write_list(path, grid, states.count)


def write_shared(body: SharedStates, made: Generated, value: Point, path: Path, facts: dict[str, Any]) -> None:
    """Write the field that ranks made together, on the first of them; collective."""
    fields, whole = body.gather(fields_of(made.field, *made.generator(value).answer(value))), body.whole

    def write() -> None:
        if whole is not None:
            write_answer(whole.grid(**fields), whole, value, fields, path, facts)

    agreed(body.comm, write)


def write_answer(
    grid: Grid, states: FileStates, value: Point, fields: dict[str, Array], path: Path, facts: dict[str, Any]
) -> None:
    """Write generated fields on the label mesh, with their provenance.

    Args:
        grid: the mesh with the fields.
        states: the known states.
        value: (m,) state of the generated fields.
        fields: (L, n) fields by name.
        path: the file.
        facts: how they were made.
    """
    mark(grid, states.coordinates, value, facts)
    # A file has one time: of several coordinates there is none.
    write_grid(
        path, grid, provenance(states, value, facts | {"data": digest(fields)}), value[0] if len(value) == 1 else 0.0
    )


def mark(grid: Grid, coordinates: Iterable[Coordinate], value: Point, facts: dict[str, Any]) -> None:
    """Write into the mesh which state its fields are of, and how far they are to be trusted."""
    for coordinate, part in zip(coordinates, value, strict=True):
        grid.field_data[coordinate.name] = np.array([part])
        if coordinate.unit:
            grid.field_data[f"{coordinate.name}_unit"] = [coordinate.unit]
    if "trust" in facts:
        grid.field_data["trust"] = [f"{facts['trust']}: {facts['trust_reason']}"]


def output_paths(
    out: Path, targets: Sequence[Point], inputs: Sequence[Path], *, force: bool = False, pieces: int | None = None
) -> list[Path]:
    """The file of each target, refused where it could not be written or would replace what it must not.

    Args:
        out: the name given to --out.
        targets: (m,) states.
        inputs: files that are read.
        force: files may be replaced that this program did not write.
        pieces: how many a body in pieces has; None for a whole one.
    """
    if not targets:
        raise InputError("say at which state to generate: --at VALUE")
    for target in targets:
        if not np.all(np.isfinite(target)):
            raise InputError(f"--at {state_text(target)}: not a finite number")
    if len(targets) > 1 and "{value}" not in out.name:
        raise InputError(f"{len(targets)} states go to several files: put {{value}} into the name given to --out")
    paths = [out.with_name(out.name.replace("{value}", value_text(target))) for target in targets]
    for path in paths:
        if pieces is None:
            check_writable(path)
        else:
            check_pieces(path)
            check_folder(path)
            for number in range(pieces):
                check_replaceable(piece_path(path, number), inputs, force=force)
        check_replaceable(path, inputs, force=force)
    if len(set(paths)) < len(paths):
        raise InputError("two of the states asked for would go to one file: name each once")
    return paths
