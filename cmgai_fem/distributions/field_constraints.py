"""What the field of every specimen keeps, whatever the specimen: a resultant, a mean, a value at a place.

Written as "mean:xx = 12.5", "mean@section=3:xx = 2*pull" or "at@0.1,0.02:yy = 1-0.5*pull": a linear measure of a
component, and what it is at a state. Any other residual of the field is given as a function.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.errors import InputError
from cmgai_fem.measures import Measure, Part
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import Coordinate
from cmgai_fem.transport.feature_space import Admissible

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
TARGET = re.compile(rf"(?:(?P<value>{NUMBER})(?=[-+]|$))?(?:(?P<slope>{NUMBER})\*(?P<name>.+))?")
LINEAR = ("mean", "at")
# Of the measure's size: known specimens that miss a constraint by more do not keep it.
MISSED = 0.01
# Numbers of fields held at a time.
BLOCK = 4_000_000


@dataclass(frozen=True)
class FieldConstraint:
    """`residual(fields, state) = 0`.

    Args:
        text: its name in tables.
        residual: maps fields (N, L, n), by torch, and their states (N,) to (N, m).
        scale: size of a residual that counts as one.
        row: of a linear one, `residual = sum(row * fields) - target(state)` with (L, n) numbers; None for any other.
    """

    text: str
    residual: Callable[[Tensor, Tensor], Tensor]
    scale: float = 1.0
    row: Array | None = None

    @classmethod
    def read(
        cls, text: str, labels: Labels, components: tuple[str, ...], coordinate: Coordinate, part: Part | None = None
    ) -> "FieldConstraint":
        """The constraint that a text says, see the module.

        Args:
            text: a measure and what it is.
            labels: of the field.
            components: of the field.
            coordinate: of the states.
            part: finds the labels of a part; None where there are no files that could tell.

        Raises:
            InputError: the text says none, or of what is not there.
        """
        head, _, target = (one.strip() for one in text.rpartition("="))
        found = TARGET.fullmatch("".join(target.split()))
        if not head or found is None or not any(found.groups()):
            raise InputError(f'holds "{text}": write a measure and its value, as in "mean:xx = 2*{coordinate.name}"')
        if found["name"] not in (None, "".join(coordinate.name.split())):
            raise InputError(f'holds "{text}": the state is {coordinate.name}, not {found["name"]}')
        measure = Measure.read(head, labels, components, part)
        if measure.kind not in LINEAR or head.endswith(("norm", "von_mises")):
            raise InputError(
                f'holds "{text}": a mean or a value at a place of a component; others are functions, from Python'
            )
        weights = labels.weights[measure.rows] if measure.kind == "mean" else np.ones(1)
        row = np.zeros((labels.count, max(len(components), 1)))
        # A component is linear: what it makes of unit fields are its numbers.
        for column in range(row.shape[1]):
            unit = np.zeros((len(weights), row.shape[1]))
            unit[:, column] = 1.0
            row[measure.rows, column] = measure.quantity(unit) * weights / weights.sum()
        value, slope = (float(found[name] or 0.0) for name in ("value", "slope"))
        return cls.linear(text, row, value, slope)

    @classmethod
    def linear(cls, text: str, row: Array, value: float, slope: float = 0.0) -> "FieldConstraint":
        """`sum(row * field) = value + slope * state`, with (L, n) numbers."""
        numbers = torch.as_tensor(row)

        def residual(fields: Tensor, state: Tensor) -> Tensor:
            made = (fields * numbers).sum(dim=(-2, -1)) - value - slope * state
            return made.unsqueeze(-1)

        return cls(text, residual, row=row)

    def miss(self, fields: Array, states: Array) -> Array:
        """Root mean square residual (N,) of fields (N, L, n) at states (N,)."""
        found = self.residual(torch.as_tensor(fields), torch.as_tensor(states))
        return np.asarray(found.square().mean(dim=-1).sqrt())


@dataclass(frozen=True)
class Held:
    """How a law keeps a constraint.

    Args:
        text: of the constraint.
        before: root mean square residual of its fields as they were carried, in the constraint's unit.
        after: of the fields moved onto it; as good as zero but where the modes or the bounds have none nearby.
    """

    text: str
    before: float
    after: float


def hold(
    constraints: Sequence[FieldConstraint], origin: Array, shapes: Array, bounds: Admissible, atoms: Array, state: float
) -> tuple[Array, tuple[Held, ...]]:
    """The fields of a law moved onto constraints by the shortest way, root mean square over the body.

    Args:
        constraints: what all keep together.
        origin: (L, n) field that coefficients count from.
        shapes: (r, L, n) modes, of unit length and at right angles.
        bounds: what every field keeps beside.
        atoms: (M, r) coefficients.
        state: that they are at.

    Returns:
        The coefficients moved (M, r), and how each constraint is kept.
    """
    if not constraints:
        return atoms, ()
    fields = _Fields(torch.as_tensor(origin), torch.as_tensor(shapes), bounds)
    each = [_on_coefficients(one, fields) for one in constraints]
    together = Constraint(lambda x, u: torch.cat([one(x, u) for one in each], dim=-1))
    at, metric = torch.tensor([state], dtype=torch.float64), torch.ones(atoms.shape[1], dtype=torch.float64)
    moved = torch.cat([
        together.project(at, some, metric).values
        for some in torch.as_tensor(atoms).split(max(1, BLOCK // origin.size))
    ])  # fmt: skip
    sizes = [
        [one.scale * float(residual(at, values).square().mean().sqrt()) for values in (torch.as_tensor(atoms), moved)]
        for one, residual in zip(constraints, each, strict=True)
    ]
    return moved.numpy(), tuple(Held(one.text, *pair) for one, pair in zip(constraints, sizes, strict=True))


@dataclass(frozen=True)
class _Fields:
    """Fields of coefficients."""

    origin: Tensor
    shapes: Tensor
    bounds: Admissible

    def __call__(self, coefficients: Tensor) -> Tensor:
        made = self.origin + torch.tensordot(coefficients, self.shapes, dims=1)
        return made.clamp(self.bounds.lower, self.bounds.upper) if self.bounds.bounds else made


def _on_coefficients(constraint: FieldConstraint, fields: _Fields) -> Callable[[Tensor, Tensor], Tensor]:
    """A constraint's scaled residual (N, m) of states (N, 1) and coefficients (N, r)."""
    if constraint.row is None or fields.bounds.bounds:
        return lambda x, u: constraint.residual(fields(u), x[..., 0]) / constraint.scale
    row = torch.as_tensor(constraint.row)
    slope = (fields.shapes * row).sum(dim=(-2, -1))
    # What the residual is where all coefficients are zero holds the target, which the state decides.
    return lambda x, u: (u @ slope.unsqueeze(-1) + constraint.residual(fields.origin, x[..., 0])) / constraint.scale


def check_kept(constraints: Sequence[FieldConstraint], names: Sequence[str], fields: Array, states: Array) -> None:
    """Refuse a constraint that the known specimens do not keep.

    Args:
        constraints: what the user says.
        names: (N,) of the specimens.
        fields: (N, L, n).
        states: (N,).

    Raises:
        InputError: one misses by more than `MISSED` of what the measure is made of.
    """
    for one in constraints:
        missed = one.miss(fields, states)
        size = one.scale if one.row is None else float(np.abs(fields * one.row).sum(axis=(1, 2)).max())
        worst = int(np.argmax(missed))
        if not missed[worst] <= MISSED * size:
            raise InputError(
                f'holds "{one.text}": {names[worst]} misses it by {missed[worst]:.3g}: mend it or leave it out'
            )
