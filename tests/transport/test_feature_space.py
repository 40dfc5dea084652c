import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.states.portion import Portion
from cmgai_fem.states.states import Field
from cmgai_fem.transport.feature_space import Admissible, Modes, Scaling, isotonic


def random_features(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(5, 40, 3)), generator.uniform(0.1, 2.0, 40)


def test_scaling_has_an_exact_inverse_and_keeps_tensors():
    values = 1e8 * np.random.default_rng(0).normal(size=(4, 30, 6)) + 3e8
    scaling = Scaling.of(Field(values, "Pa", tuple("abcdef")))
    assert scaling.decode(scaling.encode(values)) == pytest.approx(values, rel=1e-14)
    assert np.ndim(scaling.scale) == 0


def test_modes_reproduce_every_state_and_are_orthonormal_in_the_weights():
    features, weights = random_features()
    modes = Modes.of(features, weights)
    assert modes.count == 4
    for state, amplitudes in zip(features, modes.amplitudes, strict=True):
        assert modes.features(amplitudes) == pytest.approx(state, abs=1e-13)
    gram = np.einsum("iln,jln,l->ij", modes.shapes, modes.shapes, weights / weights.sum())
    assert gram == pytest.approx(np.eye(4), abs=1e-13)


def test_small_modes_keep_their_digits_beside_large_ones():
    features, weights = random_features(1)
    features[1:3] = features[0] + 1e-9 * (features[1:3] - features[0])
    modes = Modes.of(features, weights)
    displacement = features[1] - features[0]
    error = modes.displacement(modes.amplitudes[1]) - displacement
    assert np.abs(error).max() <= 1e-6 * np.abs(displacement).max()


def test_states_that_do_not_move_have_no_modes():
    features = np.ones((3, 10, 2))
    modes = Modes.of(features, np.ones(10))
    assert modes.count == 0
    assert np.array_equal(modes.features(modes.amplitudes[2]), features[0])


def test_projection_keeps_bounds_and_never_moves_away_from_an_admissible_truth():
    generator = np.random.default_rng(2)
    known = np.cumsum(generator.uniform(0.0, 1.0, (3, 50, 1)), axis=0)
    values = np.array([0.0, 1.0, 2.0])
    truth = 0.5 * (known[0] + known[1])
    generated = truth + generator.normal(size=truth.shape)
    projected = Admissible(lower=0.0, monotone=True).project(0.5, generated, values, known)
    assert np.all(projected >= known[0])
    assert np.all(projected <= known[1])
    assert np.all(np.abs(projected - truth) <= np.abs(generated - truth))


def test_projection_beyond_the_known_states_holds_one_side_alone():
    known = np.array([[[0.0]], [[1.0]]])
    bounds = Admissible(lower=0.0, monotone=True)
    assert bounds.project(2.0, np.array([[0.2]]), np.array([0.0, 1.0]), known) == pytest.approx(1.0)
    assert bounds.project(-1.0, np.array([[-0.3]]), np.array([0.0, 1.0]), known) == pytest.approx(0.0)


def test_known_states_that_break_their_own_bounds_are_refused():
    values = np.array([0.0, 1.0])
    with pytest.raises(InputError, match="'eps' falls to -1 at state 1"):
        Admissible(lower=0.0).check_known("eps", values, np.array([[[1.0]], [[-1.0]]]), Portion.whole(1))
    with pytest.raises(InputError, match="'eps' is declared monotone but decreases before state 1"):
        Admissible(monotone=True).check_known("eps", values, np.array([[[1.0]], [[0.5]]]), Portion.whole(1))


def test_isotonic_rows_are_those_of_scikit_learn():
    from sklearn.isotonic import IsotonicRegression

    rows = np.random.default_rng(5).normal(size=(30, 6))
    expected = np.array([IsotonicRegression().fit_transform(np.arange(6.0), row) for row in rows])
    assert isotonic(rows) == pytest.approx(expected, abs=1e-12)
    assert np.all(np.diff(isotonic(rows), axis=1) >= 0.0)
