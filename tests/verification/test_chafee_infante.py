import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.sparse.linalg import spsolve

from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

problem = study_module(studies_folder() / "multimodal", "problems.chafee_infante")
ChafeeInfante, sine_coefficients = problem.ChafeeInfante, problem.sine_coefficients


def exact_height(load: float) -> float:
    """Mid-span value of the positive steady field: half the length is the time from 0 to the top of the first integral.

    u'^2 = load (E(h) - E(u)), E(u) = u^2 - u^4/2; with u = h sin(a) the integrand is smooth.
    """

    def length(height: float) -> float:
        def slowness(angle: float) -> float:
            return 1.0 / np.sqrt(load * (1.0 - 0.5 * height**2 * (1.0 + np.sin(angle) ** 2)))

        return 2.0 * quad(slowness, 0.0, np.pi / 2)[0]

    return brentq(lambda height: length(height) - np.pi, 1e-6, 1.0 - 1e-9)


@pytest.mark.parametrize("load", [1.5, 3.0, 6.0])
def test_steady_height_converges_to_the_elliptic_integral(load):
    errors = []
    for cells in (32, 64):
        model = ChafeeInfante(cells)
        start = 0.1 * np.sin(model.nodes())[None]
        start[:, -1] = 0.0
        end = model.march(start, np.array([load]), 40.0)
        mass, stiffness = model.matrices()
        balance = (load * mass @ (end - end**3)[0] - stiffness @ end[0])[1:-1]
        assert np.abs(spsolve(mass[1:-1, 1:-1].tocsc(), balance)).max() < 1e-6
        errors.append(abs(end[0, cells // 2] - exact_height(load)))
    assert errors[1] < 3e-4
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)


def test_a_small_wave_grows_or_decays_as_the_scheme_does_exactly():
    """A sine is an eigenvector of the matrices: one step multiplies it by (1 + dt load) / (1 + dt k_h^2)."""
    model = ChafeeInfante(cells=128, step=0.002)
    start = 1e-6 * np.sin(model.nodes())[None].repeat(2, axis=0)
    start[:, -1] = 0.0
    loads = np.array([0.5, 2.5])
    end = sine_coefficients(model.march(start, loads, 1.0), 1)[:, 0]
    h = np.pi / 128
    wave = 6.0 / h**2 * (1.0 - np.cos(h)) / (2.0 + np.cos(h))
    factor = (1.0 + 0.002 * loads) / (1.0 + 0.002 * wave)
    np.testing.assert_allclose(end, 1e-6 * factor**500, rtol=1e-9)
    np.testing.assert_allclose(end, 1e-6 * np.exp(loads - 1.0), rtol=6e-3)


def test_matrices_are_those_of_linear_elements():
    model = ChafeeInfante(cells=4)
    mass, stiffness = (matrix.toarray() for matrix in model.matrices())
    h = np.pi / 4
    np.testing.assert_allclose(stiffness[1, :3], np.array([-1.0, 2.0, -1.0]) / h, rtol=1e-12)
    np.testing.assert_allclose(mass[1, :3], np.array([1.0, 4.0, 1.0]) * h / 6.0, rtol=1e-12)


def test_sine_coefficients_of_a_sum_of_waves():
    nodes = np.linspace(0.0, np.pi, 33)
    field = (0.7 * np.sin(nodes) - 0.2 * np.sin(3 * nodes))[None]
    np.testing.assert_allclose(sine_coefficients(field, 3), [[0.7, 0.0, -0.2]], atol=1e-12)
