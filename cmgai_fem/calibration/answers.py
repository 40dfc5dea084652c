"""What the rule says of targets: value, standard deviation, and the shares of the members.

The generated value is the weighted mean of what the members say. Its variance is theirs at the target, scaled by the
left-out errors of the states about it, label by label, and their spread. Beyond the states, where the deviation passes
a tenth of the known range, the straight end piece takes over. Labels whose states lie on one line keep to it.

Source: the variance is that of `motions.precision`; what is beside it is ours, set on problems of known truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from cmgai_fem.calibration.evidence import Evidence
from cmgai_fem.calibration.members import Said
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.states.labels import Array, BoolArray

# Share of the pooled variance beside that of the states about a target, and how many states are about it.
WHOLE, WIDTH = 0.1, 0.8
# Share of left-out error that may be noise of the states, and the part of a gap about a state where it fades: the state
# itself is what it is.
NOISE, FADE = 0.1, 0.125
# Of the known range: the deviation at which the straight end piece has half the weight; how sharply it takes over.
ANCHORED, SHARPNESS = 0.1, 4
# Deviations of orders beyond the tested ones fall by this power of the last order's gain, within NEAR of the states.
GAIN, NEAR = 0.25, 0.25
# Few states, or several coordinates, tell less than they seem to: factors of the deviation between and beyond them.
FEW: Mapping[int, tuple[float, float]] = {3: (2.5, 1.5), 4: (1.5, 1.0)}
SEVERAL = (1.3, 2.0)
# Factors where a label's states lie on one line, between and beyond them.
ON_LINE = (1e-6, 0.5)
# Members with smaller shares have no say.
LEAST_SHARE = 1e-14
# Deviations are not below rounding, of the known range.
ROUNDING = 1e-14
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Asked:
    """A rule, asked at values (T, m)."""

    rule: RuleOfChoice
    points: Array

    @cached_property
    def values(self) -> Array:
        """(T, L) generated values."""
        mixed, straight = self._mixed[0], self._straight
        found = mixed + (1.0 - self._kept)[:, None] * (straight - mixed)
        return np.where(self._on_line, straight, found)

    @cached_property
    def deviation(self) -> Array:
        """(T, L) standard deviations."""
        mixed, variance = self._mixed
        kept, row = self._kept[:, None], self.rule.anchor
        anchored = self._variances[0][row][:, None] * self._roughness(row)
        variance = kept * variance + (1.0 - kept) * anchored + kept * (1.0 - kept) * (self._straight - mixed) ** 2
        between, beyond = FEW.get(self._states, (1.0, 1.0)) if self._line else SEVERAL
        factor = np.where(self._outside, beyond, between)[:, None]
        on_line = np.where(self._outside, ON_LINE[1], ON_LINE[0])[:, None]
        found = factor * np.sqrt(variance) * np.where(self._on_line, on_line, 1.0)
        return np.maximum(found, ROUNDING * self.rule.data.range)

    @cached_property
    def shares(self) -> Array:
        """(T, M) shares of the members, the straight end piece's with them."""
        found = self._kept[:, None] * self._weights
        found[:, self.rule.anchor] += 1.0 - self._kept
        return found

    @property
    def on_line(self) -> BoolArray:
        """(T, L) labels that keep to the straight piece through their states."""
        return self._on_line

    @property
    def size(self) -> Array:
        """(T,) root mean square deviations over the labels, relative to the known range."""
        return np.sqrt(self.deviation**2 @ self.rule.data.shares) / self.rule.data.range

    @property
    def _states(self) -> int:
        return len(self.rule.data.places)

    @property
    def _line(self) -> bool:
        return self.rule.data.places.shape[1] == 1

    @cached_property
    def _outside(self) -> BoolArray:
        return np.array([not inside_hull(self.rule.data.places, point) for point in self.points], dtype=bool)

    @cached_property
    def _said(self) -> list[Said]:
        return [one.member.ask(self.points) for one in self.rule.weighed]

    @cached_property
    def _usable(self) -> BoolArray:
        return np.array([said.usable for said in self._said])

    @cached_property
    def _weights(self) -> Array:
        """(T, M) weights of the members before the straight end piece takes over."""
        logs = np.where(self._usable.T, self.rule.log_weights, -np.inf)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    @cached_property
    def _near(self) -> Array:
        """(T, K) shares of the states about each target; beyond states of several coordinates all count alike."""
        places, count = self.rule.data.places, self._states
        if self._line:
            steps = np.interp(self.points[:, 0], places[:, 0], np.arange(count))[:, None] - np.arange(count)
            near = np.exp(-0.5 * (steps / WIDTH) ** 2) + 1e-12
        else:
            apart = (self.points[:, None] - places) / np.ptp(places, axis=0)
            distances = np.linalg.norm(apart, axis=2)
            distances -= distances.min(axis=1, keepdims=True)
            near = np.exp(-0.5 * distances**2 * count) + 1e-12
            near[self._outside] = 1.0
        return np.asarray(near / near.sum(axis=1, keepdims=True))

    @cached_property
    def _variances(self) -> tuple[Array, Array]:
        """(M, T) pooled variances of the members, and of the noise if all their left-out error were noise."""
        variances = np.zeros((len(self._said), len(self.points)))
        noises = np.zeros_like(variances)
        for row, (one, said) in enumerate(zip(self.rule.weighed, self._said, strict=True)):
            if not one.steps:
                variances[row] = self._scale(one.evidence) * said.variance
                noises[row] = one.evidence.noise
                continue
            top, below = one.ladder
            power = one.steps * GAIN / (1.0 + (said.distance / NEAR) ** 2)
            fall = np.minimum(variances[top] / np.maximum(variances[below], TINY), 1.0)
            quiet = min(noises[top, 0] / max(noises[below, 0], TINY), 1.0)
            variances[row] = variances[top] * fall**power
            noises[row] = noises[top] * quiet**power
        return variances, noises

    def _scale(self, evidence: Evidence) -> Array:
        """(T,) sigma^2 of a member about each target."""
        local = np.einsum("tk,k->t", self._near, evidence.squares)
        if self._line:
            return np.asarray((1.0 - WHOLE) * local + WHOLE * evidence.pooled)
        return np.where(self._outside, evidence.pooled, (1.0 - WHOLE) * local + WHOLE * evidence.pooled)

    @cached_property
    def _mixed(self) -> tuple[Array, Array]:
        """(T, L) weighted mean of what the members say, and its variance."""
        known, shares = self.rule.data.values, self._weights
        spoken = [row for row in range(len(self._said)) if np.any(shares[:, row] > LEAST_SHARE)]
        made = {row: self._said[row].weights @ known for row in spoken}
        mean = sum((shares[:, [row]] * made[row] for row in spoken), np.zeros((len(shares), known.shape[1])))
        variance = np.zeros_like(mean)
        for row in spoken:
            own = self._variances[0][row][:, None] * self._roughness(row)
            variance += shares[:, [row]] * (own + (made[row] - mean) ** 2)
        noise = NOISE * np.min(np.where(self._usable, self._variances[1], np.inf), axis=0)
        lift = np.array([np.sum(said.weights**2, axis=1) for said in self._said])
        return mean, variance + (self._apart * noise * np.einsum("tm,mt->t", shares, lift))[:, None]

    @cached_property
    def _apart(self) -> Array:
        """(T,) 0 at a known state, 1 a small part of a gap away from it."""
        places = self.rule.data.places / np.ptp(self.rule.data.places, axis=0)
        points = self.points / np.ptp(self.rule.data.places, axis=0)
        tree = cKDTree(places)
        distance, nearest = tree.query(points)
        gap = tree.query(places, k=2)[0][:, 1]
        return np.minimum(distance / (FADE * gap[nearest]), 1.0)

    def _roughness(self, row: int) -> Array:
        return self.rule.weighed[row].evidence.roughness(self.rule.data)

    @cached_property
    def _straight(self) -> Array:
        return np.asarray(self._said[self.rule.anchor].weights @ self.rule.data.values)

    @cached_property
    def _kept(self) -> Array:
        """(T,) share that the straight end piece leaves to the members."""
        size = np.sqrt(self._mixed[1] @ self.rule.data.shares) / self.rule.data.range
        return np.where(self._outside, 1.0 / (1.0 + (size / ANCHORED) ** SHARPNESS), 1.0)

    @cached_property
    def _on_line(self) -> BoolArray:
        data = self.rule.data
        if not self._line:
            return np.zeros((len(self.points), data.values.shape[1]), dtype=bool)
        gaps = np.searchsorted(data.places[:, 0], self.points[:, 0], side="right") - 1
        return data.straight[np.clip(gaps, 0, self._states - 2)]
