"""Incomplete states: some components known at some labels by sensors, the rest generated so that all fit together.

The transport's answer is corrected by the most probable error that explains the sensors: a combination of the known
states' modes (errors of a transport lie there before all), whose size the left-out states tell, and a local part of
the size by which left-out states fall outside the span of the others. Several fields are corrected together, so that a
thermocouple also tells of a stress. A correction is taken only where the same places lower the errors of left-out
states.

Source: Gaussian conditioning (kriging with a trend), e.g. Rasmussen and Williams, Gaussian Processes for Machine
Learning (2006), equations 2.22 to 2.24, section 2.7, and 5.8 for the size. The choice of the covariances is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from scipy.spatial.distance import cdist

from cmgai_fem.calibration.correction import DEVIATIONS, Correction, LeftOutTest
from cmgai_fem.errors import InputError
from cmgai_fem.files.sensors import Observation
from cmgai_fem.generated import Generator
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.feature_space import Modes

# The local part of a correction fades over this length, relative to the size of the body.
LOCAL_LENGTH = 0.1


def complete(
    generators: Mapping[str, Generator], value: ArrayLike, observations: Sequence[Observation]
) -> Correction[Mapping[str, Array]]:
    """Correct the generated fields of one state so that every sensor is honoured to its tolerance.

    Args:
        generators: transports by field; all fields that sensors measure are among them.
        value: the state, (m,) or a number.
        observations: the sensors.

    Returns:
        (L, n) fields by name. Errors of left-out states are relative to the known range.

    Raises:
        InputError: two sensors contradict each other, or fewer than three states are known.
    """
    fields = {name: generator.solution.at(value) for name, generator in generators.items()}
    before = misfit(fields, observations)
    tested = _left_out_errors(generators, observations)
    if tested is not None and not tested.taken:
        return Correction(fields, before, before, tested)
    corrected = _corrected(_Prior.of(generators), fields, observations, [item.sensor.value for item in observations])
    return Correction(corrected, before, misfit(corrected, observations), tested)


def _corrected(
    prior: "_Prior", fields: Mapping[str, Array], observations: Sequence[Observation], values: Sequence[float]
) -> dict[str, Array]:
    """Fields that honour what the sensors read, `values`."""
    scales = np.array([prior.scale[item.sensor.field] for item in observations])
    misfits = [value - item.of(fields[item.sensor.field]) for item, value in zip(observations, values, strict=True)]
    residual = np.array(misfits) / scales
    noise = np.array([item.sensor.tolerance for item in observations]) / scales / DEVIATIONS
    readings = np.array([[item.of(shape[item.sensor.field]) for shape in prior.shapes] for item in observations])
    readings = readings.reshape(len(observations), len(prior.shapes))
    parts = prior.local_parts(observations)
    local = _local_covariance(parts, observations)
    spanned = readings @ prior.covariance @ readings.T
    # The errors of left-out states tell the shape of both covariances; the sensors themselves tell their sizes.
    inside, outside = _likeliest_sizes(spanned, local, residual, noise)
    gains = _gains(inside**2 * spanned + outside**2 * local, residual, noise, observations)
    amplitudes = inside**2 * prior.covariance @ readings.T @ gains
    corrected = {}
    for name, field in fields.items():
        change = sum((a * shape[name] for a, shape in zip(amplitudes, prior.shapes, strict=True)), np.zeros_like(field))
        for item, part, gain in zip(observations, parts, gains, strict=True):
            if item.sensor.field == name:
                change[:, item.component] += outside**2 * gain * part
        corrected[name] = field + prior.scale[name] * change
    return corrected


def _left_out_errors(generators: Mapping[str, Generator], observations: Sequence[Observation]) -> LeftOutTest | None:
    """Error of the left-out states, without and with exact readings of them at the places of the sensors."""
    estimates = {name: generator.estimate for name, generator in generators.items()}
    count = min(0 if found is None else len(found.values) for found in estimates.values())
    if count < 2:
        return None
    squares = np.zeros(2)
    for row in range(count):
        prior = _Prior.of(generators, left_out=row)
        true, generated = {}, {}
        for name, found in estimates.items():
            assert found is not None
            problem = generators[name].problem
            known = problem.states.values
            true[name] = problem.known.values[int(np.flatnonzero(np.all(known == found.values[row], axis=1))[0])]
            generated[name] = true[name] + found.errors[row]
        readings = [item.of(true[item.sensor.field]) for item in observations]
        corrected = _corrected(prior, generated, observations, readings)
        for side, fields in enumerate((generated, corrected)):
            for name, field in fields.items():
                share = generators[name].problem.states.labels.weights
                error = (field - true[name]) / generators[name].problem.scaling.scale
                squares[side] += float(share / share.sum() @ np.sum(error**2, axis=1))
    return LeftOutTest(*np.sqrt(squares / count / len(estimates)).tolist())


def misfit(fields: Mapping[str, Array], observations: Sequence[Observation]) -> float:
    """Largest misfit of any sensor, in tolerances."""
    return max(
        abs(item.of(fields[item.sensor.field]) - item.sensor.value) / item.sensor.tolerance for item in observations
    )


@dataclass(frozen=True)
class _Prior:
    """What the error of a transport may be, in features (field values over the scale of their field).

    Args:
        shapes: modes of the known states, each (L, n) by field, orthonormal in the label volumes.
        covariance: (m, m) covariance of the modes' amplitudes.
        outside: (L, n) by field, size of what lies outside the span of the modes.
        scale: scale of each field's features [unit of the field].
        positions: (L, g) places of the labels [m].
        length: over which the local part fades [m].
    """

    shapes: list[dict[str, Array]]
    covariance: Array
    outside: dict[str, Array]
    scale: dict[str, float]
    positions: Array
    length: float

    @classmethod
    def of(cls, generators: Mapping[str, Generator], left_out: int | None = None) -> "_Prior":
        """From all known states and left-out errors, or from all but those of one left-out state."""
        problems = {name: generator.problem for name, generator in generators.items()}
        first = next(iter(problems.values()))
        labels = first.states.labels
        scale = {name: problem.scaling.scale for name, problem in problems.items()}
        features = np.concatenate([problem.scaling.encode(problem.known.values) for problem in problems.values()], 2)
        estimates = {name: generator.estimate for name, generator in generators.items()}
        errors = [found.errors / scale[name] for name, found in estimates.items() if found is not None]
        tested = next(iter(estimates.values()))
        if tested is None or len(errors) < len(estimates):
            least = ("three", "four", "five")[len(first.states.coordinates) - 1]
            raise InputError(f"sensors need at least {least} known states, which tell how far a transport errs")
        stacked, values, known = np.concatenate(errors, axis=2), tested.values, first.states.values
        if left_out is not None:
            kept = np.any(known != values[left_out], axis=1)
            features, known = features[kept], known[kept]
            stacked, values = np.delete(stacked, left_out, axis=0), np.delete(values, left_out, axis=0)
        share = labels.weights / labels.weights.sum()
        modes = Modes.of(features, labels.weights)
        amplitudes = np.einsum("klc,mlc,l->km", stacked, modes.shapes, share)
        # Few left-out states span few directions: as much as in all of them is granted to the modes at large.
        isotropic = np.mean(np.sum(amplitudes**2, axis=1)) / max(modes.count, 1) + 1e-24
        covariance = amplitudes.T @ amplitudes / len(amplitudes) + isotropic * np.eye(modes.count)
        outside = _outside(features, known, values, stacked, labels.weights)
        columns = np.cumsum([problem.known.values.shape[2] for problem in problems.values()])[:-1]
        split = [dict(zip(problems, np.split(shape, columns, axis=1), strict=True)) for shape in modes.shapes]
        extent = float(np.linalg.norm(np.ptp(labels.positions, axis=0))) or 1.0
        return cls(
            split,
            covariance,
            dict(zip(problems, np.split(outside, columns, axis=1), strict=True)),
            scale,
            labels.positions,
            LOCAL_LENGTH * extent,
        )

    def local_parts(self, observations: Sequence[Observation]) -> list[Array]:
        """(L,) by sensor: covariance of the local part at every label with the sensor's reading of it."""
        parts = []
        for item in observations:
            size = self.outside[item.sensor.field][:, item.component]
            fade = self._fade(self.positions, self.positions[item.labels])
            parts.append(size * (fade @ (item.weights * size[item.labels])))
        return parts

    def _fade(self, one: Array, other: Array) -> Array:
        """Correlation of the local part between places: 1 at no distance, smooth, 0.6 at the length, 0.01 at three."""
        return np.exp(-0.5 * (cdist(one, other) / self.length) ** 2)


def _outside(features: Array, known: Array, left_out: Array, errors: Array, weights: Array) -> Array:
    """(L, n) root mean square of what left-out states hold outside the span of the others, with a small floor."""
    squares = np.zeros(features.shape[1:])
    for value in left_out:
        row = int(np.flatnonzero(np.all(known == value, axis=1))[0])
        others = Modes.of(np.delete(features, row, axis=0), weights)
        share = (weights / weights.sum())[:, None]
        rest = features[row] - others.origin
        for shape in others.shapes:
            rest = rest - np.sum(share * shape * rest) * shape
        squares += rest**2 / len(left_out)
    floor = 0.1 * np.sqrt(np.mean(squares)) + 1e-3 * np.sqrt(np.mean(errors**2)) + 1e-12
    return np.sqrt(squares + floor**2)


def _likeliest_sizes(spanned: Array, local: Array, residual: Array, noise: Array) -> tuple[float, float]:
    """Factors on the prior's standard deviations, in the span and outside, that make the misfits most probable."""
    scaled = residual / noise
    weight = np.outer(noise, noise)
    best, sizes = np.inf, (1.0, 1.0)
    # Left-out states are bridged farther than the target, so their errors are seldom exceeded by much.
    for inside in np.logspace(-3.0, 0.5, 36):
        for outside in np.logspace(-3.0, 0.5, 15):
            system = (inside**2 * spanned + outside**2 * local) / weight + np.eye(len(noise))
            factor = linalg.cholesky(system, lower=True)
            cost = np.sum(linalg.solve_triangular(factor, scaled, lower=True) ** 2)
            cost += 2.0 * np.sum(np.log(np.diag(factor)))
            if cost < best:
                best, sizes = cost, (float(inside), float(outside))
    return sizes


def _local_covariance(parts: Sequence[Array], observations: Sequence[Observation]) -> Array:
    """(m, m) covariance of the sensors' readings of the local part; components and fields do not share it."""
    covariance = np.zeros((len(parts), len(parts)))
    for row, one in enumerate(observations):
        for column, other in enumerate(observations):
            if (one.sensor.field, one.component) == (other.sensor.field, other.component):
                covariance[row, column] = one.weights @ parts[column][one.labels]
    return covariance


def _gains(system: Array, residual: Array, noise: Array, observations: Sequence[Observation]) -> Array:
    """Weights of the sensors, their noise lowered until each is honoured to its tolerance."""
    left = np.abs(residual)
    for factor in 0.7 ** np.arange(60):
        lowered = factor * noise
        try:
            root = linalg.cho_factor(system / np.outer(lowered, lowered) + np.eye(len(noise)))
        except linalg.LinAlgError:
            break
        gains = linalg.cho_solve(root, residual / lowered) / lowered
        left = np.abs(residual - system @ gains) / (DEVIATIONS * noise)
        if np.all(left <= 0.99):
            return gains
    worst = observations[int(np.argmax(left))].sensor
    raise InputError(
        f"the sensor in line {worst.line} contradicts another one: no field honours both to their tolerances"
    )


def suggest_places(generators: Mapping[str, Generator], field: str, count: int) -> list[tuple[int, int]]:
    """Where sensors tell most of the amplitudes of the known states' modes.

    Args:
        generators: transports by field.
        field: the field to measure.
        count: number of sensors.

    Returns:
        (label, component) of each sensor, the most telling first.

    Source: Drmac and Gugercin, SIAM J. Sci. Comput. 38 (2016) A631-A648 (pivoted QR of the modes), repeated on the
    places that are left for more sensors than modes.
    """
    prior = _Prior.of(generators)
    weight = np.sqrt(np.diag(prior.covariance))
    modes = np.array([w * shape[field] for w, shape in zip(weight, prior.shapes, strict=True)])
    columns = modes.shape[2]
    matrix = modes.reshape(len(modes), -1).copy()
    places: list[tuple[int, int]] = []
    while len(places) < min(count, matrix.shape[1]):
        _, _, pivots = linalg.qr(matrix, mode="economic", pivoting=True)
        for pivot in pivots[: min(len(modes), count - len(places))]:
            places.append((int(pivot) // columns, int(pivot) % columns))
            # A neighbour of a sensor tells little more than the sensor: its surroundings are left out.
            near = np.linalg.norm(prior.positions - prior.positions[places[-1][0]], axis=1) < 0.5 * prior.length
            matrix.reshape(len(modes), -1, columns)[:, near] = 0.0
    return places
