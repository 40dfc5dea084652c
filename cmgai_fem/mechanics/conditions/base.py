"""Condition: what every load and support has, and the weak form that it adds to."""

from abc import ABC
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import ufl
from pydantic import BaseModel, ConfigDict, Field

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.inputs import StateInputs

Physics = Literal["heat", "mechanics"]
KINDS = ("points", "edges", "faces", "cells")


class WeakForm:
    """The weak form of one field, to which conditions add.

    Args:
        body: the meshed body.
        inputs: state, time and what depends on them.
        unknown: temperature (scalar) or displacement (vector), a UFL function or trial function.
        axisymmetric: whether x is a radius; integrals are then by radian.
        degree: of the quadrature.
        density: gives the mass density [kg/m^3] in a group of cells.
    """

    def __init__(
        self,
        body: Body,
        inputs: StateInputs,
        unknown: Any,
        axisymmetric: bool,
        degree: int,
        density: Callable[[str], Any] | None = None,
    ) -> None:
        self.body, self.inputs, self.unknown = body, inputs, unknown
        self.test = ufl.TestFunction(unknown.ufl_function_space())
        self.position = ufl.SpatialCoordinate(body.mesh)
        self.normal = ufl.FacetNormal(body.mesh)
        self.axisymmetric, self.degree = axisymmetric, degree
        self.weight = self.position[0] if axisymmetric else 1.0
        self._density = density

    def integral(self, integrand: Any, on: str) -> Any:
        """Over a group of cells, or of facets of the surface; over all cells if `on` is empty."""
        body = self.body
        inside = not on or body.group(on).dimension == body.dimension
        # Springs on a face need the whole square of the shape functions, which the rule of the inside may not give.
        surface = max(self.degree, 2 * self.test.ufl_function_space().ufl_element().embedded_superdegree)
        return integrand * self.weight * (body.dx(on, self.degree) if inside else body.ds(on, surface))

    def residual(self, conditions: Sequence["Condition"], test: Any = None) -> Any:
        """What conditions add up to (0 for nothing), for a test function of the caller's if one is given."""
        self.test = self.test if test is None else test
        return sum(form for condition in conditions if (form := condition.residual(self)) is not None)

    def density(self, group: str) -> Any:
        """Mass density [kg/m^3] in a group of cells."""
        if self._density is None:
            raise InputError(f"density of {group!r}: this problem has no material densities")
        return self._density(group)


class Condition(BaseModel, ABC):
    """A load or support on a physical group; the fields of a subclass are the keys of its table in a file.

    Args:
        on: the group.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    table: ClassVar[str]
    """Name of its tables in a file, [[table]]."""
    physics: ClassVar[Physics]
    """Which field it belongs to."""
    dynamic: ClassVar[bool] = False
    """Whether it is for a body in motion alone."""
    places: ClassVar[Sequence[str]] = ("faces",)
    """Groups that it may be on: "points", "edges", "faces" (the surface, whatever its dimension), "cells"."""

    on: str = Field(min_length=1)

    @property
    def name(self) -> str:
        """For messages."""
        return f"[[{self.table}]] on {self.on!r}" if self.on else f"[[{self.table}]]"

    def check(self, body: Body) -> None:
        """Refuse a group that is not there, or of entities that this cannot act on.

        Raises:
            InputError: in one line that names the table and the group.
        """
        try:
            dimension = body.group(self.on).dimension if self.on else body.dimension
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None
        codimension = body.dimension - dimension
        kind = "cells" if codimension == 0 else "faces" if codimension == 1 else KINDS[dimension]
        if kind not in self.places:
            raise InputError(f"{self.name}: is a group of {kind}; it acts on {' or '.join(self.places)}")

    def given(self, body: Body) -> list[tuple[int, Any]]:
        """Components of the unknown that it gives, each with its `Value`; a scalar has the component 0."""
        return []

    def residual(self, weak: WeakForm) -> Any:
        """What it adds to the residual (inner less outer virtual work, or heat); None for nothing."""
        return None


def vector(weak: WeakForm, parts: Sequence[Any], name: str) -> Any:
    """A UFL vector of the mesh's dimension from the `Value`s x, y, z.

    Raises:
        InputError: a component that the mesh has not.
    """
    count = weak.body.mesh.geometry.dim
    for axis, part in zip("xyz"[count:], parts[count:], strict=True):
        if part != 0.0:
            raise InputError(f"{name}: a {count}-D mesh has no {axis}")
    return ufl.as_vector(
        [weak.inputs.scalar(part, f"{axis} of {name}") for axis, part in zip("xyz", parts[:count], strict=False)]
    )
