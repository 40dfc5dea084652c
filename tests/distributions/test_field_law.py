"""The law of a field by its atoms: quantiles, probabilities and draws that can be counted."""

import numpy as np
import pytest

from cmgai_fem.distributions import field_law
from cmgai_fem.distributions.field_law import FieldLaw
from cmgai_fem.transport.feature_space import Admissible


def law(bounds: Admissible | None = None) -> FieldLaw:
    """19 atoms 1 to 19: at label l, component c the field is atom * (l + 1) + c."""
    shapes = np.repeat(np.arange(1.0, 6.0)[:, None], 2, axis=1)[None]
    origin = np.tile([0.0, 1.0], (5, 1))
    return FieldLaw(
        origin, shapes, np.random.default_rng(0).permutation(np.arange(1.0, 20.0))[:, None], bounds or Admissible()
    )


@pytest.mark.parametrize("block", [1, 50, 4_000_000])
def test_quantiles_are_those_of_the_next_specimen(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(field_law, "BLOCK", block)
    low, middle, high = law().quantiles((0.05, 0.5, 0.95))
    for found, atom in ((low, 1.0), (middle, 10.0), (high, 19.0)):
        np.testing.assert_allclose(found, atom * np.arange(1.0, 6.0)[:, None] + [0.0, 1.0])
    (sums,) = law().quantiles((0.5,), lambda values: values.sum(axis=-1))
    np.testing.assert_allclose(sums, 20.0 * np.arange(1.0, 6.0) + 1.0)


def test_probability_at_a_label_and_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_law, "BLOCK", 50)
    there, anywhere = law().above(50.0, lambda values: values[..., 0])
    np.testing.assert_allclose(there, [0.0, 0.0, 3 / 19, 7 / 19, 9 / 19])
    assert anywhere == pytest.approx(9 / 19)


def test_every_atom_is_drawn_as_often_as_the_others_and_keeps_its_bounds() -> None:
    drawn = law(Admissible(lower=3.0, upper=17.0)).fields(38, np.random.default_rng(1))
    assert drawn.shape == (38, 5, 2)
    np.testing.assert_allclose(np.sort(drawn[:, 0, 0]), np.clip(np.repeat(np.arange(1.0, 20.0), 2), 3.0, 17.0))
    assert drawn.min() == 3.0 and drawn.max() == 17.0
