"""Two discretisations of one statement: the PINN against the finite-element transport."""

import numpy as np
import pytest

from cmgai_fem.constitutive import Law, Membrane
from cmgai_fem.fem.solver import solve_fem
from cmgai_fem.forces import Least
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.states import Coordinate, Field, StateSet, labels_on_mesh
from cmgai_fem.transport import TransportProblem

VALUES = np.array([100.0, 250.0, 400.0, 550.0, 700.0])


def bar(law: Law, order: int, damping: float) -> TransportProblem:
    """A bar whose states are sums of three eigenmodes."""
    x = np.linspace(0.0, 1.0, 21)
    cells = np.stack([np.arange(20), np.arange(1, 21)], axis=1)
    waves = [np.exp(VALUES / 900.0), np.sin(VALUES / 200.0), 0.3 * np.cos(VALUES / 300.0)]
    values = sum(wave[:, None] * np.cos(k * np.pi * x) for k, wave in enumerate(waves))
    labels = labels_on_mesh(x[:, None], {"line": cells})
    states = StateSet(labels, Coordinate("t"), VALUES, {"u": Field(values[..., None], "", ("",))})
    return TransportProblem(states, law=law, force=Least(order), damping=damping).with_reach(50.0, 760.0)


@pytest.mark.parametrize(("order", "damping"), [(-1, 3.0), (0, 0.0), (1, 3.0)])
def test_membrane_motions_agree(order: int, damping: float) -> None:
    problem = bar(Membrane(1.0), order, damping)
    pinn, fem = solve_pinn(problem), solve_fem(problem)
    for value in (50.0, 175.0, 325.0, 475.0, 625.0, 760.0):
        assert np.max(np.abs(pinn.at(value) - fem.at(value))) < 1e-4 * np.ptp(problem.known.values)
