"""Generated curves as files: the table, and beside it where the curves come from; read back to resume."""

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cmgai_fem
from cmgai_fem.curves.generate import JudgedCurve
from cmgai_fem.curves.motion import State
from cmgai_fem.curves.table import CurveTests
from cmgai_fem.errors import InputError
from cmgai_fem.files.curve_table import QUANTITIES
from cmgai_fem.files.provenance_text import read_provenance
from cmgai_fem.files.trust import printable
from cmgai_fem.files.units import Unit, unit_of
from cmgai_fem.machine import versions
from cmgai_fem.writing import write_json, write_table

# Units of tables that name none, as those that are made in memory.
SI = {name: unit for name, (_, unit) in QUANTITIES.items()}


def write_curves(path: Path, known: CurveTests, generated: Mapping[State, JudgedCurve]) -> None:
    """Write generated curves: mean, standard error of the mean and scatter of a test, in the units of the table."""
    strain = "plastic_strain" if known.plastic else "strain"
    names = [coordinate.name for coordinate in known.coordinates]
    units = {name: unit_of(known.units.get(name, SI[name])) for name in (*names, strain, "stress")}
    heads = [_heading(name, units[name]) for name in (*names, strain)]
    stresses = [_heading(name, units["stress"]) for name in ("stress", "standard_error", "scatter")]
    columns = [*heads, *stresses, "trusted"]
    rows = []
    for state, made in generated.items():
        own = [f"{units[name].of_si(value):.9g}" for name, value in zip(names, state, strict=True)]
        curve = made.curve
        for point in zip(curve.strain, curve.stress, curve.error, curve.scatter, strict=True):
            numbers = [f"{unit.of_si(value):.6g}" for unit, value in zip(
                (units[strain], *[units["stress"]] * 3), point, strict=True)]  # fmt: skip
            rows.append(dict(zip(columns, [*own, *numbers, "yes" if curve.trusted else "no"], strict=True)))
    write_table(path, rows, columns)


def _heading(name: str, unit: Unit) -> str:
    return f"{name} [{unit.name}]" if unit.name not in ("", "-", "1") else name


def write_provenance(
    out: Path, known: CurveTests, generated: Mapping[State, JudgedCurve], facts: Mapping[str, Any]
) -> None:
    """Write where generated curves come from, as NAME.provenance.json beside their table.

    Args:
        out: the table, which is written.
        known: the tests, or what is left of them in a model.
        generated: the curves.
        facts: how they were made.
    """
    one = len(known.coordinates) == 1
    units = [unit_of(known.units.get(coordinate.name, coordinate.unit)) for coordinate in known.coordinates]

    def plain(values: Sequence[Any]) -> Any:
        return values[0] if one else list(values)

    def own(state: State) -> Any:
        return plain([unit.of_si(value) for unit, value in zip(units, state, strict=True)])

    write_json(
        out.with_name(f"{out.stem}.provenance.json"),
        {
            "program": f"cmgai-fem {cmgai_fem.__version__}",
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "coordinate": plain([coordinate.name for coordinate in known.coordinates]),
            "unit": plain([unit.name for unit in units]),
            "known": [own(state.coordinates) for state in known.states],
            "generated": [
                {"value": own(state), "trusted": bool(made.curve.trusted), "tested_as_far": made.reached}
                for state, made in generated.items()
            ],
            "data": digest_of(out),
            "versions": versions(),
            **facts,
        },
    )


def digest_of(path: Path) -> str:
    """First 16 digits of the SHA-256 of a file.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{printable(str(path))}: there is no such file")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def request_of(files: Sequence[Path], *asked: object) -> str:
    """First 16 digits of the SHA-256 of what is asked, and of every file that it is asked of."""
    told = (cmgai_fem.__version__, [(path.name, digest_of(path)) for path in files], asked)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def finished(out: Path, request: str) -> bool:
    """Whether an earlier run of the same request wrote a table of curves to its end, and its data are still those."""
    try:
        facts = read_provenance(out)
        return facts.get("request") == request and facts.get("data") == digest_of(out)
    except InputError:
        return False
