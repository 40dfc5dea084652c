"""A quantity that cannot pass a limit: a von Mises stress under the yield stress, of which its share is carried.

Where a body yields, its largest stress is its yield stress, and that a formula of other fields tells: what has to be
carried from state to state is the share of the limit, which is nearly one there, and the fields of the formula. Far
below the limit nothing is gained, so that largest values and values at a place are asked, not means.

Source: ours; the figures behind it are in the study `cheap-and-fine`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.errors import InputError
from cmgai_fem.files.cheap_states import Cheap
from cmgai_fem.generate import generate, silent
from cmgai_fem.generated import Generated
from cmgai_fem.measures import Measure
from cmgai_fem.mechanics.expressions import NUMPY, Backend, Expression
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Field, States
from cmgai_fem.transport.feature_space import Admissible

LIMITED = ("max", "at")


@dataclass(frozen=True)
class Limited:
    """A quantity as its share of a limit, times the limit.

    Args:
        share: the generated share.
        limit: the formula.
        parts: generated fields of the formula, by name.
    """

    share: Generated
    limit: Expression
    parts: Mapping[str, Generated]

    @property
    def states(self) -> States:
        """The known states."""
        return self.share.states

    def at(self, value: float) -> Array:
        """(L, 1) the quantity at a state."""
        return self.share.at(value) * self._limit(value, {name: made.at(value) for name, made in self.parts.items()})

    def error(self, value: float) -> Array | None:
        """(L, 1) its estimated error; None where the known states leave none out."""
        own, share = self.share.error(value), self.share.at(value)
        fields = {name: made.at(value) for name, made in self.parts.items()}
        limit = self._limit(value, fields)
        if own is None:
            return None
        squares = (own * limit) ** 2
        for name, made in self.parts.items():
            spread = made.error(value)
            assert spread is not None
            moved = self._limit(value, fields | {name: fields[name] + spread})
            squares += (share * (moved - limit)) ** 2
        return np.sqrt(squares)

    def _limit(self, value: float, fields: Mapping[str, Array]) -> Array:
        return limit_of(self.limit, self.states, value, fields)


def limit_of(limit: Expression, states: States, value: float, fields: Mapping[str, Array]) -> Array:
    """(L, 1) the limit at a state of the coordinate, where its fields are (L, 1) each; a field hides the coordinate."""
    known = {states.coordinates.name: value, **fields}
    return np.broadcast_to(np.asarray(limit(Backend(NUMPY), known), dtype=float), (states.labels.count, 1))


def limit_formula(text: str, states: States, fields: Sequence[str]) -> Expression:
    """The formula of a limit, of fields and of the state coordinate, where no field has its name.

    Raises:
        InputError: it is none, or names what is not there.
    """
    try:
        return Expression(text, [states.coordinates.name, *fields])
    except InputError as error:
        raise InputError(f"limit: {error}") from None


def limited(
    states: States,
    field: str,
    measure: Measure,
    limit: Expression,
    asked: Sequence[float],
    *,
    bounds: Admissible | None = None,
    cheap: Mapping[str, Cheap] | None = None,
    search: Search | None = None,
    report: Callable[[str], None] = silent,
) -> tuple[Limited, Measure]:
    """A quantity of a field that cannot pass a limit, for `questions.find` and `questions.curve`.

    Args:
        states: known, along one coordinate, with the field and those of the formula.
        field: name of the field.
        measure: what is measured of it: a largest value or one at a place.
        limit: see `limit_formula`.
        asked: states that will be asked for, those of the cheap models among them.
        bounds: what the fields of the formula keep.
        cheap: cheap models of fields of the formula, by name.
        search: what may be chosen.
        report: takes lines of progress.

    Returns:
        The quantity, and the measure of it.

    Raises:
        InputError: another kind of measure, a field that is no scalar, or a limit that is not positive.
    """
    if measure.kind not in LIMITED:
        raise InputError(f"measure {measure.text!r}: a limit tells of a largest value or one at a place: max or at@")
    names = sorted(limit.names & set(states.fields))
    for name in names:
        if len(states.field(name).components) > 1:
            raise InputError(f"limit {limit.text!r}: field {name!r} is no scalar")
    known = {name: states.field(name).values for name in names}
    shares = []
    for row, value in enumerate(states.scalars):
        most = limit_of(limit, states, float(value), {name: each[row] for name, each in known.items()})
        if not (np.all(np.isfinite(most)) and most.min() > 0.0):
            raise InputError(f"limit {limit.text!r}: it is {most.min():.6g} at {states.coordinates.label(value)}")
        shares.append(measure.quantity(states.field(field).values[row])[:, None] / most)
    shared = replace(states, fields={"share": Field(np.array(shares), "", ("",))})
    parts = {
        name: generate(
            states.only(name), asked, bounds=bounds, cheap=(cheap or {}).get(name), search=search, report=report
        )
        for name in names
    }
    share = generate(shared, asked, search=search, report=report)
    return Limited(share, limit, parts), replace(measure, quantity=lambda values: values[:, 0])
