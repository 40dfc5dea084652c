"""Plates that bend, against the frequencies of square ones."""

import numpy as np
import pytest

from cmgai_fem.mechanics.plate_bending import bend
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.eigenmodes import lowest_eigenmodes, to_petsc


def frequencies(count: int, clamped: bool = False, free: bool = False) -> Array:
    labels = square_mesh(count)
    points = labels.points
    held = np.any((points < 1e-9) | (points > 1.0 - 1e-9), axis=1) & (not free)
    plate = bend(points, labels.cells["triangle"], held, clamped)
    return np.sqrt(lowest_eigenmodes(to_petsc(plate.stiffness), to_petsc(plate.mass), 8, 400.0)[0])


def test_a_supported_square() -> None:
    exact = np.sort([np.pi**2 * (n**2 + m**2) for n in range(1, 5) for m in range(1, 5)])[:8]
    np.testing.assert_allclose(frequencies(17), exact, rtol=2e-3)


def test_a_clamped_square() -> None:
    # A. W. Leissa, J. Sound Vib. 31 (1973) 257-293, table C1.
    np.testing.assert_allclose(frequencies(17, clamped=True)[:4], [35.992, 73.413, 73.413, 108.27], rtol=2e-3)


def test_a_free_square_does_not_resist_rigid_motions() -> None:
    found = frequencies(9, free=True)
    assert np.all(found[:3] < 1e-2)
    # The same table, nu = 0.3.
    assert found[3] == pytest.approx(13.489, rel=0.005)


def test_the_deflection_is_told_at_the_nodes() -> None:
    labels = square_mesh(9)
    held = np.any((labels.points < 1e-9) | (labels.points > 1.0 - 1e-9), axis=1)
    plate = bend(labels.points, labels.cells["triangle"], held)
    shape = lowest_eigenmodes(to_petsc(plate.stiffness), to_petsc(plate.mass), 1, 400.0)[1][0]
    exact = 2.0 * np.prod(np.sin(np.pi * labels.points), axis=1)
    found = plate.sampled @ shape
    np.testing.assert_allclose(found * np.sign(found.sum()), exact, atol=2e-3)
