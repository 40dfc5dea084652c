import numpy as np
import pytest

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.finite_strain import FiniteStrainJ2
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.plasticity import Metal
from cmgai_fem.mechanics.small_strain import SmallStrainJ2, return_stress
from cmgai_fem.mechanics.tensors import BLOCK, FULL, Layout, bilinear, cofactor, determinant, square, symmetric_cofactor

METAL = Metal(117e9, 0.35, 8930.0, LinearHardening(400e6, 100e6))
ELASTIC = Metal(117e9, 0.35, 8930.0, None)
SOLID, PLANE = Layout.of(FULL), Layout.of(BLOCK)


def near_identity(layout: Layout, size: float, seed: int = 0, points: int = 5) -> np.ndarray:
    gradient = size * np.random.default_rng(seed).standard_normal((len(layout.general), points))
    gradient[list(layout.diagonal)] += 1.0
    return gradient


def as_matrices(layout: Layout, tensor: np.ndarray) -> np.ndarray:
    matrices = np.zeros((tensor.shape[1], 3, 3))
    for row, (i, j) in zip(tensor, layout.general, strict=True):
        matrices[:, i, j] = row
    return matrices


@pytest.mark.parametrize("layout", [SOLID, PLANE])
def test_products_by_table_are_matrix_products(layout: Layout) -> None:
    left = near_identity(layout, 0.3)
    matrices, scratch = as_matrices(layout, left), np.empty(5)
    gram = bilinear(layout.gram, left, left, np.empty((len(layout.symmetric), 5)), scratch)
    full = matrices.transpose(0, 2, 1) @ matrices
    np.testing.assert_allclose(gram, [full[:, i, j] for i, j in layout.symmetric])
    np.testing.assert_allclose(determinant(layout, left, np.empty(5), scratch), np.linalg.det(matrices))
    np.testing.assert_allclose(
        square(layout, left, np.empty(5), scratch), np.trace(matrices @ matrices, axis1=1, axis2=2)
    )
    inverse = np.linalg.inv(full) * np.linalg.det(full)[:, None, None]
    found = symmetric_cofactor(layout, gram, np.empty_like(gram), scratch)
    np.testing.assert_allclose(found, [inverse[:, i, j] for i, j in layout.symmetric], rtol=1e-10, atol=1e-12)
    transposed = np.linalg.inv(matrices).transpose(0, 2, 1) * np.linalg.det(matrices)[:, None, None]
    found = cofactor(layout, left, np.empty_like(left), scratch)
    np.testing.assert_allclose(found, [transposed[:, i, j] for i, j in layout.general], rtol=1e-10, atol=1e-12)
    mixed = bilinear(layout.mixed_product, left, gram, np.empty_like(left), scratch)
    np.testing.assert_allclose(mixed, [(matrices @ full)[:, i, j] for i, j in layout.general], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("layout", [SOLID, PLANE])
def test_elastic_stress_is_the_derivative_of_the_energy(layout: Layout) -> None:
    model, gradient = FiniteStrainJ2(ELASTIC, layout), near_identity(layout, 0.1)

    def energy(f: np.ndarray) -> np.ndarray:
        state = model.undeformed(5)
        model.deviatoric(f, state, 1.0, np.empty_like(f))
        return np.asarray(state.elastic_energy + model.volumetric(f, np.empty_like(f)))

    deviatoric, volumetric = np.empty_like(gradient), np.empty_like(gradient)
    model.deviatoric(gradient, model.undeformed(5), 1.0, deviatoric)
    model.volumetric(gradient, volumetric)
    for k in range(len(gradient)):
        change = np.zeros_like(gradient)
        change[k] = 1e-6
        slope = (energy(gradient + change) - energy(gradient - change)) / 2e-6
        np.testing.assert_allclose(deviatoric[k] + volumetric[k], slope, rtol=1e-6, atol=1e4)


def test_rotation_turns_the_stress_with_it() -> None:
    gradient = near_identity(SOLID, 0.05)
    turn, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    turned = np.einsum("ij,jkp->ikp", turn, gradient.reshape(3, 3, -1)).reshape(9, -1)
    model, stresses, states = FiniteStrainJ2(METAL, SOLID), [], []
    for f in (gradient, turned):
        state, out = model.undeformed(5), np.empty_like(f)
        model.deviatoric(f, state, 1.0, out)
        stresses.append(out.reshape(3, 3, -1))
        states.append(state)
    assert np.all(states[0].plastic_strain > 0.0)
    np.testing.assert_allclose(states[1].internal, states[0].internal, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(stresses[1], np.einsum("ij,jkp->ikp", turn, stresses[0]), rtol=1e-8, atol=1.0)


def test_solid_and_block_layout_agree() -> None:
    block = near_identity(PLANE, 0.05)
    full = as_matrices(PLANE, block).transpose(1, 2, 0).reshape(9, -1)
    results = []
    for layout, gradient in ((PLANE, block), (SOLID, full)):
        model, out = FiniteStrainJ2(METAL, layout), np.empty_like(gradient)
        state = model.undeformed(5)
        model.deviatoric(gradient, state, 1.0, out)
        results.append((as_matrices(layout, out), state.plastic_strain, model.cauchy_stress(gradient, gradient, state)))
    for left, right in zip(*results, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-3)


def test_plastic_flow_keeps_the_volume_and_the_yield_surface_over_thousands_of_steps() -> None:
    model = FiniteStrainJ2(METAL, PLANE)
    state, out, scratch = model.undeformed(1), np.empty((5, 1)), np.empty(1)
    for stretch in np.linspace(0.0, 1.5, 3001)[1:]:
        gradient = np.array(
            [[np.exp(0.5 * stretch)], [0.3 * stretch], [0.0], [np.exp(-stretch)], [np.exp(0.5 * stretch)]]
        )
        model.deviatoric(gradient, state, 1e-8, out)
    xx, yy, zz, xy = state.internal[:, 0]
    assert float((xx * yy - xy**2) * zz) == pytest.approx(1.0, abs=1e-6)
    assert state.flow_stress[0] == pytest.approx(400e6 + 100e6 * state.plastic_strain[0], rel=1e-9)
    stress = model.cauchy_stress(gradient, gradient, state)
    jacobian = float(determinant(PLANE, gradient, np.empty(1), scratch)[0])
    deviator = stress[:, 0] - np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]) * stress[:3, 0].mean()
    mises = np.sqrt(1.5 * (deviator[:3] @ deviator[:3] + 2.0 * deviator[3:] @ deviator[3:]))
    assert mises * jacobian == pytest.approx(state.flow_stress[0], rel=1e-6)


def test_both_models_agree_in_the_limit_of_small_strain() -> None:
    # A yield stress of 0.4 MPa, so that plastic strain begins where strains are still tiny.
    soft = Metal(117e9, 0.35, 8930.0, LinearHardening(4e5, 1e8))
    gradient = near_identity(SOLID, 1e-5)
    found = []
    for model in (SmallStrainJ2(soft, SOLID), FiniteStrainJ2(soft, SOLID)):
        state, out, volume = model.undeformed(5), np.empty_like(gradient), np.empty_like(gradient)
        model.deviatoric(gradient, state, 1.0, out)
        model.volumetric(gradient, volume)
        found.append((state.plastic_strain, out + volume))
    assert np.all(found[0][0] > 0.0)
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-3)
    np.testing.assert_allclose(found[1][1], found[0][1], atol=1e-3 * np.abs(found[0][1]).max())


def test_turned_inside_out_is_refused() -> None:
    gradient = near_identity(PLANE, 0.0)
    gradient[0, 2] = -0.1
    model = FiniteStrainJ2(METAL, PLANE)
    with pytest.raises(ConvergenceError, match="Jacobian"):
        model.deviatoric(gradient, model.undeformed(5), 1.0, np.empty_like(gradient))
    with pytest.raises(ConvergenceError, match="Jacobian"):
        model.volumetric(gradient, np.empty_like(gradient))


@pytest.mark.parametrize("size", [4, 6])
def test_consistent_tangent_is_the_derivative_of_the_returned_stress(size: int) -> None:
    generator = np.random.default_rng(1)
    elastic, plastic = 4e-3 * generator.standard_normal((size, 8)), np.zeros((size, 8))
    elastic[:, :2] *= 0.01
    equivalent, shear, bulk = np.full(8, 0.02), np.full(8, 80e9), np.full(8, 170e9)
    law, temperature = LinearHardening(400e6, 5e9), np.full(8, 20.0)
    returned = return_stress(elastic, plastic, equivalent, shear, bulk, law, temperature)
    assert np.all(returned.equivalent[:2] == 0.02)
    assert np.count_nonzero(returned.equivalent > 0.02) >= 5
    for k in range(size):
        change = np.zeros_like(elastic)
        change[k] = 1e-8 * (0.5 if k >= 3 else 1.0)
        up = return_stress(elastic + change, plastic, equivalent, shear, bulk, law, temperature).stress
        down = return_stress(elastic - change, plastic, equivalent, shear, bulk, law, temperature).stress
        np.testing.assert_allclose(returned.tangent[:, k], (up - down) / 2e-8, atol=1e-5 * 170e9)
