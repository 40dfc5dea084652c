import math

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.metrics import field_error, plastic_strain_violation, von_mises
from cmgai_fem.states.labels import labels_on_mesh


def test_field_error_by_hand():
    reference = np.array([0.0, 2.0, 4.0])
    generated = np.array([1.0, 2.0, 2.0])
    weights = np.array([1.0, 1.0, 2.0])
    error = field_error(generated, reference, weights)
    rmse = math.sqrt((1.0 + 0.0 + 2.0 * 4.0) / 4.0)
    assert error.nrmse == pytest.approx(rmse / 4.0, rel=1e-15)
    assert error.nrmse_rms == pytest.approx(rmse / math.sqrt((4.0 + 2.0 * 16.0) / 4.0), rel=1e-15)
    assert error.nrmse_mean == pytest.approx(rmse / ((2.0 + 2.0 * 4.0) / 4.0), rel=1e-15)
    assert error.max_error == pytest.approx(0.5, rel=1e-15)
    assert (error.rmse, error.largest, error.label) == (pytest.approx(rmse, rel=1e-15), 2.0, 2)


def test_components_are_averaged():
    reference = np.array([[0.0, 1.0], [2.0, -2.0]])
    error = field_error(reference + np.array([[1.0, 0.0], [1.0, 0.0]]), reference, np.array([3.0, 1.0]))
    assert error.nrmse == pytest.approx(math.sqrt(0.5) / 4.0, rel=1e-15)


def test_equal_fields_have_no_error():
    reference = np.linspace(-1.0, 3.0, 7)
    error = field_error(reference.copy(), reference, np.ones(7))
    assert (error.nrmse, error.nrmse_rms, error.nrmse_mean, error.max_error) == (0.0, 0.0, 0.0, 0.0)


def test_error_does_not_depend_on_mesh_grading():
    def on(points):
        cells = np.column_stack([np.arange(len(points) - 1), np.arange(1, len(points))])
        labels = labels_on_mesh(points[:, None], {"line": cells})
        return field_error(points**2 + 0.1 * points, points**2, labels.weights).nrmse

    uniform, graded = np.linspace(0.0, 1.0, 801), np.linspace(0.0, 1.0, 801) ** 2
    assert on(graded) == pytest.approx(on(uniform), rel=1e-4)
    # The integral of (0.1 x)^2 over [0, 1], whose root is 0.1 / sqrt(3).
    assert on(uniform) == pytest.approx(0.1 / math.sqrt(3.0), rel=1e-4)


@pytest.mark.parametrize(
    ("generated", "reference", "weights", "message"),
    [
        (np.zeros(3), np.full(3, 7.0), np.ones(3), "constant"),
        (np.zeros(3), np.zeros(4), np.ones(4), r"\(3,\)"),
        (np.zeros(3), np.arange(3.0), np.ones(2), "3 weights"),
        (np.array([0.0, np.nan, 0.0]), np.arange(3.0), np.ones(3), "generated field is not finite at label 1"),
        (np.zeros(3), np.array([0.0, 1.0, np.inf]), np.ones(3), "reference field is not finite at label 2"),
    ],
)
def test_bad_fields_are_named(generated, reference, weights, message):
    with pytest.raises(InputError, match=message):
        field_error(generated, reference, weights)


def test_von_mises_of_known_stresses():
    uniaxial = [5.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    hydrostatic = [3.0, 3.0, 3.0, 0.0, 0.0, 0.0]
    shear = [[0.0, 0.0, 0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, -2.0]]
    found = von_mises(np.array([uniaxial, hydrostatic, *shear]))
    np.testing.assert_allclose(found, [5.0, 0.0, *[2.0 * math.sqrt(3.0)] * 3], rtol=1e-15)


def test_von_mises_is_that_of_the_deviator():
    components = np.random.default_rng(3).normal(size=(4, 5, 6))
    xx, yy, zz, xy, yz, xz = np.moveaxis(components, -1, 0)
    tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    deviator = tensor - np.einsum("ii...->...", tensor) / 3.0 * np.eye(3)[:, :, None, None]
    expected = np.sqrt(1.5 * np.einsum("ij...,ij...->...", deviator, deviator))
    np.testing.assert_allclose(von_mises(components), expected, rtol=1e-14)


def test_von_mises_needs_six_components():
    with pytest.raises(InputError, match="6 components"):
        von_mises(np.zeros((2, 3)))


def test_plastic_strain_violation():
    strain = np.array([[0.0, 0.1], [0.2, 0.05], [0.15, -0.02]])
    found = plastic_strain_violation(strain)
    assert found.most_negative == pytest.approx(0.02)
    assert found.largest_decrease == pytest.approx(0.07)
    clean = plastic_strain_violation(np.array([[0.0, 0.1], [0.2, 0.1]]))
    assert (clean.most_negative, clean.largest_decrease) == (0.0, 0.0)
    single = plastic_strain_violation(np.array([[0.3, 0.1]]))
    assert single.largest_decrease == 0.0
