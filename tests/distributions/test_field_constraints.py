"""Constraints on fields: the text, the shortest move, bounds beside, and specimens that do not keep what is said."""

import numpy as np
import pytest
import torch

from cmgai_fem.distributions import field_constraints
from cmgai_fem.distributions.field_constraints import FieldConstraint, check_kept, hold
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Labels
from cmgai_fem.states.states import Coordinate
from cmgai_fem.transport.feature_space import Admissible

POINTS = np.array([[0.0], [1.0], [2.0], [3.0]])
WEIGHTS = np.array([1.0, 2.0, 2.0, 1.0])
LABELS = Labels(POINTS, WEIGHTS, {})
PULL = Coordinate("pull", "MPa")
# A field of two components at four labels.
FIELD = np.array([[1.0, -1.0], [2.0, -2.0], [4.0, 0.0], [5.0, 7.0]])


def part(name: str, value: float) -> np.ndarray:
    return (name == "section") & (np.array([1.0, 2.0, 3.0, 3.0]) == value)


def read(text: str) -> FieldConstraint:
    return FieldConstraint.read(text, LABELS, ("xx", "yy"), PULL, part)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mean:xx = 3", 18.0 / 6.0 - 3.0),
        ("mean:yy=2*pull", 2.0 / 6.0 - 20.0),
        ("mean@section=3:xx = 1-0.5*pull", 13.0 / 3.0 - 1.0 + 5.0),
        ("at@2.2:yy = 1e-1 + 2.5e-1*pull", -0.1 - 2.5),
        ("at@2.2:xx = -12", 16.0),
        ("mean:xx = 12*pull", 3.0 - 120.0),
    ],
)
def test_a_text_says_a_measure_and_what_it_is(text: str, expected: float) -> None:
    (missed,) = read(text).miss(FIELD[None], np.array([10.0]))
    assert missed == pytest.approx(abs(expected), abs=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean:xx", "write a measure and its value"),
        ("mean:xx = ", "write a measure and its value"),
        ("mean:xx = much", "write a measure and its value"),
        ("mean:xx = 2pull", "write a measure and its value"),
        ("= 3", "write a measure and its value"),
        ("mean:xx = 2*time", "the state is pull, not time"),
        ("max:xx = 2", "a mean or a value at a place of a component"),
        ("mean:norm = 2", "a mean or a value at a place of a component"),
        ("mean:zz = 2", "no component 'zz'"),
        ("mean@section=9:xx = 2", "no label has section = 9"),
        ("at@1,2:xx = 2", "a place has 1 numbers here"),
        ("mean = 2", "say of which component"),
    ],
)
def test_bad_texts_are_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read(text)
    assert "\n" not in str(error.value)


def modes() -> np.ndarray:
    """Two modes of unit length and at right angles, root mean square over the body."""
    drawn = np.random.default_rng(3).normal(size=(2, 8))
    scaled = np.linalg.qr((drawn * np.sqrt(np.repeat(WEIGHTS / 6.0, 2))).T)[0].T
    return (scaled / np.sqrt(np.repeat(WEIGHTS / 6.0, 2))).reshape(2, 4, 2)


@pytest.mark.parametrize("block", [16, 4_000_000])
def test_fields_move_the_shortest_way(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(field_constraints, "BLOCK", block)
    atoms, shapes = np.random.default_rng(0).normal(size=(7, 2)), modes()
    one = read("mean:xx = 0.25*pull")
    moved, (held,) = hold([one], FIELD, shapes, Admissible(), atoms, 10.0)
    fields = FIELD + np.tensordot(moved, shapes, axes=1)
    np.testing.assert_allclose(fields[..., 0] @ WEIGHTS / 6.0, 2.5, atol=1e-12)
    # At right angles to all moves that keep it.
    slope = np.einsum("rlc,lc->r", shapes, one.row)
    across = (moved - atoms) @ np.array([-slope[1], slope[0]])
    np.testing.assert_allclose(across, 0.0, atol=1e-12)
    before = FIELD + np.tensordot(atoms, shapes, axes=1)
    assert held.before == pytest.approx(float(np.sqrt(np.mean((before[..., 0] @ WEIGHTS / 6.0 - 2.5) ** 2))))
    assert held.after < 1e-12 and held.text == "mean:xx = 0.25*pull"


def test_several_constraints_hold_together_and_bounds_beside() -> None:
    atoms, shapes = np.random.default_rng(1).normal(size=(9, 2)), modes()
    both = [read("mean:xx = 3.2"), read("at@1:yy = -1.5")]
    _, kept = hold(both, FIELD, shapes, Admissible(), atoms, 0.0)
    assert all(one.after < 1e-10 < one.before for one in kept)
    bounds = Admissible(lower=-1.8)
    moved, (held,) = hold(both[:1], FIELD, shapes, bounds, atoms, 0.0)
    fields = bounds.clip(FIELD + np.tensordot(moved, shapes, axes=1))
    np.testing.assert_allclose(fields[..., 0] @ WEIGHTS / 6.0, 3.2, atol=1e-9)
    assert held.after < 1e-9


def test_any_residual_by_gauss_newton_and_what_cannot_be_kept_is_told() -> None:
    atoms, shapes = np.random.default_rng(2).normal(size=(5, 2)), modes()
    energy = FieldConstraint("energy", lambda fields, state: fields.square().sum(dim=(-2, -1)).unsqueeze(-1) - 90.0)
    moved, (held,) = hold([energy], FIELD, shapes, Admissible(), atoms, 0.0)
    fields = FIELD + np.tensordot(moved, shapes, axes=1)
    np.testing.assert_allclose((fields**2).sum(axis=(1, 2)), 90.0, rtol=1e-10)
    assert held.after < 1e-8 < held.before
    nowhere = FieldConstraint("nowhere", lambda fields, state: fields.square().sum(dim=(-2, -1)).unsqueeze(-1) + 1.0)
    _, (held,) = hold([nowhere], FIELD, shapes, Admissible(), atoms, 0.0)
    assert 1.0 < held.after <= held.before


def test_without_constraints_nothing_moves() -> None:
    atoms = np.ones((3, 2))
    assert hold([], FIELD, modes(), Admissible(), atoms, 0.0) == (atoms, ())


def test_specimens_that_miss_what_is_said_are_named() -> None:
    fields = np.stack([FIELD, FIELD, FIELD])
    fields[1, 0, 0] += 1.0
    check_kept([read("mean:yy = 0.3333333")], ["a", "b", "c"], fields, np.zeros(3))
    with pytest.raises(InputError, match=r'holds "mean:xx = 3": b misses it by 0.167'):
        check_kept([read("mean:xx = 3")], ["a", "b", "c"], fields, np.zeros(3))
    with pytest.raises(InputError, match="misses it by nan"):
        check_kept([FieldConstraint("odd", lambda f, s: f[:, 0] * torch.nan)], ["a", "b", "c"], fields, np.zeros(3))
