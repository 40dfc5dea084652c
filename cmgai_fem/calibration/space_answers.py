"""Answers at unseen states of several coordinates, with their error estimated from the known states alone."""

from collections.abc import Sequence

import numpy as np

from cmgai_fem.calibration.answers import Generator, LeftOut, signed_sizes
from cmgai_fem.calibration.space import SpaceCalibration, calibrate_space, inside_hull, trials_for
from cmgai_fem.motions.choices import Scattered
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.states.scattered import ScatteredStates
from cmgai_fem.states.states import Array, IntArray
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.problem import Superposition
from cmgai_fem.transport.space import SpaceProblem, solve_space


def make_space_generator(
    states: ScatteredStates,
    field: str,
    targets: Sequence[Sequence[float]],
    *,
    method: str = "fem",
    admissible: Admissible | None = None,
    seed: int = 0,
) -> Generator[SpaceProblem]:
    """Calibrate and solve the transport of one field, for targets that all lie inside the states' hull or all outside.

    Args:
        states: the known states.
        field: name of the field.
        targets: states (m,) that will be asked for.
        method: "fem" or "pinn".
        admissible: bounds of the field.
        seed: of the networks, for "pinn".

    Raises:
        InputError: too few states, or states on one line.
        ConvergenceError: a solver did not reach its tolerance.
    """
    highest_order(states.values)
    problem = SpaceProblem(states.only(field), admissible=admissible or Admissible())
    count, dimension = states.values.shape
    points = [np.asarray(target, dtype=float) for target in targets]
    inside = all(inside_hull(states.values, point) for point in points)
    if count < dimension + 2:
        # A plane through m + 1 states is all that they tell.
        plane = solve_space(problem.with_choice(Scattered(0)), method, **({"seed": seed} if method == "pinn" else {}))
        return Generator(problem, method, Superposition((plane,), (1.0,)), None, None, inside)
    calibration = calibrate_space(problem, points)
    solution = calibration.solve(problem, method, seed)
    left_out = errors_left_out(problem, calibration, trials_for(states, points))
    return Generator(problem, method, solution, calibration, left_out, inside)


def errors_left_out(problem: SpaceProblem, calibration: SpaceCalibration, rows: IntArray) -> LeftOut:
    """Errors of the calibrated choice at every left-out state, at all labels; see `answers.errors_left_out`."""
    states, known = problem.states, problem.known.values
    errors: list[Array] = [
        np.tensordot(problem.with_choice(member).motion.left_out[rows], known, axes=1) for member in calibration.members
    ]
    values = tuple(tuple(float(part) for part in states.values[row]) for row in rows)
    return LeftOut(values, signed_sizes(errors, calibration.weights))
