"""What the rule says of targets: value, standard deviation, and the shares of the members.

The generated value is the weighted mean of what the members say. Its variance is theirs at the target, scaled by the
left-out errors of the states about it, label by label, and their spread. Beyond the states, where the deviation passes
a tenth of the known range, the straight end piece takes over. Labels whose states lie on one line keep to it.

Source: the variance is that of `motions.precision`; what is beside it is ours, set on problems of known truth.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from cmgai_fem.calibration.evidence import Block, Roughness
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
SEVERAL = (1.5, 2.0)
# Factors where a label's states lie on one line, between and beyond them.
ON_LINE = (1e-6, 0.5)
# Members with smaller shares have no say.
LEAST_SHARE = 1e-14
# Deviations are not below rounding, of the known range.
ROUNDING = 1e-14
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Asked:
    """A rule, asked at values.

    Args:
        rule: the rule.
        points: (T, m) the values.
        said: what its M members say of them.
    """

    rule: RuleOfChoice
    points: Array
    said: Said

    @classmethod
    def at(cls, rule: RuleOfChoice, points: Array) -> Self:
        """The rule, asked at values (T, m)."""
        return cls(rule, points, rule.ask(points))

    def each(self) -> Iterator[Self]:
        """Every target alone."""
        for row in range(len(self.points)):
            yield type(self)(self.rule, self.points[[row]], self.said.of(row))

    @property
    def values(self) -> Array:
        """(T, L) generated values."""
        return self.rule.data.dealt.join(self._values_on, axis=1)

    @property
    def deviation(self) -> Array:
        """(T, L) standard deviations."""
        return self.rule.data.dealt.join(self.deviation_on, axis=1)

    def deviation_on(self, block: slice) -> Array:
        """(T, l) standard deviations of some labels."""
        data = self.rule.data
        own = data.on(block)
        variance = self._spread(own)
        if self._outside.any():
            kept, row = self._kept[:, None], self.rule.anchor
            anchored = self._variances[0][row][:, None] * self.rule.roughness[row].of(own)
            apart = (self._straight - self._mean) @ own.values
            variance = kept * variance + (1.0 - kept) * anchored + kept * (1.0 - kept) * apart**2
        found = self._factor[:, None] * np.sqrt(variance)
        if (on_line := self.on_line(block)) is not None:
            found *= np.where(on_line, np.where(self._outside, ON_LINE[1], ON_LINE[0])[:, None], 1.0)
        return np.maximum(found, ROUNDING * data.range)

    def on_line(self, block: slice) -> BoolArray | None:
        """(T, l) which of some labels keep to the straight piece through their states; None where none does."""
        data = self.rule.data
        if not self._line or not data.keeps_straight(block):
            return None
        gaps = np.searchsorted(data.places[:, 0], self.points[:, 0], side="right") - 1
        return data.on(block).straight[np.clip(gaps, 0, self._states - 2)]

    def _values_on(self, block: slice) -> Array:
        own = self.rule.data.on(block)
        mixed, straight = self._mean @ own.values, self._straight @ own.values
        found = mixed + (1.0 - self._kept)[:, None] * (straight - mixed)
        on_line = self.on_line(block)
        return found if on_line is None else np.where(on_line, straight, found)

    @cached_property
    def shares(self) -> Array:
        """(T, M) shares of the members, the straight end piece's with them."""
        found = self._kept[:, None] * self._weights
        found[:, self.rule.anchor] += 1.0 - self._kept
        return found

    @property
    def numbers(self) -> Array:
        """(T,) independent left-out numbers behind the choice: states less motions without energy, by the shares."""
        return self.shares @ np.array([one.member.freedom for one in self.rule.weighed], dtype=float)

    @cached_property
    def size(self) -> Array:
        """(T,) root mean square deviations over the labels, relative to the known range."""
        data = self.rule.data
        if not (self._line and data.straight):
            return np.asarray(np.maximum(np.sqrt(self._mean_variance) / data.range, ROUNDING))

        def squares(block: slice) -> Array:
            return self.deviation_on(block) ** 2 @ data.on(block).shares

        return np.asarray(np.sqrt(data.dealt.sum(squares)) / data.range)

    @property
    def _mean_variance(self) -> Array:
        """(T,) mean variances over the labels where none keeps to a straight piece."""
        data, row = self.rule.data, self.rule.anchor
        spread = np.array([one.mean(data) for one in self._spreads]) + self._noise
        anchored = self._variances[0][row] * self.rule.roughness[row].mean(data)
        apart = np.array([data.mean_square(each[None]) for each in self._straight - self._mean])
        mixed = self._kept * spread + (1.0 - self._kept) * anchored + self._kept * (1.0 - self._kept) * apart
        return np.asarray(mixed * self._factor**2)

    @property
    def _factor(self) -> Array:
        """(T,) factors of the deviation where few states, or several coordinates, tell less than they seem to."""
        between, beyond = FEW.get(self._states, (1.0, 1.0)) if self._line else SEVERAL
        return np.where(self._outside, beyond, between)

    def _spread(self, own: Block) -> Array:
        """(T, l) variance of the members' mean: what each is thought to be wrong by, and how far they are apart."""
        return np.array([one.of(own) for one in self._spreads]) + self._noise[:, None]

    @cached_property
    def _spreads(self) -> list[Roughness]:
        """The variance at each target as one form of a label's known values."""
        found, weights = [], self.said.weights
        for row, share in enumerate(self._weights):
            spoken = np.flatnonzero(share > LEAST_SHARE)
            each = [self.rule.roughness[one] for one in spoken]
            apart = Roughness(np.sqrt(share[spoken])[:, None] * (weights[spoken, row] - self._mean[row]))
            found.append(
                Roughness.total([*each, apart], np.append(share[spoken] * self._variances[0][spoken, row], 1.0))
            )
        return found

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
    def _weights(self) -> Array:
        """(T, M) weights of the members before the straight end piece takes over."""
        logs = np.where(self.said.usable.T, self.rule.log_weights, -np.inf)
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
            distances = self.rule.data.apart(self.points)
            distances -= distances.min(axis=1, keepdims=True)
            near = np.exp(-0.5 * distances**2 * count) + 1e-12
            near[self._outside] = 1.0
        return np.asarray(near / near.sum(axis=1, keepdims=True))

    @cached_property
    def _variances(self) -> tuple[Array, Array]:
        """(M, T) pooled variances of the members, and of the noise if all their left-out error were noise."""
        rule, said = self.rule, self.said
        scale = (1.0 - WHOLE) * (rule.squares @ self._near.T) + WHOLE * rule.pooled[:, None]
        if not self._line:
            scale = np.where(self._outside, rule.pooled[:, None], scale)
        variances = scale * said.variance
        noises = np.repeat([[one.evidence.noise] for one in rule.weighed], len(self.points), axis=1)
        for row, one in enumerate(rule.weighed):
            if one.steps:
                top, below = one.ladder
                power = one.steps * GAIN / (1.0 + (said.distance[row] / NEAR) ** 2)
                fall = np.minimum(variances[top] / np.maximum(variances[below], TINY), 1.0)
                quiet = min(noises[top, 0] / max(noises[below, 0], TINY), 1.0)
                variances[row] = variances[top] * fall**power
                noises[row] = noises[top] * quiet**power
        return variances, noises

    @cached_property
    def _mean(self) -> Array:
        """(T, K) weights of the known states in the members' mean."""
        spoken = np.where(self._weights > LEAST_SHARE, self._weights, 0.0)
        return np.asarray(np.einsum("tm,mtk->tk", spoken, self.said.weights))

    @cached_property
    def _noise(self) -> Array:
        """(T,) variance that noise of the states has in the mean."""
        noise = NOISE * np.min(np.where(self.said.usable, self._variances[1], np.inf), axis=0)
        lift = np.sum(self.said.weights**2, axis=2)
        return np.asarray(self._apart * noise * np.einsum("tm,mt->t", self._weights, lift))

    @cached_property
    def _apart(self) -> Array:
        """(T,) 0 at a known state, 1 a small part of a gap away from it."""
        apart = self.rule.data.apart(self.points)
        nearest = apart.argmin(axis=1)
        return np.minimum(apart[np.arange(len(apart)), nearest] / (FADE * self.rule.data.gaps[nearest]), 1.0)

    @cached_property
    def _straight(self) -> Array:
        """(T, K) weights of the known states in the straight end piece."""
        return self.said.weights[self.rule.anchor]

    @cached_property
    def _kept(self) -> Array:
        """(T,) share that the straight end piece leaves to the members."""
        if not self._outside.any():
            return np.ones(len(self.points))
        data = self.rule.data
        size = np.sqrt(np.array([one.mean(data) for one in self._spreads]) + self._noise) / data.range
        return np.where(self._outside, 1.0 / (1.0 + (size / ANCHORED) ** SHARPNESS), 1.0)
