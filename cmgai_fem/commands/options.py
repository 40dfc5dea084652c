"""What the options of `cmgai-fem generate` say, as the functions behind it take it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cmgai_fem.errors import InputError

if TYPE_CHECKING:
    from cmgai_fem.commands.inputs import Inputs, ScatteredInputs


def refuse(options: Mapping[str, object], because: str) -> None:
    """An option that would change nothing is an error, not a silence."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise InputError(f"--{name}: leave it out; {because}")


def field_inputs(
    paths: Sequence[Path],
    field: str | None,
    coordinates: Sequence[str],
    units: Sequence[str],
    values: str | None,
    values_from: str | None,
    lower: float | None,
    monotone: bool,
    monotone_in: Sequence[str],
) -> "Inputs | ScatteredInputs":
    """The known states of one or several coordinates that snapshot files and options name.

    Raises:
        InputError: options that are missing or contradict each other.
    """
    from cmgai_fem.commands.inputs import Inputs, ScatteredInputs

    if field is None:
        raise InputError("say which field to generate: --field NAME (cmgai-fem info lists them)")
    given = None if values is None else tuple(point(part, "--values") for part in values.split(","))
    if len(coordinates) > 1:
        if monotone:
            raise InputError("--monotone: say in which coordinates: --monotone-in NAME")
        return ScatteredInputs(
            tuple(paths), field, tuple(coordinates), tuple(units), given, values_from, lower, tuple(monotone_in)
        )
    if len(units) > 1:
        raise InputError(f"{len(units)} units for one state coordinate: give one")
    if monotone_in and list(monotone_in) != list(coordinates):
        raise InputError(f"--monotone-in {monotone_in[0]!r}: no such coordinate; there are: {coordinates[0]}")
    single = None if given is None else tuple(_only(state, "--values: there is one coordinate") for state in given)
    rises = monotone or bool(monotone_in)
    return Inputs(tuple(paths), field, coordinates[0], "".join(units), single, values_from, lower, rises)


def point(text: str, option: str) -> tuple[float, ...]:
    """A state as the command line writes it: "325", or "325:3" of two coordinates."""
    try:
        return tuple(float(part) for part in text.split(":"))
    except ValueError:
        raise InputError(
            f"{option}: {text.strip()!r} is no number; write "
            + (
                "--values 100,250,400, or 100:2,250:2 of two coordinates"
                if option == "--values"
                else "--at 325 or 325:3"
            )
        ) from None


def _only[T](items: Sequence[T], problem: str) -> T:
    if len(items) != 1:
        raise InputError(f"{problem}, {len(items)} were given")
    return items[0]


def single_file(paths: Sequence[Path], what: str) -> Path:
    """The only one of `paths`; `what` says in the message what was wanted."""
    if len(paths) != 1:
        raise InputError(f"{what} is one file, {len(paths)} were given")
    return paths[0]
