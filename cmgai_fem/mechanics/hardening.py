"""Hardening laws: the flow stress as a function of plastic strain, strain rate and temperature.

A law is one small class with one method, `curve`; adding a law is adding a class and its exact uniaxial test.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.states.labels import Array

# (plastic strain, plastic strain rate [1/s]) -> flow stress [Pa], its slope in strain [Pa], its slope in rate [Pa s].
Curve = Callable[[Array, Array], tuple[Array, Array, Array]]


class HardeningLaw(ABC):
    """Flow stress of an isotropic metal."""

    @abstractmethod
    def curve(self, temperature: Array | float) -> Curve:
        """The flow curve at fixed temperatures.

        Args:
            temperature: (P,) temperature of each point [the unit that the law's parameters are in].

        Returns:
            A function of plastic strain (P,) and plastic strain rate (P,) [1/s] that returns the flow stress [Pa],
            its derivative by plastic strain [Pa] and by rate [Pa s].
        """

    def plastic_increment(
        self,
        trial: Array,
        stiffness: Array,
        strain: Array,
        step: float,
        temperature: Array,
        before: Array,
    ) -> Array:
        """Plastic strain increment of the backward-Euler radial return.

        The root x >= 0 of `trial - stiffness x = flow_stress(strain + x, x / step)`, 0 where the trial stress is
        below the flow stress.

        Args:
            trial: (P,) von Mises stress of the elastic trial [Pa].
            stiffness: (P,) three times the shear modulus [Pa].
            strain: (P,) equivalent plastic strain at the start of the step.
            step: time step [s].
            temperature: (P,) temperature during the step.
            before: (P,) von Mises stress at the start of the step [Pa]: where the point was yielding already, what
                the trial exceeds it by tells the increment but for the hardening. It changes no result.

        Returns:
            (P,) increments of the equivalent plastic strain.

        Raises:
            ConvergenceError: the iteration did not converge at some point.
        """
        increment = np.zeros_like(trial)
        static = self.curve(temperature)(strain, increment)[0]
        excess = trial - static
        yielding = np.flatnonzero(excess > 0.0)
        if len(yielding):
            stiff, high = stiffness[yielding], trial[yielding]
            upper = excess[yielding] / stiff
            start = self._start(high, stiff, static[yielding], strain[yielding], step, before[yielding])
            start = np.clip(start, 1e-9 * upper, upper)
            increment[yielding] = self._root(high, stiff, strain[yielding], step, temperature[yielding], upper, start)
        return increment

    def _start(self, trial: Array, stiffness: Array, static: Array, strain: Array, step: float, before: Array) -> Array:
        """A guess of the increments of yielding points, `static` their flow stress at rest."""
        return np.where(before >= static, trial - before, trial - static) / stiffness

    def _root(
        self, trial: Array, stiffness: Array, strain: Array, step: float, temperature: Array, upper: Array, x: Array
    ) -> Array:
        """Newton's method from x kept inside a bracket; points that have converged leave the iteration."""
        flow = self.curve(temperature)
        lower = np.zeros_like(upper)
        result, active = np.empty_like(upper), np.arange(len(upper))
        for _ in range(100):
            stress, slope, rate_slope = flow(strain + x, x / step)
            residual = trial - stiffness * x - stress
            above = residual > 0.0
            lower, upper = np.where(above, x, lower), np.where(above, upper, x)
            newton = x + residual / (stiffness + slope + rate_slope / step)
            inside = (newton >= lower) & (newton <= upper)
            # The step after the test squares what the test lets through.
            done = inside & (np.abs(residual) <= 1e-5 * trial)
            if np.all(done):
                result[active] = newton
                return result
            result[active] = newton
            keep = np.flatnonzero(~done)
            x = np.where(inside, newton, 0.5 * (lower + upper))[keep]
            active, lower, upper = active[keep], lower[keep], upper[keep]
            trial, stiffness, strain, temperature = trial[keep], stiffness[keep], strain[keep], temperature[keep]
            flow = self.curve(temperature)
        raise ConvergenceError(f"radial return did not converge at {len(active)} points: the time step is too large")


@dataclass(frozen=True)
class LinearHardening(HardeningLaw):
    """Linear isotropic hardening, sigma = sy(T) + H e.

    Args:
        yield_stress: initial yield stress [Pa], a number or a function of the temperature.
        modulus: hardening modulus H [Pa].
    """

    yield_stress: float | Callable[[Array], Array]
    modulus: float = 0.0

    def curve(self, temperature: Array | float) -> Curve:
        """See `HardeningLaw.curve`."""
        start = self._initial(temperature)
        return lambda strain, rate: (
            start + self.modulus * strain,
            np.full_like(strain, self.modulus),
            np.zeros_like(strain),
        )

    def plastic_increment(
        self,
        trial: Array,
        stiffness: Array,
        strain: Array,
        step: float,
        temperature: Array,
        before: Array,
    ) -> Array:
        """In closed form; see `HardeningLaw.plastic_increment`."""
        excess = strain * (-self.modulus)
        excess += trial
        excess -= self._initial(temperature)
        np.maximum(excess, 0.0, out=excess)
        excess /= stiffness + self.modulus
        return excess

    def _initial(self, temperature: Array | float) -> Array | float:
        return self.yield_stress(np.asarray(temperature)) if callable(self.yield_stress) else self.yield_stress


@dataclass(frozen=True)
class VoceHardening(HardeningLaw):
    """Saturating hardening, sigma = sy + (s_sat - sy)(1 - exp(-d e)) + H e.

    Args:
        yield_stress: initial yield stress sy [Pa].
        saturation_stress: stress s_sat that the exponential part tends to [Pa].
        rate: d, how fast it saturates.
        modulus: linear modulus H on top [Pa].

    Source: Voce, The relationship between stress and strain for homogeneous deformation, J. Inst. Metals 74 (1948).
    """

    yield_stress: float
    saturation_stress: float
    rate: float
    modulus: float = 0.0

    def curve(self, temperature: Array | float) -> Curve:
        """See `HardeningLaw.curve`; the temperature plays no part."""
        gain = self.saturation_stress - self.yield_stress

        def flow(strain: Array, rate: Array) -> tuple[Array, Array, Array]:
            decay = np.exp(-self.rate * strain)
            stress = self.yield_stress + gain * (1.0 - decay) + self.modulus * strain
            return stress, gain * self.rate * decay + self.modulus, np.zeros_like(strain)

        return flow


@dataclass(frozen=True)
class JohnsonCookHardening(HardeningLaw):
    """sigma = (A + B e^n)(1 + C ln(rate / rate0))(1 - T*^m), T* = (T - T_room)/(T_melt - T_room).

    The rate factor is 1 below rate0 and the thermal factor is 1 below room temperature and 0 above melting.

    Args:
        initial_stress: A [Pa].
        hardening_stress: B [Pa].
        exponent: n.
        rate_factor: C.
        thermal_exponent: m.
        melting_temperature: T_melt [the unit of all temperatures].
        room_temperature: T_room, in the same unit.
        reference_rate: rate0 [1/s].

    Source: Johnson and Cook, 7th Int. Symp. on Ballistics (1983) 541-547.
    """

    initial_stress: float
    hardening_stress: float
    exponent: float
    rate_factor: float
    thermal_exponent: float
    melting_temperature: float
    room_temperature: float = 293.0
    reference_rate: float = 1.0

    def __post_init__(self) -> None:
        if self.melting_temperature <= self.room_temperature:
            raise InputError(
                f"Johnson-Cook: melting temperature {self.melting_temperature:g} is not above "
                f"room temperature {self.room_temperature:g}"
            )

    def curve(self, temperature: Array | float) -> Curve:
        """See `HardeningLaw.curve`."""
        span = self.melting_temperature - self.room_temperature
        homologous = np.clip((np.asarray(temperature) - self.room_temperature) / span, 0.0, 1.0)
        softening = 1.0 - homologous**self.thermal_exponent

        def flow(strain: Array, rate: Array) -> tuple[Array, Array, Array]:
            # The slope is infinite at zero strain; the floor keeps it a number and changes no stress above 1e-4 Pa.
            floored = np.maximum(strain, 1e-40)
            power = floored**self.exponent
            power *= self.hardening_stress
            relative = rate / self.reference_rate
            np.maximum(relative, 1.0, out=relative)
            thermal_rate = np.log(relative)
            thermal_rate *= self.rate_factor
            thermal_rate += 1.0
            thermal_rate *= softening
            static = power + self.initial_stress
            power *= thermal_rate
            power *= self.exponent
            power /= floored
            rate_slope = static * softening
            rate_slope *= self.rate_factor / self.reference_rate
            # Below the reference rate the stress does not depend on the rate.
            rate_slope *= relative > 1.0
            rate_slope /= relative
            static *= thermal_rate
            return static, power, rate_slope

        return flow

    def _start(self, trial: Array, stiffness: Array, static: Array, strain: Array, step: float, before: Array) -> Array:
        """Exact but for the curvature of the hardening: K x + c ln(x / (rate0 step)) = trial - static."""
        power_law = self.initial_stress + self.hardening_stress * np.maximum(strain, 1e-12) ** self.exponent
        slope = self.exponent * (1.0 - self.initial_stress / power_law) * np.maximum(before, static)
        slope /= np.maximum(strain, 1e-4)
        slope += stiffness
        viscous = self.rate_factor * static
        reference = self.reference_rate * step * slope
        excess = trial - static
        if self.rate_factor == 0.0:
            return excess / slope
        root = _wright_omega(excess / viscous + np.log(reference / viscous))
        return np.where(excess > reference, viscous * root, excess) / slope


def _wright_omega(z: Array) -> Array:
    """The root of w + ln w = z to about 1e-3, enough to start from; scipy's is exact and costs eight times more."""
    z = np.maximum(z, -500.0)
    logarithm = np.log(np.maximum(z, 1.0))
    small = np.exp(np.minimum(z, 1.0))
    w = np.where(z > 1.0, z - logarithm + logarithm / np.maximum(z, 1.0), small / (1.0 + 0.65 * small))
    return np.asarray(w * (1.0 + (z - w - np.log(w)) / (1.0 + w)))
