"""Generation of distributions: the law of a field at unseen states, from specimens that are each seen at one state.

The command `generate --distribution` and the API do it here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.correction import LeftOutTest
from cmgai_fem.calibration.trials import inside_hull, sides, trials_for
from cmgai_fem.calibration.trust import Trust, judge_law
from cmgai_fem.distributions.cloud_laws import CMGAI
from cmgai_fem.distributions.conditioned import FieldReadings, conditioned, left_out_errors
from cmgai_fem.distributions.field_constraints import FieldConstraint, check_kept
from cmgai_fem.distributions.field_law import FieldLaw
from cmgai_fem.distributions.random_fields import METHODS, JudgedLaws, RandomFields, judge_laws, make_laws
from cmgai_fem.errors import InputError
from cmgai_fem.files.specimens import Specimens, read_specimens
from cmgai_fem.measures import quantity_of
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinates, States
from cmgai_fem.transport.feature_space import Admissible


@dataclass(frozen=True)
class GeneratedDistribution:
    """Laws of a field at unseen states, and how they were made.

    Args:
        specimens: what is known.
        points: (T,) states asked for.
        laws: the law of the field at each.
        judged: what clouds left out say, for each side of the known states where states were asked for; by whether
            that is between them.
        seed: of draws.
        random: the specimens as coefficients of their modes.
        measured: what is got wrong of specimens left out, without and with readings as they were given of one; None
            where none were.
    """

    specimens: Specimens
    points: Array
    laws: tuple[FieldLaw, ...]
    judged: Mapping[bool, JudgedLaws]
    seed: int
    random: RandomFields = dataclass_field(repr=False)
    measured: LeftOutTest | None = None

    def law(self, value: float) -> FieldLaw:
        """The law of the field at a state that was asked for."""
        rows = np.flatnonzero(np.isclose(self.points, value, rtol=1e-12, atol=0.0))
        if not len(rows):
            listed = ", ".join(f"{point:g}" for point in self.points)
            raise InputError(f"{value:g}: no such state was asked for; there are: {listed}")
        return self.laws[int(rows[0])]

    def at(self, value: float, level: float = 0.5, quantity: str = "") -> Array:
        """The field below which a specimen lies with probability `level`, label by label.

        Args:
            value: the state.
            level: between 0 and 1.
            quantity: a component, "von_mises" or "norm"; every component by itself by default.

        Returns:
            (L, n), or (L,) of a quantity, in the unit of the field.
        """
        if not 0.0 < level < 1.0:
            raise InputError(f"level {level:g}: give a probability between 0 and 1")
        return self.law(value).quantiles((level,), self._quantity(quantity) if quantity else None)[0]

    def samples(self, value: float, count: int) -> Array:
        """Fields (count, L, n) of specimens drawn at a state."""
        if count < 1:
            raise InputError(f"{count} samples: ask for one or more")
        return self.law(value).fields(count, np.random.default_rng([self.seed, *np.flatnonzero(self.points == value)]))

    def exceeds(self, value: float, limit: float, quantity: str = "") -> tuple[Array, float]:
        """Probability (L,) that a specimen exceeds a limit at each label, and that it does so at any."""
        if not np.isfinite(limit):
            raise InputError(f"limit {limit:g}: not a finite number")
        return self.law(value).above(limit, self._quantity(quantity))

    def given(self, readings: FieldReadings) -> Self:
        """The law of one specimen of which sensors read something, at the one state that was asked for.

        It is the law of all specimens where such readings tell nothing of specimens left out: see `taken`.

        Raises:
            InputError: several states were asked for.
        """
        if len(self.points) != 1:
            raise InputError(f"sensors belong to one specimen at one state, {len(self.points)} are asked for")
        judged, (law,) = self.of(float(self.points[0])), self.laws
        measured = left_out_errors(self.random, judged.law, judged.left_out, readings, self.seed)
        if not measured.taken:
            return replace(self, measured=measured)
        return replace(self, laws=(conditioned(law, readings, np.random.default_rng(self.seed)),), measured=measured)

    @property
    def taken(self) -> bool:
        """Whether the law is that of one specimen, given readings of it."""
        return self.measured is not None and self.measured.taken

    def trust(self, value: float) -> Trust:
        """How far the law at a state is to be trusted, and why."""
        counts = self.specimens.counts
        return judge_law(np.array([*counts]), value, self.of(value).size, min(counts.values()))

    def of(self, value: float) -> JudgedLaws:
        """What clouds left out say of the side where a state lies."""
        return self.judged[self.inside(value)]

    def facts(self, value: float) -> dict[str, Any]:
        """How the law at a state was made and how far it is to be trusted, as plain data."""
        judged, trust = self.of(value), self.trust(value)
        return {
            "field": self.specimens.field,
            "method": judged.chosen,
            "weights": dict(judged.superposition.weights) if judged.chosen == CMGAI else {},
            "left_out_W2": {name: error for name, error in judged.errors.items() if np.isfinite(error)},
            "left_out_floor": judged.floor,
            "left_out_scatter": judged.scatter,
            "left_out_coverage": judged.coverage,
            "left_out_states": list(judged.left_out),
            "modes": len(self.law(value).shapes),
            "seed": self.seed,
            "held": [vars(one) for one in self.law(value).held],
            "trust": trust.word,
            "trust_reason": trust.reason,
        } | ({} if self.measured is None else {"left_out_specimens": list(self.measured), "corrected": self.taken})

    def inside(self, value: float) -> bool:
        """Whether a state lies between the known ones."""
        return bool(self.specimens.values.min() <= value <= self.specimens.values.max())

    def _quantity(self, name: str) -> Callable[[Array], Array]:
        """From values (..., n) to a quantity (...)."""
        of = quantity_of(f"quantity {name!r}", name, self.specimens.data.components)

        def each(values: Array) -> Array:
            return of(values.reshape(-1, values.shape[-1])).reshape(values.shape[:-1])

        return each


def generate_distribution(
    specimens: Any,
    at: ArrayLike,
    *,
    field: str = "field",
    bounds: Admissible | None = None,
    holds: Sequence[str | FieldConstraint] = (),
    method: str = "",
    seed: int = 0,
    **reading: Any,
) -> GeneratedDistribution:
    """Generate the law of a field at unseen states from specimens that are each seen at one state.

    CM-GAI's grains are weighed by known clouds that are left out, and simple rivals are judged beside.

    Args:
        specimens: files, pyvista grids or arrays (L,) or (L, n), one a specimen; or what `read_specimens` gave.
        at: states asked for, a number or (T,).
        field: name of the field.
        bounds: least and largest value that every field keeps.
        holds: what every field keeps beside, as "mean@section=3:xx = 2*pull" or a `FieldConstraint`; samples are moved
            onto it by the shortest way.
        method: the law, CM-GAI by default; or one of its grains, or a rival.
        seed: of draws.
        reading: `coordinate`, `unit`, `values`, `values_from`, `points`, `volumes`, `where_known` of `read_states`.

    Raises:
        InputError: fewer than three known states, fewer than three specimens at one, a name that is unknown, or
            specimens that do not keep what is said of them.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    if method and method not in METHODS:
        raise InputError(f"method {method!r} is unknown; there are: {', '.join(METHODS)}")
    known = specimens if isinstance(specimens, Specimens) else read_specimens(specimens, field=field, **reading)
    bounds = bounds or Admissible()
    if np.any(bounds.monotone) or bounds.ordered:
        raise InputError("specimens keep a lower and an upper bound; monotone and ordered fields are not known of them")
    coordinates = Coordinates((known.coordinate,))
    points = coordinates.points(at)
    values = known.data.values
    bounds.check_known(known.field, known.values, values, known.numbered.labels.portion)
    labels, part = known.numbered.labels, known.numbered.part(known.field)
    about = (labels, known.data.components, known.coordinate, part)
    constraints = tuple(FieldConstraint.read(one, *about) if isinstance(one, str) else one for one in holds)
    check_kept(constraints, known.names, values, known.values)
    random = RandomFields.of(known.values, values, labels.weights, bounds, constraints)
    # The known states alone, to tell sides and trials by.
    states = States(labels_on_points(np.zeros((1, 1))), coordinates, np.unique(known.values), {})
    judged: dict[bool, JudgedLaws] = {}
    for group in sides(states, list(points)):
        rows = trials_for(states, np.array(group))
        judged[inside_hull(states.values, group[0])] = judge_laws(random, states.scalars[rows].tolist(), seed, method)
    return make_distribution(known, random, points[:, 0], judged, seed)


def make_distribution(
    known: Specimens, random: RandomFields, targets: Array, judged: Mapping[bool, JudgedLaws], seed: int
) -> GeneratedDistribution:
    """The laws at states (T,) by what clouds left out have told; see `generate_distribution`.

    Args:
        known: the specimens.
        random: the same as coefficients of their modes.
        targets: the states.
        judged: by side of the known states.
        seed: of draws.
    """
    made = GeneratedDistribution(known, targets, (), judged, seed, random)
    laws: dict[float, FieldLaw] = {}
    for inside, found in judged.items():
        side = [value for value in targets.tolist() if made.inside(value) is inside]
        laws |= dict(zip(side, make_laws(random, side, found.law, seed), strict=True))
    return replace(made, laws=tuple(laws[value] for value in targets.tolist()))
