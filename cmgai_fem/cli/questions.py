"""Commands that ask the known states: where a measure has a level, and which state to solve next."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cmgai_fem.cli.app import Positive, Repeated, app, say
from cmgai_fem.cli.known import KnownOptions

if TYPE_CHECKING:
    from cmgai_fem.commands.inputs import Inputs


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class KnownAlongOne(KnownOptions):
    """What is known, of commands that ask along one coordinate, and from where to where they ask."""

    from_: Annotated[float | None, Parameter(name="--from", allow_leading_hyphen=True)] = None
    """Least value of the coordinate to look at; the first known state by default."""
    to: Annotated[float | None, Parameter(allow_leading_hyphen=True)] = None
    """Greatest."""
    coordinate: str | None = None
    """Name of the state coordinate."""
    unit: str | None = None
    """Its unit."""
    cheap: Annotated[list[str] | None, Repeated] = None
    """Files of a cheap model, as a pattern in quotes: at the known states and at three at least between each two."""

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """From where to where is asked."""
        return self.from_, self.to

    def inputs(self, paths: list[Path]) -> "Inputs":
        """The known states that files and options name."""
        from cmgai_fem.commands.options import given_inputs

        options = {key: value for key, value in self.options.items() if key not in ("from-", "to")}
        listed = {key: [options[key]] for key in ("coordinate", "unit") if options[key] is not None}
        return given_inputs(paths, options | listed)


ALL_THERE_IS = KnownAlongOne()


@app.command
def find(
    inputs: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    measure: str,
    equals: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    curve: Path | None = None,
    limit: str = "",
    known: KnownAlongOne = ALL_THERE_IS,
    force: bool = False,
) -> int:
    """At which state a measure of a field has a level, e.g. where the largest von Mises stress reaches 350 MPa.

    Parameters
    ----------
    inputs
        Snapshot files along one coordinate, or one states.toml; the options below are those of `generate`.
    measure
        max, min, mean or at@X,Y,Z (the nearest node or cell), then what of the field: a component (max:xx), :von_mises
        or :norm; over a part of the body as max@FIELD=VALUE:von_mises.
    equals
        The level, in the unit of the field.
    curve
        Table (.csv) to write the measure to, over the coordinate, with its 95 % band.
    limit
        What the measured quantity cannot pass, a formula of the coordinate and of scalar fields of the files, e.g.
        "205e6-120e6*(temperature-20)/780+2e9*equivalent_plastic_strain" for the yield stress: its share of the limit
        is carried, which tells the state of a level closer where a body yields. --lower, --monotone and --cheap are
        then of the fields in the formula.
    force
        Replace a table that this program did not write.
    """
    from cmgai_fem.commands.questions import find_level, level_of

    find_level(known.inputs(inputs), measure, level_of(equals), known.ends, curve, limit=limit, force=force, report=say)
    return 0


@app.command
def suggest(
    inputs: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    count: Annotated[int, Positive] = 1,
    cost: Literal["flat", "value"] = "flat",
    known: KnownAlongOne = ALL_THERE_IS,
) -> int:
    """Which state to solve next: where the estimated error is largest for what the solve costs.

    Parameters
    ----------
    inputs
        Snapshot files along one coordinate, or one states.toml; the options below are those of `generate`.
    count
        How many to name, no two of them between the same known states.
    cost
        Of a solve: the same everywhere, or in proportion to the value of the coordinate (a time to be reached).
    """
    from cmgai_fem.commands.questions import suggest_state

    suggest_state(known.inputs(inputs), known.ends, count, cost, report=say)
    return 0
