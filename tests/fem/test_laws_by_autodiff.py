"""Stress and tangent of every law: torch's automatic differentiation against UFL's, at the same gradients."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

import numpy as np
import pytest
import torch
import ufl
from dolfinx import fem, mesh
from mpi4py import MPI

from cmgai_fem.fem import ufl_ops
from cmgai_fem.pinn import torch_ops
from cmgai_fem.transport.laws import LAWS, NumpyOperations, make_law

MESHES = {
    1: lambda: mesh.create_interval(MPI.COMM_SELF, 6, [0.0, 1.0]),
    2: lambda: mesh.create_unit_square(MPI.COMM_SELF, 2, 2),
    3: lambda: mesh.create_unit_cube(MPI.COMM_SELF, 1, 1, 1),
}


def stress_rate(law, gradient, rate):
    """The tangent, a Hessian, applied to a rate of the gradient: the gradient of `P : rate`."""
    return torch.func.grad(lambda value: (torch_ops.first_piola_kirchhoff(law, value) * rate).sum())(gradient)


def random_gradients(count, d):
    """Moderate gradients, and one row so compressed that the guard for small J is at work."""
    gradients = 0.3 * np.random.default_rng(d).standard_normal((count, d, d))
    gradients[0] = -0.97 * np.eye(d)
    return gradients


def evaluate(expression, domain):
    cells = np.arange(domain.topology.index_map(domain.topology.dim).size_local, dtype=np.int32)
    if isinstance(expression, ufl.constantvalue.Zero):
        return np.zeros((len(cells), *expression.ufl_shape))
    # A constant tangent knows no mesh of its own: the factor of one gives it one.
    one = fem.Constant(domain, 1.0)
    return fem.Expression(one * expression, np.full((1, domain.topology.dim), 0.2)).eval(domain, cells)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("name", LAWS)
def test_energy_stress_and_tangent_agree_to_rounding(name, d):
    law = make_law(name) if name == "none" else make_law(name, 0.7)
    domain = MESHES[d]()
    space = fem.functionspace(domain, ("DG", 0, (d, d)))
    function = fem.Function(space)
    count = domain.topology.index_map(d).size_local
    gradients = random_gradients(count, d)
    function.x.array[:] = gradients.ravel()
    energy = evaluate(law.energy(function, ufl_ops.OPERATIONS), domain).reshape(count)
    stress = evaluate(ufl_ops.first_piola_kirchhoff(law, function), domain).reshape(count, d, d)
    tangent = evaluate(ufl_ops.tangent(law, function), domain).reshape(count, d, d, d, d)

    tensor = torch.from_numpy(gradients)
    ours = torch_ops.first_piola_kirchhoff(law, tensor).numpy()
    basis = torch.eye(d * d, dtype=torch.float64).reshape(d * d, 1, d, d)
    columns = [stress_rate(law, tensor, rate.expand(count, d, d)) for rate in basis]
    ours_tangent = torch.stack(columns, dim=-1).reshape(count, d, d, d, d).numpy()
    scale = 1.0 + np.abs(tangent).max()
    np.testing.assert_allclose(law.energy(tensor, torch_ops.OPERATIONS).numpy(), energy, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(law.energy(gradients, NumpyOperations()), energy, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours, stress, rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(ours_tangent, tangent, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize("name", LAWS)
def test_membrane_and_no_law_alone_take_rectangular_gradients(name):
    law = make_law(name)
    gradient = torch.ones(4, 3, 2, dtype=torch.float64)
    if law.needs_square:
        with pytest.raises(RuntimeError):
            law.energy(gradient, torch_ops.OPERATIONS)
    else:
        assert law.energy(gradient, torch_ops.OPERATIONS).shape == (4,)


@pytest.mark.parametrize("name", LAWS)
def test_stress_divergence_of_a_quadratic_motion(name):
    """Div P by the rate of the stress against a central difference of P along each label direction."""
    law = make_law(name)
    curvature = 0.2 * torch.randn(2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    curvature = curvature + curvature.transpose(1, 2)

    def gradient(point):
        return torch.einsum("ijk,k->ij", curvature, point)[None]

    point = torch.tensor([0.3, -0.4], dtype=torch.float64)
    rates = [stress_rate(law, gradient(point), curvature[None, ..., row])[0, :, row] for row in (0, 1)]
    found = torch.stack(rates).sum(0)
    step = 1e-6
    expected = torch.zeros(2, dtype=torch.float64)
    for direction, shift in enumerate(step * torch.eye(2, dtype=torch.float64)):
        ahead = torch_ops.first_piola_kirchhoff(law, gradient(point + shift))
        behind = torch_ops.first_piola_kirchhoff(law, gradient(point - shift))
        expected += (ahead - behind)[0, :, direction] / (2 * step)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-8)


def test_energy_is_evaluated_on_a_mesh_of_any_dimension():
    domain = MESHES[2]()
    displacement = fem.Function(fem.functionspace(domain, ("Lagrange", 1, (2,))))
    displacement.interpolate(lambda x: np.stack([0.1 * x[0], 0.0 * x[1]]))
    energy = fem.assemble_scalar(fem.form(ufl_ops.stored_energy(make_law("neo_hookean", 2.0), displacement) * ufl.dx))
    log = np.log(1.1)
    assert energy == pytest.approx(2.0 * (0.5 * (1.1**2 - 1.0 - 2 * log) + 0.5 * log**2), rel=1e-12)
