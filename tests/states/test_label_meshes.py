import pytest

from cmgai_fem.states.label_meshes import line_mesh, square_mesh


def test_meshes_fill_their_domain():
    assert line_mesh(5, (-1.0, 2.0)).weights.sum() == pytest.approx(3.0)
    assert square_mesh(4, (0.0, 2.0)).weights.sum() == pytest.approx(4.0)
