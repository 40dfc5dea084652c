"""The study file of a field study: states of a reference model, known and held out, in one coordinate or several.

A state is a point, one number a coordinate; where there is one coordinate, the file may write the bare number.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.errors import InputError
from cmgai_fem.states.axes import NAMED_KINDS
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, Coordinates
from cmgai_fem.study.file import Split, StudyFile, Table
from cmgai_fem.transport.laws import Membrane


def _point(value: Any) -> tuple[float, ...]:
    parts = value if isinstance(value, list | tuple) else (value,)
    if not parts or not all(isinstance(part, int | float) and not isinstance(part, bool) for part in parts):
        raise ValueError("Input should be a valid number, or a list of numbers, one a coordinate")
    return tuple(float(part) for part in parts)


Point = Annotated[tuple[float, ...], BeforeValidator(_point)]


def state_text(point: Sequence[float]) -> str:
    """A state for readers, e.g. "325" or "325:3"."""
    return ":".join(f"{part:g}" for part in point)


class CoordinateTable(Table):
    """`[coordinate]`: name and unit of the state coordinate."""

    name: str
    unit: str = ""


class AxisTable(CoordinateTable):
    """`[[coordinates]]`: one of several state coordinates.

    Args:
        parameter: key of the reference model that it sets, e.g. "material.body.young"; empty for the model's
            own coordinate, the first.
        scale: the parameter's value for one unit of the coordinate.
    """

    parameter: str = ""
    scale: float = 1.0


class StatesTable(Table):
    """`[states]`: states that are known, and those held out to be generated, inside and outside the known ones."""

    known: list[Point]
    interpolation: list[Point] = Field(default_factory=list)
    extrapolation: list[Point] = Field(default_factory=list)


class FieldTable(Table):
    """`[fields.NAME]`: a field to generate.

    Args:
        components: measure each component too, as a field of its own.
        derived: scalars computed from the generated components ("von_mises").
        lower: least admissible value.
        monotone: the field never decreases along the state coordinate; of several, the names of those along which.
        ordered: the field never decreases from one component to the next (a history).
        mass_axes: orders of axes, e.g. "yx", in which to try carrying a scalar field as mass (moving fronts).
    """

    components: bool = False
    derived: list[Literal["von_mises"]] = Field(default_factory=list)
    lower: float | None = None
    monotone: bool | list[str] = False
    ordered: bool = False
    mass_axes: list[Annotated[str, Field(pattern="^[xyz]{1,3}$")]] = Field(default_factory=list)


class CalibrationTable(Table):
    """`[calibration]`: what may be chosen beside the order of the force.

    Args:
        dampings: eta to try; of several coordinates, along the lines of a grid.
        stiffnesses: kappa of the membrane law to try (times the square of a label length).
        pseudo_times: maps to try beside the linear one.
        moving: let labels move over the body, where that does better.
        state_force: look for a law of motion that all labels share, along a time.
    """

    dampings: list[float] = Field(default=[1.0, 4.0])
    stiffnesses: list[float] = Field(default_factory=list)
    pseudo_times: list[Literal["log", "square_root", "square"]] = Field(default=["log", "square_root", "square"])
    moving: bool = True
    state_force: bool = True

    def search(self, mass_axes: Sequence[str] = ()) -> Search:
        """What calibration may choose; mass along orders of axes, e.g. "yx", besides."""
        return Search(
            dampings=tuple(damping for damping in self.dampings if damping != 0.0),
            laws=tuple(Membrane(stiffness) for stiffness in self.stiffnesses),
            kinds=tuple(NAMED_KINDS[kind] for kind in self.pseudo_times),
            mass_axes=tuple(tuple("xyz".index(axis) for axis in axes) for axes in mass_axes),
            moving=self.moving,
            state_force=self.state_force,
        )


class PinnTable(Table):
    """`[pinn]`: seed of the networks, and how they are trained where it differs from `pinn.settings.TrainingSettings`.

    Args:
        encoding: "spectral": networks of the pseudo-time for the amplitudes of modes; the others: one network of label
            and pseudo-time, fed with the label's coordinates, random Fourier features or eigenfunctions of the mesh.
        optimiser: least-squares or quasi-Newton method.
        hidden: widths of the hidden layers.
        frequencies: random frequencies, or eigenfunctions, that one network of label and pseudo-time is fed with.
        bandwidth: standard deviation of the random frequencies, in swings over the body's longest side.
        points: Gauss points between two known states.
        window: longest window beyond the known states, in periods of the fastest motion.
        horizon: periods of the fastest motion over the whole span from which windows are used.
        tolerance: largest acceptable momentum residual relative to the accelerations.
    """

    seed: int = 0
    encoding: Literal["spectral", "coordinates", "fourier", "laplace_beltrami"] | None = None
    optimiser: Literal["levenberg_marquardt", "ssbroyden"] | None = None
    hidden: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] | None = None
    frequencies: Annotated[int, Field(ge=1)] | None = None
    bandwidth: Annotated[float, Field(gt=0.0)] | None = None
    points: Annotated[int, Field(ge=1)] | None = None
    window: Annotated[float, Field(gt=0.0)] | None = None
    horizon: Annotated[float, Field(gt=0.0)] | None = None
    tolerance: Annotated[float, Field(gt=0.0)] | None = None

    @property
    def training(self) -> dict[str, Any]:
        """Settings of the training that the file names."""
        given = self.model_dump(exclude={"seed"}, exclude_none=True)
        return given | ({"hidden": tuple(given["hidden"])} if "hidden" in given else {})


class ToleranceTable(Table):
    """`[[tolerances]]`: a bound that the study's own figures must keep.

    Args:
        name: what is bounded, for the table.
        methods: methods that must keep it.
        splits: splits at which it holds, at every state.
        fields: measured fields; all if empty.
        states: states at which it holds; all of the splits if empty.
        against: what is compared with.
        nrmse: absolute bound; None for no such bound.
        rivals: the rivals it looks at; all if empty.
        rival_factor: the NRMSE must also be at most this times the best rival's at the same state and field.
        rival_floor: an NRMSE below this passes whatever the rivals reach.
        mean: the bounds are on the mean over the states of the splits, not on every state.
    """

    name: str
    methods: list[str] = Field(default=["fem", "pinn"])
    splits: list[Split] = Field(default=["interpolation"])
    fields: list[str] = Field(default_factory=list)
    states: list[Point] = Field(default_factory=list)
    against: Literal["reference", "fem"] = "reference"
    nrmse: float | None = None
    rivals: list[str] = Field(default_factory=list)
    rival_factor: float | None = None
    rival_floor: float = 0.0
    mean: bool = False


def gather_reference(data: dict[str, Any]) -> dict[str, Any]:
    """What a file says, with the tables of its reference model in `reference`.

    The model "mechanics" and a user's own are said at the top of the file: what is no key of a study is theirs.
    """
    kind = data.get("kind")
    if not isinstance(kind, str) or (kind != "mechanics" and ":" not in kind):
        return data
    own = {key: value for key, value in data.items() if key in FieldStudy.model_fields}
    rest = {key: value for key, value in data.items() if key not in FieldStudy.model_fields}
    return own | {"reference": own.get("reference", {}) | rest}


class FieldStudy(StudyFile):
    """A whole study file.

    Args:
        coordinate: the state coordinate, where there is one.
        coordinates: the state coordinates, where there are several.
        states: known and held out.
        kind: of the reference model.
        reference: its parameters.
        mesh: its mesh.
        fields: to generate.
        calibration: what may be chosen.
        pinn: the networks.
        tolerances: bounds that the figures must keep.
        deformed: draw the body displaced.
    """

    coordinate: CoordinateTable | None = None
    coordinates: list[AxisTable] = Field(default_factory=list, max_length=3)
    states: StatesTable
    kind: str
    reference: dict[str, Any] = Field(default_factory=dict)
    mesh: dict[str, Any] = Field(default_factory=dict)
    fields: dict[str, FieldTable] = Field(min_length=1)
    calibration: CalibrationTable = CalibrationTable()
    pinn: PinnTable = PinnTable()
    tolerances: list[ToleranceTable] = Field(default_factory=list)
    deformed: bool = False

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, data: Any) -> Any:
        return gather_reference(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _consistent(self) -> "FieldStudy":
        if (self.coordinate is None) == (not self.coordinates):
            raise ValueError("coordinate: give one [coordinate], or [[coordinates]]")
        if self.coordinates and (self.coordinates[0].parameter or not all(a.parameter for a in self.coordinates[1:])):
            raise ValueError("coordinates: the first is the reference model's own, each further one sets a parameter")
        self._check_states()
        self._check_fields()
        if len(self.axes) > 1:
            self._check_several()
        return self

    def _check_states(self) -> None:
        everything, count = [*self.states.known, *self.held_out], len(self.axes)
        for state in everything:
            if len(state) != count:
                raise ValueError(f"state {state_text(state)}: give {count} values, one a coordinate")
            if everything.count(state) > 1:
                kind = "held out and known" if state in self.states.known else "named"
                raise ValueError(f"state {state_text(state)} is {kind} more than once: keep it in one list")
        if len(self.states.known) < count + 2:
            raise ValueError(f"states: {len(self.states.known)} known states: give at least {count + 2}")
        if not self.held_out:
            raise ValueError("states: no state is held out: give interpolation or extrapolation")
        known = self.known_values
        span = f"the known states {known.min():g} to {known.max():g}" if count == 1 else "the hull of the known states"
        try:
            for state in self.held_out:
                if (inside := inside_hull(known, np.array(state))) != (self.split(state) == "interpolation"):
                    where = "inside" if inside else "outside"
                    raise ValueError(f"{self.split(state)} state {state_text(state)} lies {where} {span}")
        except InputError as error:
            raise ValueError(f"states.known: {error}") from None

    def _check_fields(self) -> None:
        names = [axis.name for axis in self.axes]
        for field, table in self.fields.items():
            for name in table.monotone if isinstance(table.monotone, list) else ():
                if name not in names:
                    raise ValueError(f"fields.{field}.monotone: no coordinate {name!r}; there are: {', '.join(names)}")
        if self.deformed and "displacement" not in self.fields:
            raise ValueError("deformed: a body is drawn displaced by its generated displacement: add it to the fields")

    def _check_several(self) -> None:
        """Refuse what the transport has along one coordinate alone."""
        alone = [
            f"calibration.{key}" for key in ("dampings", "stiffnesses") if key in self.calibration.model_fields_set
        ]
        alone += [f"pinn.{key}" for key in self.pinn.training]
        for name, table in self.fields.items():
            alone += [f"fields.{name}.mass_axes"] if table.mass_axes else []
            if table.monotone is True:
                raise ValueError(f"fields.{name}.monotone: name the coordinates along which it never decreases")
        if alone:
            raise ValueError(f"{alone[0]}: there is none with {len(self.axes)} state coordinates: leave it out")

    @property
    def axes(self) -> Coordinates:
        """The state coordinates."""
        tables: Sequence[CoordinateTable] = [self.coordinate] if self.coordinate else self.coordinates
        return Coordinates(tuple(Coordinate(table.name, table.unit) for table in tables))

    @property
    def known_values(self) -> Array:
        """(K, m) known states."""
        return np.array(self.states.known)

    @property
    def held_out(self) -> list[Point]:
        """All held-out states, those inside first."""
        return [*self.states.interpolation, *self.states.extrapolation]

    @property
    def points(self) -> list[Point]:
        """All states: known, inside, outside; along one coordinate by increasing value."""
        everything = [*self.states.known, *self.held_out]
        return sorted(everything) if len(self.axes) == 1 else everything

    def split(self, point: Sequence[float]) -> Split:
        """Which list a state is in."""
        if tuple(point) in self.states.interpolation:
            return "interpolation"
        return "extrapolation" if tuple(point) in self.states.extrapolation else "known"

    def asked(self, split: Split) -> list[Point]:
        """The states of a split."""
        return list(getattr(self.states, split))

    @property
    def splits(self) -> list[Split]:
        """The splits that have states to generate."""
        both: tuple[Split, Split] = ("interpolation", "extrapolation")
        return [split for split in both if self.asked(split)]

    def rising(self, field: str) -> tuple[bool, ...]:
        """For each coordinate, whether a field never decreases along it."""
        given = self.fields[field].monotone
        return tuple(axis.name in given if isinstance(given, list) else given for axis in self.axes)

    @property
    def headlines(self) -> list[str]:
        """Names of the measured figures that are no components: each field, its derived scalars before it."""
        return [name for field, table in self.fields.items() for name in (*table.derived, field)]

    def parameters(self, point: Sequence[float]) -> dict[str, Any]:
        """Parameters of the reference model at a state, its mesh among them."""
        parameters = deepcopy(self.reference) | ({"mesh": deepcopy(self.mesh)} if self.mesh else {})
        for table, part in zip(self.coordinates, point, strict=False):
            *path, key = table.parameter.split(".")
            place = parameters
            for step in path:
                place = place.setdefault(step, {})
            if key:
                place[key] = table.scale * part
        return parameters

    def said(self) -> dict[str, Any]:
        """What the file says, as plain data; keys of `[pinn]` count where they are given."""
        return self.model_dump() | {"pinn": self.pinn.model_dump(exclude_none=True)}
