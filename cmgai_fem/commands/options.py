"""Options of the command line: numbers, states and the known states that they name."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cmgai_fem.commands.inputs import Inputs, matching
from cmgai_fem.commands.states_file import load_states_file
from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import printable
from cmgai_fem.files.units import QUANTITY, unit_of, value_in
from cmgai_fem.study.field_file import CalibrationTable, Point

HAS_UNIT = re.compile(r"[^\W\d_]|[°%]")
# Numbers whose letters are no unit's.
NUMBERS = re.compile(r"\d[eE][-+]?\d|nan|inf(?:inity)?", re.IGNORECASE)


def point(text: str, option: str) -> Point:
    """A state as the command line writes it: "325", or "325:3" of two coordinates."""
    try:
        return tuple(float(part) for part in text.split(":"))
    except ValueError:
        how = "--at 325 or 325:3" if option == "--at" else "--values 100,250,400, or 100:2,250:2 of two coordinates"
        raise InputError(f"{option}: {text.strip()!r} is no number; write {how}") from None


def asked_points(at: Sequence[str], units: Sequence[str]) -> list[Point]:
    """States as `--at` writes them, in the units of the coordinates: "325", "325:3", "598 K" of one in degC.

    Raises:
        InputError: one is no number, or has a unit of another quantity.
    """
    points = []
    for text in at:
        parts = text.split(":")
        if not (all(QUANTITY.match(part) for part in parts) and HAS_UNIT.search(NUMBERS.sub("", text))):
            points.append(point(text, "--at"))
            continue
        own = [*units, *[""] * len(parts)]
        try:
            points.append(tuple(value_in(part, unit_of(unit)) for part, unit in zip(parts, own, strict=False)))
        except InputError as error:
            raise InputError(f"--at: {error}; write --at 325 or 325:3") from None
    return points


def given_inputs(paths: Sequence[Path], options: Mapping[str, Any]) -> Inputs:
    """The known states that files and options name.

    Args:
        paths: one states.toml, which holds all that the options would say, or the snapshots.
        options: options of the command line by their names; None or False where they were not given.

    Raises:
        InputError: options that are missing or contradict each other, or a states.toml that is wrong.
    """
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    cheap = tuple(matching(Path(), pattern) for pattern in given.pop("cheap", ()))
    if cheap and paths[0].suffix.lower() == ".toml":
        raise InputError(f'--cheap: leave it out; say cheap = ["coarse_*.vtu"] in {printable(str(paths[0]))}')
    if paths[0].suffix.lower() == ".toml":
        refuse(given, f"{paths[0]} is where it is said")
        return load_states_file(single_file(paths, "a states.toml"))
    if "field" not in given:
        raise InputError("say which field to generate: --field NAME (cmgai-fem info lists them)")
    coordinates, monotone = tuple(given.get("coordinate", ("state",))), tuple(given.get("monotone-in", ()))
    if "monotone" in given:
        if len(coordinates) > 1:
            raise InputError("--monotone: say in which coordinates: --monotone-in NAME")
        monotone = coordinates
    values = given.get("values")
    chosen = {
        key: [item for item in given[option] if item != "linear"]
        for key, option in (("stiffnesses", "stiffness"), ("dampings", "damping"), ("pseudo_times", "pseudo-time"))
        if option in given
    }
    return Inputs(
        tuple(paths),
        given["field"],
        coordinates,
        tuple(given.get("unit", ())),
        None if values is None else tuple(point(part, "--values") for part in values.split(",")),
        given.get("values-from"),
        given.get("lower"),
        monotone,
        "ordered" in given,
        tuple(given.get("mass", ())),
        CalibrationTable(**chosen, moving="no-moving" not in given, state_force="no-state-force" not in given),
        given.get("volumes", ""),
        "where-known" in given,
        cheap=cheap,
        upper=given.get("upper"),
        holds=tuple(given.get("holds", ())),
    )


def refuse(options: Mapping[str, object], because: str) -> None:
    """An option that would change nothing is an error, not a silence."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise InputError(f"--{name}: leave it out; {because}")


def check_parts(ablate: Sequence[str], parts: Sequence[str], what: str) -> None:
    """Refuse a part of the method that is none of those that `--ablate` changes of some input."""
    for part in ablate:
        if part not in parts:
            raise InputError(
                f"--ablate {printable(part)}: no part of the method of {what}; there are: {', '.join(parts)}"
            )


def single_file(paths: Sequence[Path], what: str) -> Path:
    """The only one of `paths`; `what` says in the message what was wanted."""
    if len(paths) != 1:
        raise InputError(f"{what} is one file, {len(paths)} were given")
    return paths[0]
