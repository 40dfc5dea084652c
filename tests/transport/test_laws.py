"""Constitutive laws: reference, objectivity, guard for small J, input errors; NumPy alone."""

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cmgai_fem.errors import InputError
from cmgai_fem.transport.laws import LAWS, NumpyOperations, make_law

OPS = NumpyOperations()
PARAMETERS = {
    "none": {},
    "membrane": {"stiffness": 0.7},
    "linear_elastic": {"stiffness": 0.7, "lame": 1.3, "shear": 0.6},
    "st_venant_kirchhoff": {"stiffness": 0.7, "lame": 1.3, "shear": 0.6},
    "neo_hookean": {"stiffness": 0.7, "lame": 1.3, "shear": 0.6},
    "barotropic_gas": {"stiffness": 0.7, "exponent": 1.4},
}
OBJECTIVE = ("st_venant_kirchhoff", "neo_hookean", "barotropic_gas")


def law_called(name):
    return make_law(name, **PARAMETERS[name])


def rotation(d, angle=0.9):
    if d == 1:
        return np.eye(1)
    if d == 2:
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Rotation.from_rotvec(angle * np.array([0.3, -0.5, 0.81])).as_matrix()


def stress(law, gradient, step=1e-6):
    """Central difference of the energy: independent of both backends."""
    out = np.zeros_like(gradient)
    for index in itertools.product(*map(range, gradient.shape)):
        change = np.zeros_like(gradient)
        change[index] = step
        out[index] = (law.energy(gradient + change, OPS) - law.energy(gradient - change, OPS)) / (2 * step)
    return out


def test_every_law_has_an_entry_here():
    assert set(PARAMETERS) == set(LAWS)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("name", LAWS)
def test_reference_is_free_of_energy_and_stress(name, d):
    law = law_called(name)
    assert law.energy(np.zeros((d, d)), OPS) == 0.0
    assert np.abs(stress(law, np.zeros((d, d)))).max() < 1e-9


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("name", OBJECTIVE)
def test_rotation_of_the_feature_space_changes_no_energy(name, d):
    law = law_called(name)
    gradient = 0.3 * np.random.default_rng(0).standard_normal((20, d, d))
    turned = rotation(d) @ (np.eye(d) + gradient) - np.eye(d)
    np.testing.assert_allclose(law.energy(turned, OPS), law.energy(gradient, OPS), rtol=1e-12, atol=1e-13)


def test_linear_elasticity_is_not_objective_and_says_so():
    law = law_called("linear_elastic")
    assert law.is_linear
    assert law.energy(rotation(2) - np.eye(2), OPS) > 0.1


@pytest.mark.parametrize("name", ["linear_elastic", "st_venant_kirchhoff", "neo_hookean"])
def test_elastic_laws_share_their_small_strain_limit(name):
    law = law_called(name)
    H = 1e-5 * np.random.default_rng(1).standard_normal((3, 3))
    strain = 0.5 * (H + H.T)
    expected = 0.7 * (0.65 * np.trace(strain) ** 2 + 0.6 * np.sum(strain * strain))
    assert law.energy(H, OPS) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("exponent", [1.0, 1.4, 3.0])
def test_gas_pressure(exponent):
    law = make_law("barotropic_gas", 2.0, exponent=exponent)
    for jacobian in (0.4, 1.0, 1.7):
        pressure = -stress(law, np.array([[jacobian - 1.0]]))[0, 0]
        assert pressure == pytest.approx(2.0 / exponent * (jacobian**-exponent - 1.0), rel=1e-8, abs=1e-8)


def test_neo_hookean_uniaxial_stress():
    law = make_law("neo_hookean", 1.0, lame=1.3, shear=0.6)
    stretch = 1.8
    expected = 0.6 * (stretch - 1.0 / stretch) + 1.3 * np.log(stretch) / stretch
    assert stress(law, np.array([[stretch - 1.0]]))[0, 0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["neo_hookean", "barotropic_gas"])
def test_guard_is_twice_smooth_and_grows_as_the_jacobian_falls(name):
    law = law_called(name)
    limit = law.small_jacobian

    def energy(jacobian):
        return law.energy(np.array([[jacobian - 1.0]]), OPS)

    h = 1e-4
    # The slope there is about -14, so that values 2e-13 apart differ by some 3e-12.
    assert energy(limit - 1e-13) == pytest.approx(energy(limit + 1e-13), abs=1e-11)
    left, right = (energy(limit) - energy(limit - h)) / h, (energy(limit + h) - energy(limit)) / h
    assert left == pytest.approx(right, rel=0.01)
    below = (energy(limit - 2 * h) - 2 * energy(limit - h) + energy(limit)) / h**2
    above = (energy(limit + 2 * h) - 2 * energy(limit + h) + energy(limit)) / h**2
    assert below == pytest.approx(above, rel=0.02)
    values = np.array([energy(j) for j in np.linspace(0.9, -2.0, 200)])
    assert np.all(np.isfinite(values))
    assert np.all(np.diff(values) > 0.0)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("rubber", {}, "no constitutive law 'rubber'; there are: none, membrane"),
        ("none", {"stiffness": 1.0}, "no stiffness"),
        ("membrane", {"stiffness": -1.0}, "stiffness = -1 must be"),
        ("membrane", {"shear": 1.0}, "no parameter 'shear'"),
        ("neo_hookean", {"small_jacobian": 1.5}, "between 0 and 1"),
        ("barotropic_gas", {"exponent": 0.5}, "must be >= 1"),
    ],
)
def test_bad_input_is_one_clear_line(name, arguments, message):
    with pytest.raises(InputError, match=message):
        make_law(name, **arguments)


def test_every_law_scales_with_its_stiffness():
    gradient = 0.2 * np.random.default_rng(2).standard_normal((5, 2, 2))
    for name in set(LAWS) - {"none"}:
        single, double = make_law(name, 1.0), make_law(name, 2.0)
        np.testing.assert_allclose(double.energy(gradient, OPS), 2.0 * single.energy(gradient, OPS), rtol=1e-14)
