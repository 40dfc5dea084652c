"""Which known states calibration should leave out, on made-up fields: four seeded designs that no study looks at.

python trial_rules.py prints the mean error, in % of the range, inside and outside the hull of the known states.
"""

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import ConvexHull

from cmgai_fem.calibration.calibrate import calibrate
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.problem import Problem

SEED, DESIGNS = 11, 4
X = np.linspace(0.0, 1.0, 200)
LOW, SPAN = np.array([100.0, 2.0]), np.array([600.0, 6.0])


def design(rng):
    """Seven loads with two or three temperatures each, staggered."""
    points = set()
    for number, load in enumerate(np.linspace(0.0, 1.0, 7)):
        for base in (0.0, 0.55, 1.0) if number % 2 == 0 else (0.3, 0.8):
            points.add((float(np.clip(round((base + 0.12 * rng.standard_normal()) * 12) / 12, 0.0, 1.0)), float(load)))
    return np.array(sorted(points))


def fields(points, number):
    """(T, 200, 1) fields that are zero until the load passes a threshold of the place, as a plastic strain is."""
    s, t = points[:, :1], points[:, 1:]
    load = number[0] * s ** number[1] + number[2] * t ** number[3] + number[4] * s * t
    threshold = 0.3 + 1.2 * np.abs(X - number[5]) + 0.3 * np.sin(5.0 * X) * number[6]
    excess = np.maximum(load * (1.0 + 0.5 * X) - threshold, 0.0)
    return (excess ** number[7] + 0.05 * excess**2)[:, :, None]


def main():
    solve = Solver()
    rng = np.random.default_rng(SEED)
    errors = {}
    for _ in range(DESIGNS):
        points = design(rng)
        number = [
            rng.uniform(*ends)
            for ends in ((0.6, 1.2), (1, 2), (0.4, 1), (1, 2), (-0.2, 0.4), (0.1, 0.9), (0, 1), (0.9, 1.4))
        ]
        known = fields(points, number)
        axes = Coordinates((Coordinate("temperature"), Coordinate("load")))
        states = States(labels_on_points(X[:, None]), axes, LOW + SPAN * points, {"f": Field(known, "", ("",))})
        inside = [point for point in 0.1 + 0.8 * rng.random((8, 2)) if inside_hull(points, point)]
        outside = [np.array([1.08, rng.uniform(0.3, 0.7)]), np.array([rng.uniform(0.3, 0.7), 1.17])]
        corners = ConvexHull(points).vertices
        everyone = np.arange(len(points))
        for where, asked in (("inside", inside), ("outside", outside)):
            truth = fields(np.array(asked), number)
            rules = {"no corners": np.setdiff1d(everyone, corners), "corners": corners, "all": everyone}
            problem, targets = Problem(states), [LOW + SPAN * point for point in asked]
            for rule, rows in rules.items():
                solution = calibrate(problem, targets, trials=rows, local=True).solve(problem, solve)
                made = np.array([solution.at(target) for target in targets])
                errors.setdefault((where, rule), []).append(mean_error(made, truth, known))
            plain = RBFInterpolator(points, known[:, :, 0])(np.array(asked))[:, :, None]
            errors.setdefault((where, "thin-plate spline"), []).append(mean_error(plain, truth, known))
        print(".", end="", flush=True)
    print()
    for (where, rule), found in errors.items():
        print(f"{where:8} {rule:18} {100 * np.mean(found):.3f} %")


def mean_error(made, truth, known):
    return float(np.mean(np.sqrt(np.mean((made - truth) ** 2, axis=(1, 2)))) / np.ptp(known))


if __name__ == "__main__":
    main()
