"""Mass mode: rearrangement, round trip, conservation, and moving pulses and fronts against the per-node rivals."""

import numpy as np
import pytest
from scipy.spatial import Delaunay
from scipy.special import erf

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.features.mass import MassTransform, Rearrangement
from cmgai_fem.rivals import RIVALS, rivals_for
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

KNOWN = np.linspace(0.0, 1.0, 5)
UNSEEN = (0.125, 0.375, 0.625, 0.875)
LINE = np.linspace(0.0, 1.0, 121)
SQUARE = np.linspace(0.0, 1.0, 31)


def grid(*axes):
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    volumes = np.ones(1)
    for axis in axes:
        half = np.diff(axis) / 2
        volumes = np.outer(volumes, np.append(half, 0.0) + np.append(0.0, half)).ravel()
    return labels_on_points(points, volumes)


def states_of(labels, field, values=KNOWN):
    snapshots = np.stack([field(labels.points, s) for s in values])
    return States.of(labels, Coordinate("s"), np.asarray(values), {"u": Field(snapshots[:, :, None], "1", ("",))})


def pulse_on_a_line(points, s):
    return (1 + 0.3 * s) * np.exp(-(((points[:, 0] - 0.2 - 0.5 * s - 0.1 * s**2) / (0.05 + 0.02 * s)) ** 2))


def front_on_a_line(points, s):
    return 0.5 * (1 + 0.5 * s) * (1 - np.tanh((points[:, 0] - 0.15 - 0.6 * s + 0.15 * s**2) / 0.03))


def turning_pulse(points, s):
    x, y = points[:, 0] - 0.25 - 0.5 * s, points[:, 1] - 0.3 - 0.35 * np.sin(1.5 * s)
    u, v = x * np.cos(0.8 * s) + y * np.sin(0.8 * s), -x * np.sin(0.8 * s) + y * np.cos(0.8 * s)
    return (1 + 0.3 * s) * np.exp(-((u / 0.1) ** 2) - (v / (0.07 + 0.04 * s)) ** 2)


def round_front(points, s):
    radius = np.hypot(points[:, 0], 1.2 * points[:, 1])
    return 0.5 * (1 - np.tanh((radius - 0.3 - 0.5 * s) / 0.05)) * (1 + 0.2 * points[:, 0])


def dipole(points, s):
    x, y = points[:, 0] - 0.7 + 0.1 * s, points[:, 1] - 0.75 + 0.1 * s
    return turning_pulse(points, 0.4 * s) - 0.8 * np.exp(-((x / 0.1) ** 2) - (y / 0.08) ** 2)


def errors(states, field, predict):
    weights, points = states.labels.weights, states.labels.points
    found = []
    for s in UNSEEN:
        truth = field(points, s)
        misfit = predict(s).ravel() - truth
        found.append(np.sqrt(np.average(misfit**2, weights=weights)) / np.ptp(truth))
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("field", "axes"),
    [
        (pulse_on_a_line, (LINE,)),
        (front_on_a_line, (LINE,)),
        (turning_pulse, (SQUARE, SQUARE)),
        (round_front, (SQUARE, SQUARE)),
    ],
)
def test_moving_pulse_and_front_five_times_better_than_any_rival(field, axes):
    states = states_of(grid(*axes), field)
    transform = MassTransform.of(states)
    solution = solve(Problem(transform.features, force=Least(1)), "fem")
    ours = errors(states, field, lambda s: transform.decode(solution.at(s)))
    snapshots = states.fields["u"].values[:, :, 0]
    # The Gaussian processes take seconds to tune and never come first here; the study compares with them too.
    rivals = [RIVALS[name] for name in rivals_for(KNOWN[:, None]) if not name.endswith("gpr")]
    fitted = [rival.fit(KNOWN[:, None], snapshots, states.labels.weights) for rival in rivals]
    best = min(errors(states, field, lambda s, p=p: p(np.array([[s]]))) for p in fitted)
    assert ours <= best / 5.0


@pytest.mark.parametrize(("field", "axes"), [(front_on_a_line, (LINE,)), (dipole, (SQUARE, SQUARE))])
def test_known_states_come_back_and_mass_follows_its_own_curve(field, axes):
    states = states_of(grid(*axes), field)
    transform = MassTransform.of(states)
    known = states.fields["u"].values
    for k, features in enumerate(transform.features.fields["transported"].values):
        np.testing.assert_allclose(transform.decode(features), known[k], atol=1e-12)
    solution = solve(Problem(transform.features, force=Least(-1)), "fem")
    generated = transform.decode(solution.at(0.125))
    masses = known[:2, :, 0] @ states.labels.weights
    assert generated[:, 0] @ states.labels.weights == pytest.approx(masses.mean(), rel=1e-12, abs=1e-14)


def test_a_field_that_changes_sign_is_two_masses():
    transform = MassTransform.of(states_of(grid(SQUARE, SQUARE), dipole))
    assert [sign for sign, _ in transform.parts] == [1.0, -1.0]
    assert len(MassTransform.of(states_of(grid(SQUARE, SQUARE), turning_pulse)).parts) == 1


def test_labels_on_an_unstructured_mesh():
    rng = np.random.default_rng(0)
    inner = rng.uniform(0.02, 0.98, (900, 2))
    side = np.linspace(0.0, 1.0, 25)
    rim = np.concatenate([np.column_stack([side, 0 * side + v]) for v in (0.0, 1.0)])
    points = np.unique(np.concatenate([inner, rim, rim[:, ::-1]]), axis=0)
    labels = labels_on_mesh(points, {"triangle": Delaunay(points).simplices.astype(np.int64)})
    states = states_of(labels, turning_pulse)
    transform = MassTransform.of(states, axes=(1, 0))
    solution = solve(Problem(transform.features, force=Least(1)), "fem")
    linear = RIVALS["linear"].fit(KNOWN[:, None], states.fields["u"].values[:, :, 0])
    ours = errors(states, turning_pulse, lambda s: transform.decode(solution.at(s)))
    assert ours <= 0.2 * errors(states, turning_pulse, lambda s: linear(np.array([[s]])))
    generated = transform.decode(solution.at(0.3))[:, 0]
    total = solution.at(0.3)[0, 0] * transform.totals[0].mean()
    assert generated @ labels.weights == pytest.approx(total, rel=1e-12)


def test_rearrangement_of_gaussians_is_their_affine_map():
    edges = np.linspace(-6.0, 10.0, 801)
    mass = np.stack([np.diff(0.5 * erf((edges - m) / (s * np.sqrt(2)))) for m, s in ((0.0, 1.0), (2.0, 1.5))]) + 1e-14
    first, second = Rearrangement.of([edges], mass).known
    core = np.abs(first) < 3.0
    np.testing.assert_allclose(second[core], 2.0 + 1.5 * first[core], atol=2e-4)


def test_parcels_beyond_the_grid_keep_their_mass():
    edges = np.linspace(0.0, 1.0, 11)
    rearrangement = Rearrangement.of([edges, edges], np.random.default_rng(0).uniform(0.5, 1.5, (2, 10, 10)))
    fractions, crossed = rearrangement.fractions(rearrangement.known[0] * 1.3 - 0.2)
    assert crossed == 0.0
    assert fractions.sum() == pytest.approx(1.0, rel=1e-12)


def test_crossing_labels_and_negative_mass_are_errors():
    transform = MassTransform.of(states_of(grid(LINE), pulse_on_a_line))
    features = transform.features.fields["transported"].values[0].copy()
    turned = features.copy()
    count = transform.parts[0][1].known.shape[1]
    turned[1 : 1 + count] = 1.0 - turned[1 : 1 + count]
    with pytest.raises(ConvergenceError, match=r"s = 2: the labels of 100.0% of the mass cross"):
        transform.decode(turned, "s = 2")
    features[0] = -1.0
    with pytest.raises(ConvergenceError, match="mass is negative"):
        transform.decode(features)


def test_bad_states_are_one_clear_line():
    states = states_of(grid(LINE), lambda points, s: np.zeros(len(points)))
    with pytest.raises(InputError, match="no mass to carry"):
        MassTransform.of(states)
    with pytest.raises(InputError, match="axes in some order"):
        MassTransform.of(states_of(grid(LINE), pulse_on_a_line), axes=(0, 1))
    vector = Field(np.zeros((5, len(LINE), 2)), "1", ("x", "y"))
    with pytest.raises(InputError, match="scalar fields; 'v' has 2"):
        MassTransform.of(States.of(grid(LINE), Coordinate("s"), KNOWN, {"v": vector}))
