import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

strip_module = study_module(studies_folder() / "multimodal", "perforated_strip")
PerforatedStrip, von_mises = strip_module.PerforatedStrip, strip_module.von_mises

YIELD, MODULUS, PULLS = 250e6, 5e9, [50e6, 90e6, 120e6]


@pytest.fixture(scope="module")
def strip():
    return PerforatedStrip()


@pytest.fixture(scope="module")
def response(strip):
    return strip.march(PULLS, YIELD, MODULUS)


def test_stress_concentration_is_howlands():
    """Hole half as wide as the strip: 4.32 times the pull at the hole (Peterson, chart 4.1); points lie just inside."""
    fine = PerforatedStrip(MeshParameters(file="perforated_strip.geo", size=0.0012))
    assert fine.unit_stress[:, 0].max() == pytest.approx(4.32, rel=0.03)


def test_mean_stress_is_the_pull_whatever_the_material_does(strip, response):
    """Virtual work with the displacement (x, 0), which the elements hold exactly."""
    area, whole = strip.volumes.sum(), 0.018 * 0.010
    assert area == pytest.approx(whole - np.pi * 0.005**2 / 4, rel=2e-3)
    for pull, stress in zip(PULLS, response.stress, strict=True):
        assert strip.volumes @ stress[:, 0] == pytest.approx(pull * whole, rel=1e-8)


def test_stress_is_the_elastic_one_plus_that_of_the_plastic_strain(strip, response):
    for pull, stress, plastic in zip(PULLS, response.stress, response.plastic_strain, strict=True):
        tied = pull * strip.unit_stress + strip.residual_stress(plastic)
        np.testing.assert_allclose(tied, stress, atol=1e-6 * np.abs(stress).max())


def test_yield_condition_holds_and_elastic_states_are_multiples(strip, response):
    assert PULLS[0] < YIELD / strip.concentration < PULLS[1]
    np.testing.assert_array_equal(response.stress[0], PULLS[0] * strip.unit_stress)
    assert response.equivalent[0].max() == 0.0
    for stress, equivalent in zip(response.stress[1:], response.equivalent[1:], strict=True):
        flow = YIELD + MODULUS * equivalent
        np.testing.assert_array_less(von_mises(stress), flow * (1.0 + 1e-6))
        yielding = equivalent > 0.0
        assert yielding.any() and not yielding.all()
        np.testing.assert_allclose(von_mises(stress)[yielding], flow[yielding], rtol=1e-6)


def test_passing_through_more_pulls_changes_little_and_specimens_do_not_remember(strip, response):
    again = strip.march(PULLS[2:], YIELD, MODULUS)
    fine = strip.march(np.arange(70e6, 121e6, 2e6), YIELD, MODULUS)
    for other in (again, fine):
        error = np.abs(other.equivalent[-1] - response.equivalent[-1]).max()
        assert error < 0.02 * response.equivalent[-1].max()


def test_pictures_have_a_value_a_node(strip):
    nodes, triangles = strip.triangulation()
    assert triangles.max() + 1 == len(nodes) == len(strip.nodal(np.ones(len(strip.volumes))))
    np.testing.assert_allclose(strip.nodal(np.full(len(strip.volumes), 3.0)), 3.0)


def test_bad_specimens_are_refused(strip):
    with pytest.raises(InputError, match="increasing pulls"):
        strip.march([2e6, 1e6], YIELD, MODULUS)
    with pytest.raises(InputError, match="yield stress above 0"):
        strip.march([1e6], 0.0, MODULUS)
