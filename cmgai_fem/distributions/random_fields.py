"""Random fields at unseen states, from specimens that are each seen at one state.

A specimen's field is described by its modes, the clouds of the known states are carried to the states asked for. How
the grains of labels weigh, and how far off the law is, known clouds tell that are left out: modes and couplings are
made anew without them, and the distance is that between laws of fields, W2 in the root mean square over the body.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from cmgai_fem.distributions.cloud_laws import CMGAI, GRAINS, POWER, RIVALS, CloudLaw, WeighedGrains, attempt
from cmgai_fem.distributions.clouds import some
from cmgai_fem.distributions.field_constraints import FieldConstraint, hold
from cmgai_fem.distributions.field_law import FieldLaw
from cmgai_fem.distributions.known_states import Clouds, normal_law
from cmgai_fem.distributions.measures import wasserstein
from cmgai_fem.distributions.specimen_modes import SpecimenModes
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array, BoolArray
from cmgai_fem.transport.feature_space import Admissible, Modes

# Levels of the band that is looked at.
BAND = (0.05, 0.95)
# What is made of clouds as it is; CM-GAI is the superposition of the grains.
PARTS = GRAINS | RIVALS
METHODS = (CMGAI, *PARTS)
# Draws of a normal law that its own distance to itself is averaged over.
REPEATS = 5
# Of the field's range: values this near are the same.
SAME = 1e-6
# Of the field's largest value: fields this near are the same.
ROUNDING = 1e-13


@dataclass(frozen=True)
class RandomFields:
    """Fields of specimens, and coordinates in which distances are those of the fields.

    Args:
        values: (N,) state of each specimen.
        fields: (N, L, n).
        weights: (L,) volumes.
        origin: (L, n) mean field.
        shapes: (R, L, n) modes, all of them.
        coefficients: (N, R), their root mean square distance from the origin one.
        unit: of distances between coefficients [unit of the field].
        bounds: what every field keeps.
        constraints: the same, beyond bounds.
    """

    values: Array
    fields: Array
    weights: Array
    origin: Array
    shapes: Array
    coefficients: Array
    unit: float
    bounds: Admissible
    constraints: tuple[FieldConstraint, ...] = ()

    @classmethod
    def of(
        cls,
        values: Array,
        fields: Array,
        weights: Array,
        bounds: Admissible,
        constraints: tuple[FieldConstraint, ...] = (),
    ) -> Self:
        """The random fields of specimens (N, L, n) at states (N,).

        Raises:
            InputError: all specimens are the same.
        """
        modes = Modes.of(np.concatenate([fields.mean(axis=0)[None], fields]), weights)
        coefficients = modes.amplitudes[1:]
        unit = float(np.sqrt((coefficients**2).sum(axis=1).mean()))
        if unit <= ROUNDING * np.abs(fields).max():
            raise InputError("all specimens have the same field: there is no distribution to carry")
        shapes, coefficients = modes.shapes * unit, coefficients / unit
        return cls(values, fields, weights, modes.origin, shapes, coefficients, unit, bounds, constraints)

    def without(self, state: float) -> Self:
        """All but the specimens of one state, in the same coordinates."""
        stay = self.values != state
        return replace(self, values=self.values[stay], fields=self.fields[stay], coefficients=self.coefficients[stay])

    def law(self, modes: SpecimenModes, atoms: Array, state: float) -> FieldLaw:
        """The law at a state of fields whose coefficients in some modes are equally weighted atoms (M, r), once moved
        onto the constraints."""
        origin = self.origin + np.tensordot(modes.origin, self.shapes, axes=1)
        shapes = np.tensordot(modes.axes, self.shapes, axes=1)
        atoms, held = hold(self.constraints, origin, shapes, self.bounds, atoms, state)
        return FieldLaw(origin, shapes, atoms, self.bounds, held)


@dataclass(frozen=True)
class JudgedLaws:
    """What the clouds left out say of the ways to make laws.

    Args:
        chosen: name of the law taken, of `METHODS`.
        errors: root mean square W2 to the clouds left out, by law and rival [unit of the field]; infinite where one
            cannot be made of the others. The superposition's are by weights that the other clouds left out tell.
        superposition: CM-GAI, its grains weighed by all clouds left out.
        floor: what the true law itself would score with as many specimens.
        scatter: of the specimens left out about their mean: what a single field scores at best.
        coverage: share of volume and specimens left out that lies in the chosen law's 5 to 95 % band, where specimens
            differ.
        left_out: states of the clouds.
    """

    chosen: str
    errors: Mapping[str, float]
    superposition: WeighedGrains
    floor: float
    scatter: float
    coverage: float
    left_out: tuple[float, ...]

    @property
    def law(self) -> CloudLaw:
        """The law taken."""
        return self.superposition if self.chosen == CMGAI else PARTS[self.chosen]

    @property
    def size(self) -> float:
        """What the chosen law gets wrong beyond the floor, relative to the scatter."""
        return float(np.sqrt(max(self.errors[self.chosen] ** 2 - self.floor**2, 0.0)) / self.scatter)


def judge_laws(
    random: RandomFields,
    left_out: Sequence[float],
    seed: int,
    method: str = "",
    *,
    grains: Mapping[str, CloudLaw] = GRAINS,
    power: float = POWER,
    modes: int | None = None,
) -> JudgedLaws:
    """Leave known clouds out, one at a time, and make them from the others.

    Args:
        random: the specimens.
        left_out: states of the clouds to leave out.
        seed: of draws.
        method: the law to take; CM-GAI by default.
        grains: what is superposed, by the names of `GRAINS`.
        power: of the left-out distances in their weights.
        modes: how many; as many as specimens left out ask for if None.
    """
    parts = {**grains, **RIVALS}
    trials = [_Trial.of(random, random.values == state, modes) for state in left_out]
    made = [{name: attempt(law, trial.clouds, trial.state, seed) for name, law in parts.items()} for trial in trials]
    each = {
        name: [trial.distance(random, atoms[name]) for trial, atoms in zip(trials, made, strict=True)] for name in parts
    }
    for row, atoms in enumerate(made):
        weighed = WeighedGrains.weighed({name: _others(each[name], row) for name in GRAINS}, power)
        atoms[CMGAI] = weighed.mean({name: cloud for name in GRAINS if (cloud := atoms[name]) is not None})
    each[CMGAI] = [trial.distance(random, atoms[CMGAI]) for trial, atoms in zip(trials, made, strict=True)]
    errors = {name: _root_mean_square(found) for name, found in each.items()}
    chosen = method or CMGAI
    floor, scatter = (
        _root_mean_square([number(random) for number in numbers])
        for numbers in zip(*[(trial.floor, trial.scatter) for trial in trials], strict=True)
    )
    covered = [trial.coverage(random, atoms[chosen]) for trial, atoms in zip(trials, made, strict=True)]
    superposition = WeighedGrains.weighed({name: errors[name] for name in GRAINS}, power)
    return JudgedLaws(
        chosen, errors, superposition, floor, scatter, float(np.mean(covered)), tuple(map(float, left_out))
    )


def _others(found: Sequence[float], row: int) -> float:
    """What the other trials say of a grain; nothing where there is one, and no grain is better than another."""
    if not np.isfinite(found[row]):
        return np.inf
    others = [*found[:row], *found[row + 1 :]]
    return _root_mean_square(others) if others else 1.0


def make_laws(random: RandomFields, targets: Sequence[float], law: CloudLaw, seed: int) -> list[FieldLaw]:
    """The laws of the field at unseen states."""
    modes = SpecimenModes.of(random.coefficients)
    clouds = Clouds.of(random.values, modes.encode(random.coefficients))
    return [random.law(modes, *pair) for pair in zip(law(clouds, targets, seed), targets, strict=True)]


@dataclass(frozen=True)
class _Trial:
    """One known cloud left out.

    Args:
        left: (N,) its specimens.
        state: its state.
        modes: of the others.
        clouds: the others in these modes.
    """

    left: BoolArray
    state: float
    modes: SpecimenModes
    clouds: Clouds

    @classmethod
    def of(cls, random: RandomFields, left: BoolArray, most: int | None = None) -> Self:
        modes = SpecimenModes.of(random.coefficients[~left], most)
        clouds = Clouds.of(random.values[~left], modes.encode(random.coefficients[~left]))
        return cls(left, float(random.values[left][0]), modes, clouds)

    def distance(self, random: RandomFields, atoms: Array | None) -> float:
        """W2 between a law and the specimens left out, with what the modes lack of these; infinite without a law."""
        if atoms is None:
            return np.inf
        made = self.modes.decode(random.law(self.modes, atoms, self.state).coefficients)
        return random.unit * wasserstein(some(made), some(random.coefficients[self.left])).second

    def scatter(self, random: RandomFields) -> float:
        cloud = random.coefficients[self.left]
        return random.unit * float(np.sqrt(((cloud - cloud.mean(axis=0)) ** 2).sum(axis=1).mean()))

    def floor(self, random: RandomFields) -> float:
        """Mean W2 between two samples of the normal law of the specimens left out, one of their number."""
        law, rng = normal_law(self.modes.encode(random.coefficients[self.left])), np.random.default_rng(0)
        count = int(self.left.sum())
        pairs = [
            [rng.multivariate_normal(law.mean, law.covariance, number, method="cholesky") for number in (1000, count)]
            for _ in range(REPEATS)
        ]
        return random.unit * float(np.mean([wasserstein(*map(some, pair)).second for pair in pairs]))

    def coverage(self, random: RandomFields, atoms: Array | None) -> float:
        """Share of volume and specimens left out in a law's band; none without a law."""
        if atoms is None:
            return 0.0
        low, high = random.law(self.modes, atoms, self.state).quantiles(BAND)
        seen = random.fields[self.left]
        slack = SAME * float(np.ptp(random.fields))
        inside = (seen >= low - slack) & (seen <= high + slack)
        weights = random.weights[:, None] * (np.ptp(seen, axis=0) > slack)
        return float((inside.mean(axis=0) * weights).sum() / weights.sum()) if weights.any() else 1.0


def _root_mean_square(numbers: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(numbers))))
