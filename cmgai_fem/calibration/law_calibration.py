"""A law of motion in the place of what is chosen label by label: its field, its estimated error, and what it says."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.blend import data_of
from cmgai_fem.calibration.calibrate import Calibration
from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.left_out import Solve
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer, Solution
from cmgai_fem.transport.state_motion import StateMotion


@dataclass(frozen=True)
class Stated(Answer):
    """A field by a law of motion, and what it is thought to be wrong by.

    Args:
        solution: the transport under the state force.
        factor: of the deviation that the law states.
        data: the known values.
    """

    solution: Solution
    factor: float
    data: Data

    @property
    def members(self) -> tuple[Solution, ...]:
        """The one transport."""
        return (self.solution,)

    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at the state `value`; (T, L, n) at several."""
        return self.solution.at(value)

    def error(self, value: ArrayLike) -> Array:
        """(L, n) standard deviation of the generated field at a state, in the field's unit."""
        point = self.solution.problem.check_reach(value)
        assert isinstance(self.solution.path, StateMotion)
        return self.factor * self.solution.path.deviation(float(self.solution.problem.time(point[0])))

    def size(self, value: ArrayLike) -> float:
        """Root mean square of `error` over the volume, relative to the known range."""
        return self.data.relative_size(self.error(value))


@dataclass(frozen=True)
class LawCalibration(Calibration):
    """A calibration that takes a law of motion alone.

    Args:
        motion: the law and the known states.
        factor: see `Stated`.
        finding: what was found, in words; empty where the states do not plainly obey it.
    """

    motion: StateMotion = field(compare=False)
    factor: float = 1.0
    finding: str = ""

    @property
    def local(self) -> bool:
        """Whether weights vary over the body: there are none."""
        return False

    def solve(self, problem: Problem, solve: Solve) -> Stated:  # type: ignore[override]
        """The motion under the law."""
        return Stated(solve(replace(problem, force=self.motion.force)), self.factor, data_of(problem))


def in_words(motion: StateMotion) -> str:
    """What a law says of the states: its kind and its numbers, in the units of the states."""
    force, unit = motion.force, motion.problem.states.coordinates.each[0].unit
    per = f" per {unit}" if unit else ""
    if force.acts == "operator":
        edge = f", its boundary {force.bends or 'held'}" if force.held else ""
        edge = f", exchange with what is around h = {motion.exchange:.3g} per length" if force.exchange else edge
        if (diffusivity := motion.diffusivity) is not None:
            return f"diffusion found, D = {diffusivity:.3g} length^2{per}{edge}"
        if force.bends:
            return f"bending waves found, root of stiffness over mass {motion.speed:.3g} length^2{per}{edge}"
        return f"waves found, speed {motion.speed:.3g} length{per}{edge}"
    rates = motion.rates
    parts = []
    for one in sorted(set(np.round(rates[rates.imag >= 0.0], 9)), key=lambda one: (-one.imag, one.real)):
        if one.imag > 1e-6 * np.abs(rates).max():
            fall = f", decay {-one.real:.3g}{per}" if abs(one.real) > 0.01 * one.imag else ""
            parts.append(f"period {2.0 * np.pi / one.imag:.3g} {unit}".rstrip() + fall)
        else:
            parts.append(f"{'decay' if one.real <= 0.0 else 'growth'} {abs(one.real):.3g}{per}")
    return f"a law of motion found, the same for all labels: {'; '.join(parts)}"
