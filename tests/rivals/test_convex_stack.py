"""The convex stack: never worse on the left-out states than a rival alone, and exact where one of them is."""

import numpy as np
import pytest
from scipy.stats import qmc

from cmgai_fem.rivals import RIVALS, radial
from cmgai_fem.rivals.base import trial_rows
from cmgai_fem.rivals.stack import ConvexStack, blend

STACK = RIVALS["convex_stack"]
X = np.linspace(0.0, 1.0, 10)
LINE = np.array([[100.0], [220.0], [400.0], [560.0], [700.0]])
PLANE = qmc.Halton(2, rng=0).random(9)
SPACE = qmc.Halton(3, rng=0).random(7)
GRID = np.array([[x, y] for x in np.linspace(0.0, 1.0, 5) for y in (0.0, 0.3, 0.5, 0.8, 1.0)])
VOLUMES = np.repeat(np.random.default_rng(0).uniform(0.2, 2.0, len(X)), 2)


@pytest.fixture(autouse=True)
def one_ratio(monkeypatch):
    monkeypatch.setattr(radial, "RATIOS", (1.0,))


def wavy(values: np.ndarray) -> np.ndarray:
    """A vector field of two components on which no rival is exact, with some noise."""
    s = (values - values.min(axis=0)) / np.ptp(values, axis=0)
    first = np.sin(5.0 * s[:, :1] + 3.0 * X) + np.abs(s.sum(axis=1, keepdims=True) - X)
    both = np.stack([first, np.exp(s[:, -1:] * X)], axis=2).reshape(len(values), -1)
    return both + 0.01 * np.random.default_rng(1).normal(size=both.shape)


@pytest.mark.parametrize("values", [LINE, PLANE, SPACE])
def test_no_member_alone_is_better_on_the_left_out_states(values):
    snapshots = wavy(values)
    members = {rival.name: rival for rival in STACK.members if rival.admits(values)}
    several = 0
    for shares, rows in zip(STACK.shares(values, snapshots, VOLUMES), trial_rows(values, None), strict=True):
        errors = {
            # Along a line the rows say which of its two tunings a member is tested by, not how it is tuned.
            name: rival.left_out(values, snapshots, VOLUMES, rows)
            for name, rival in members.items()
        }
        mixed = np.sum([share * errors[name] for name, share in shares.items()], axis=0)
        least = min(np.sum(VOLUMES * error**2) for error in errors.values())
        assert np.sum(VOLUMES * mixed**2) <= least * (1.0 + 1e-12)
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)
        several = max(several, len(shares))
    assert several > 1


def test_the_prediction_is_the_combination_of_the_members():
    snapshots, targets = wavy(LINE), np.array([[50.0], [300.0], [800.0]])
    inside, outside = STACK.shares(LINE, snapshots, VOLUMES)
    made = {name: RIVALS[name].fit(LINE, snapshots, VOLUMES)(targets) for name in inside | outside}
    expected = np.array(
        [
            sum(share * made[name][row] for name, share in (inside if row == 1 else outside).items())
            for row in range(len(targets))
        ]
    )
    np.testing.assert_allclose(STACK.fit(LINE, snapshots, VOLUMES)(targets), expected, atol=1e-12)


def quartic(v: np.ndarray) -> np.ndarray:
    """Degree 3 along a line, which four states carry, 2 over the plane, 1 in space."""
    s = v / (700.0 if v.shape[1] == 1 else 1.0)
    if v.shape[1] == 1:
        return 1.0 + s * X - 2.0 * s**3
    if v.shape[1] == 2:
        return 1.0 + s[:, :1] * X - s[:, :1] * s[:, 1:] + s[:, 1:] ** 2 * X
    return s @ np.stack([X, 1.0 - X, X**2]) + X


@pytest.mark.parametrize(
    ("values", "asked", "tolerance"),
    [
        (LINE, np.array([[20.0], [330.0], [650.0], [760.0]]), 1e-11),
        (PLANE, 1.4 * qmc.Halton(2, rng=1).random(6) - 0.2, 1e-9),
        (SPACE, 1.4 * qmc.Halton(3, rng=1).random(6) - 0.2, 1e-9),
    ],
)
def test_exact_where_a_rival_is_exact(values, asked, tolerance):
    def vectors(places: np.ndarray) -> np.ndarray:
        return np.stack([quartic(places), 3.0 - 2.0 * quartic(places)], axis=2).reshape(len(places), -1)

    found = STACK.fit(values, vectors(values), VOLUMES)(asked)
    np.testing.assert_allclose(found, vectors(asked), atol=tolerance)


def test_exact_on_a_grid_where_the_grid_spline_is():
    stack = ConvexStack([RIVALS[name] for name in ("linear", "thin_plate_spline", "response_surface", "grid_spline")])
    asked = 1.2 * qmc.Halton(2, rng=1).random(6) - 0.1

    def cubes(v: np.ndarray) -> np.ndarray:
        return (v[:, :1] ** 3 - X) * (v[:, 1:] ** 3 + X)

    assert set(stack.shares(GRID, cubes(GRID))[0]) == {"grid_spline"}
    np.testing.assert_allclose(stack.fit(GRID, cubes(GRID))(asked), cubes(asked), atol=1e-9)


def test_opposite_errors_cancel_and_bad_members_are_left_out():
    errors = np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, -0.5], [0.9, 0.9, 0.9], [30.0, -30.0, 15.0]])
    shares = blend(np.einsum("mt,nt->tmn", errors, errors))
    np.testing.assert_allclose(shares[:3], [0.5, 0.5, 0.0], atol=1e-6)
    assert shares[3] == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_a_blend_is_convex_and_never_worse_than_the_best(seed):
    random = np.random.default_rng(seed)
    errors = random.normal(size=(6, 40)) * 10.0 ** random.uniform(-9.0, 1.0, (6, 1))
    shares = blend((errors @ errors.T)[None])
    assert shares.sum() == pytest.approx(1.0) and shares.min() >= 0.0
    assert np.linalg.norm(shares @ errors) <= np.linalg.norm(errors, axis=1).min() * (1.0 + 1e-12)


def test_a_member_that_cannot_be_tested_has_no_weight():
    gram = np.diag([np.inf, 2.0, 3.0])[None]
    assert blend(gram)[0] == 0.0
    np.testing.assert_array_equal(blend(np.diag([np.inf, np.inf])[None]), [1.0, 0.0])
    np.testing.assert_array_equal(blend(np.zeros((0, 2, 2))), [1.0, 0.0])
