"""From tests to states: one mean curve a state on shared strain labels, with the scatter that the tests show.

Tests have points of their own; the transport needs one continuum. Densely measured tests are reduced by a penalised
spline of the stress over the root of the strain, with one smoothing for all states, chosen by generalised
cross-validation. Tests of a few points keep their own strains as labels, and repeats are averaged. So do tests whose
points scatter far less about their neighbours than about the spline, which would round e.g. the yield point.

Source: T. Gasser, L. Sroka, C. Jennen-Steinmetz, Biometrika 73 (1986) 625-633 (scatter about neighbours).
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.interpolate import BSpline
from scipy.optimize import minimize_scalar

from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array, BoolArray, IntArray
from cmgai_fem.states.states import Coordinates

# Up to this many different strains in all tests, the strains themselves are the labels.
FEW_STRAINS = 12
LABELS = 41
# Most labels where the measured strains are the labels.
MOST_LABELS = 120
# A spline rounds what is measured where points scatter about it by this share of the stress, and by this factor more
# than about their neighbours: twice the variance.
ROUNDED_SHARE = 0.001
ROUNDED_FACTOR = np.sqrt(2.0)
PIECES = 16
MEDIAN_OF_NORMAL = 0.6745  # of the magnitude of a standard normal number
DEGREE = 3
# Powers of ten of the penalty: with less, cross-validation tells nothing and the spline swings where points are sparse.
PENALTIES = (-3.0, 6.0)


@dataclass(frozen=True)
class MeanCurves:
    """Mean curves of K states on shared labels.

    Args:
        coordinates: the m state coordinates.
        values: (K, m) values of the coordinates, increasing where m = 1.
        strain: (L,) strain of each label [-], increasing; without the origin where the strain is the total strain.
        weights: (L,) strain that each label stands for.
        stress: (K, L) mean stress [Pa]; NaN where no test of the state reaches the label.
        noise: (K, L, n) factor of the covariance of the mean's error, relative to the stress: `noise @ z` with n
            standard normal numbers is one such error; 0 where it cannot be measured.
        scatter: standard deviation of a single measured point, relative to the stress; 0 if not known.
        plastic: the strain is the plastic strain.
        notes: how the labels came about.
        filtered: features without the modes of the scatter, as far as they were found; see `motion.above_scatter`.
    """

    coordinates: Coordinates
    values: Array
    strain: Array
    weights: Array
    stress: Array
    noise: Array
    scatter: float
    plastic: bool
    notes: tuple[str, ...] = ()
    filtered: dict[tuple[float, bytes], tuple[Array, Array]] = field(init=False, default_factory=dict, compare=False)

    @cached_property
    def known(self) -> Array:
        """(K, L) whether a state reaches a label."""
        return np.isfinite(self.stress)

    @cached_property
    def error(self) -> Array:
        """(K, L) standard error of the mean, relative to the stress."""
        return np.sqrt(np.sum(self.noise**2, axis=2))

    @property
    def hardens(self) -> bool:
        """Whether every known curve rises all along, up to twice the standard error of its mean."""
        rise = np.diff(self.stress, axis=1)
        slack = 2.0 * (self.error * np.abs(self.stress))[:, 1:]
        return bool(np.all((rise >= -slack)[np.isfinite(rise)]))

    def only(self, rows: IntArray) -> "MeanCurves":
        """The states at `rows` alone, on the labels that any of them reaches."""
        reached = self.known[rows].any(axis=0)
        return replace(self.up_to(reached), values=self.values[rows], stress=self.stress[np.ix_(rows, reached)],
                       noise=self.noise[np.ix_(rows, reached)])  # fmt: skip

    def up_to(self, labels: BoolArray) -> "MeanCurves":
        """The same states on some of the labels."""
        return replace(
            self, strain=self.strain[labels], weights=self.weights[labels], stress=self.stress[:, labels],
            noise=self.noise[:, labels],
        )  # fmt: skip

    def line(self, axis: int, rows: IntArray) -> "MeanCurves":
        """The states at `rows` as states of coordinate `axis` alone."""
        rows = rows[np.argsort(self.values[rows, axis], kind="stable")]
        coordinates = Coordinates((self.coordinates.each[axis],))
        return replace(self.only(rows), coordinates=coordinates, values=self.values[rows][:, [axis]])

    def spread(self, values: Array, strain: Array) -> Array:
        """Values (l, ...) at some of the labels, those of `strain` (l,), on all labels: NaN at the others."""
        wide = np.full((len(self.strain), *values.shape[1:]), np.nan)
        wide[np.isin(self.strain, strain)] = values
        return wide


def mean_curves(table: CurveTests) -> MeanCurves:
    """Mean curve of every state of `table` on shared labels.

    Raises:
        InputError: a stress at a positive strain is not positive, so that the curve has no logarithm.
    """
    _check_positive(table)
    strains = np.unique(np.concatenate([test.strain for state in table.states for test in state.tests]))
    if not table.plastic:
        strains = strains[strains > 0.0]
    if len(strains) <= FEW_STRAINS:
        return _pointwise(table, strains)
    smooth, scatter = _smoothed(table, strains), _scatter_of_neighbours(table)
    if smooth.scatter < ROUNDED_SHARE:
        return smooth
    labels = strains[np.linspace(0, len(strains) - 1, min(len(strains), MOST_LABELS)).astype(int)]
    joined = _pointwise(_at(table, labels), labels, scatter)
    return joined if smooth.scatter > ROUNDED_FACTOR * joined.scatter else smooth


def label_weights(strain: Array, plastic: bool) -> Array:
    """(L,) length of strain that each label stands for: its dual cell between the first and the last label."""
    start = strain[0] if plastic else 0.0
    edges = np.concatenate([[start], 0.5 * (strain[1:] + strain[:-1]), [strain[-1]]])
    widths = np.diff(edges)
    return np.maximum(widths, 1e-12 * widths.max())


def _check_positive(table: CurveTests) -> None:
    for state in table.states:
        for test in state.tests:
            wrong = (test.stress <= 0.0) & ((test.strain > 0.0) | table.plastic)
            if np.any(wrong):
                at = int(np.argmax(wrong))
                raise InputError(
                    f"{table.coordinates.label(state.coordinates)}: the stress at strain {test.strain[at]:g} is "
                    f"{test.stress[at]:g} Pa; give the magnitude of the stress, without points before loading"
                )


def _scatter_of_neighbours(table: CurveTests) -> float:
    """Standard deviation of a point about the line through its neighbours, relative to the stress; robust to kinks."""
    found = []
    for test in (test for state in table.states for test in state.tests if len(test.strain) > 2):
        before, strain, after = test.strain[:-2], test.strain[1:-1], test.strain[2:]
        share = (strain - before) / (after - before)
        off = test.stress[1:-1] - (1.0 - share) * test.stress[:-2] - share * test.stress[2:]
        found.append(np.abs(off) / test.stress[1:-1] / np.sqrt(1.0 + share**2 + (1.0 - share) ** 2))
    return float(np.median(np.concatenate(found))) / MEDIAN_OF_NORMAL


def _at(table: CurveTests, strains: Array) -> CurveTests:
    """The tests at some strains, straight between their points."""
    states = []
    for state in table.states:
        tests = []
        for test in state.tests:
            start = test.strain[0] if table.plastic else 0.0
            kept = strains[(strains >= start) & (strains <= test.strain[-1])]
            origin = np.zeros(int(test.strain[0] > start))
            stress = np.interp(kept, np.r_[origin, test.strain], np.r_[origin, test.stress])
            tests.append(Test(kept, stress))
        states.append(replace(state, tests=tuple(tests)))
    return replace(table, states=tuple(states))


def _pointwise(table: CurveTests, strains: Array, least_scatter: float = 0.0) -> MeanCurves:
    """Mean of repeats at each measured strain; `least_scatter` is what a point has at least, repeats or none."""
    shape = (len(table), len(strains))
    total, squares, count = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for row, state in enumerate(table.states):
        for test in state.tests:
            kept = test.strain > 0.0 if not table.plastic else np.ones(len(test.strain), dtype=bool)
            columns = np.searchsorted(strains, test.strain[kept])
            log_stress = np.log(test.stress[kept])
            total[row, columns] += log_stress
            squares[row, columns] += log_stress**2
            count[row, columns] += 1.0
    mean = np.divide(total, count, out=np.full(shape, np.nan), where=count > 0)
    freedom = float(np.sum(np.maximum(count - 1.0, 0.0)))
    spread = float(np.sum((squares - count * mean**2)[count > 1])) if freedom else 0.0
    scatter = max(float(np.sqrt(max(spread, 0.0) / freedom)) if freedom else 0.0, least_scatter)
    error = np.divide(scatter, np.sqrt(count), out=np.zeros(shape), where=count > 0)
    note = f"labels: {len(strains)} measured strains; scatter {100 * scatter:.2g} % of the stress"
    weights = label_weights(strains, table.plastic)
    noise = error[:, :, None] * np.eye(len(strains))
    return MeanCurves(
        table.coordinates, table.values(), strains, weights, np.exp(mean), noise, scatter, table.plastic, (note,)
    )


def _smoothed(table: CurveTests, strains: Array) -> MeanCurves:
    """Penalised splines of log(stress) over the root of the strain, one smoothing for all states."""
    first, last = float(strains[0]) if not table.plastic else 0.0, float(strains[-1])
    start = 0.0 if table.plastic else max(first / last, LABELS**-1.5)
    labels = last * np.linspace(start ** (2.0 / 3.0), 1.0, LABELS) ** 1.5
    fits = [_Fit.of(state, last, table.plastic) for state in table.states]
    found = minimize_scalar(lambda power: _cross_validation(fits, 10.0**power), bounds=PENALTIES, method="bounded")
    penalty = 10.0 ** float(found.x)
    freedom = sum(fit.count - fit.freedom(penalty) for fit in fits)
    scatter = float(np.sqrt(sum(fit.residual(penalty) for fit in fits) / freedom))
    stress, noise = np.full((len(fits), LABELS), np.nan), np.zeros((len(fits), LABELS, PIECES + DEGREE))
    for row, (fit, state) in enumerate(zip(fits, table.states, strict=True)):
        reached = labels <= state.reach * (1.0 + 1e-9)
        basis = _basis(labels[reached], last)
        stress[row, reached] = np.exp(basis @ fit.coefficients(penalty))
        noise[row, reached] = scatter * basis @ fit.error_factor(penalty)
    note = (
        f"{sum(fit.count for fit in fits)} points of {sum(len(state.tests) for state in table.states)} tests resampled "
        f"on {LABELS} labels of strain {first:g} to {last:g} by a penalised spline of the log stress "
        f"(scatter of a point {100 * scatter:.2g} %)"
    )
    weights = label_weights(labels, table.plastic)
    return MeanCurves(
        table.coordinates, table.values(), labels, weights, stress, noise, scatter, table.plastic, (note,)
    )


@dataclass(frozen=True)
class _Fit:
    """Normal equations of one state's spline of log stress."""

    gram: Array
    right: Array
    square: float
    count: int

    @classmethod
    def of(cls, state: CurveState, last: float, plastic: bool) -> "_Fit":
        strain = np.concatenate([test.strain for test in state.tests])
        stress = np.concatenate([test.stress for test in state.tests])
        if not plastic:
            strain, stress = strain[strain > 0.0], stress[strain > 0.0]
        basis, values = _basis(strain, last), np.log(stress)
        return cls(basis.T @ basis, basis.T @ values, float(values @ values), len(values))

    def _system(self, penalty: float) -> Array:
        return self.gram + penalty * _roughness()

    def coefficients(self, penalty: float) -> Array:
        return np.linalg.solve(self._system(penalty), self.right)

    def freedom(self, penalty: float) -> float:
        return float(np.trace(np.linalg.solve(self._system(penalty), self.gram)))

    def residual(self, penalty: float) -> float:
        found = self.coefficients(penalty)
        return max(self.square - 2.0 * float(found @ self.right) + float(found @ self.gram @ found), 0.0)

    def error_factor(self, penalty: float) -> Array:
        """Factor of the coefficients' covariance for points of unit scatter."""
        values, vectors = np.linalg.eigh(self.gram)
        return np.linalg.solve(self._system(penalty), vectors * np.sqrt(np.maximum(values, 0.0)))


def _basis(strain: Array, last: float) -> Array:
    knots = np.concatenate([np.zeros(DEGREE), np.linspace(0.0, 1.0, PIECES + 1), np.ones(DEGREE)])
    size = PIECES + DEGREE
    return np.asarray(BSpline(knots, np.eye(size), DEGREE)(np.sqrt(strain / last)))


def _roughness() -> Array:
    size = PIECES + DEGREE
    second = np.diff(np.eye(size), n=2, axis=0)
    # A trace of ridge keeps a state solvable whose tests end before the last splines begin.
    return second.T @ second + 1e-9 * np.eye(size)


def _cross_validation(fits: list[_Fit], penalty: float) -> float:
    count = sum(fit.count for fit in fits)
    freedom = sum(fit.freedom(penalty) for fit in fits)
    return sum(fit.residual(penalty) for fit in fits) / count / (1.0 - freedom / count) ** 2
