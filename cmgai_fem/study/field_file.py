"""The study file of a field study: states of a reference model, known and held out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cmgai_fem.study.file import StudyFile, Table, read_study, validated

Split = Literal["known", "interpolation", "extrapolation"]


class CoordinateTable(Table):
    """`[coordinate]`: name and unit of the state coordinate."""

    name: str
    unit: str = ""


class StatesTable(Table):
    """`[states]`: values of the state coordinate that are known, and those held out to be generated."""

    known: list[float]
    interpolation: list[float] = Field(default_factory=list)
    extrapolation: list[float] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> "StatesTable":
        if len(self.known) < 3:
            raise ValueError(f"{len(self.known)} known states: give at least 3")
        everything = [*self.known, *self.interpolation, *self.extrapolation]
        for value in everything:
            if everything.count(value) > 1:
                kind = "held out and known" if value in self.known else "named"
                raise ValueError(f"state {value:g} is {kind} more than once: keep it in one list")
        low, high = min(self.known), max(self.known)
        for value in self.interpolation:
            if not low < value < high:
                raise ValueError(f"interpolation state {value:g} lies outside the known states {low:g} to {high:g}")
        for value in self.extrapolation:
            if low < value < high:
                raise ValueError(f"extrapolation state {value:g} lies between the known states {low:g} to {high:g}")
        if not self.held_out:
            raise ValueError("no state is held out: give interpolation or extrapolation")
        return self

    @property
    def held_out(self) -> list[float]:
        """All held-out states, increasing."""
        return sorted([*self.interpolation, *self.extrapolation])

    def split(self, value: float) -> Split:
        """Which list `value` is in."""
        if value in self.interpolation:
            return "interpolation"
        return "extrapolation" if value in self.extrapolation else "known"


class FieldTable(Table):
    """`[fields.NAME]`: a field to generate.

    Args:
        components: measure each component too, as a field of its own.
        derived: scalars computed from the generated components ("von_mises").
        lower: least admissible value.
        monotone: the field never decreases along the state coordinate.
        ordered: the field never decreases from one component to the next (a history).
        mass_axes: orders of axes, e.g. "yx", in which to try carrying a scalar field as mass (moving fronts).
    """

    components: bool = False
    derived: list[Literal["von_mises"]] = Field(default_factory=list)
    lower: float | None = None
    monotone: bool = False
    ordered: bool = False
    mass_axes: list[Annotated[str, Field(pattern="^[xyz]{1,3}$")]] = Field(default_factory=list)


class CalibrationTable(Table):
    """`[calibration]`: what may be chosen beside the order of the force.

    Args:
        dampings: eta to try.
        stiffnesses: kappa of the membrane law to try (times the square of a label length).
        pseudo_times: maps to try beside the linear one.
    """

    dampings: list[float] = Field(default=[1.0, 4.0])
    stiffnesses: list[float] = Field(default_factory=list)
    pseudo_times: list[Literal["log", "square_root", "square"]] = Field(default=["log", "square_root", "square"])


class SeedTable(Table):
    """`[pinn]` of a study whose networks have no further settings: their seed."""

    seed: int = 0


class PinnTable(SeedTable):
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
        states: values of the state coordinate; all of the splits if empty.
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
    states: list[float] = Field(default_factory=list)
    against: Literal["reference", "fem"] = "reference"
    nrmse: float | None = None
    rivals: list[str] = Field(default_factory=list)
    rival_factor: float | None = None
    rival_floor: float = 0.0
    mean: bool = False


class Study(StudyFile):
    """A whole study file."""

    coordinate: CoordinateTable
    states: StatesTable
    kind: str
    reference: dict[str, Any] = Field(default_factory=dict)
    mesh: dict[str, Any] = Field(default_factory=dict)
    fields: dict[str, FieldTable]
    calibration: CalibrationTable = CalibrationTable()
    pinn: PinnTable = PinnTable()
    tolerances: list[ToleranceTable] = Field(default_factory=list)
    deformed: bool = False

    def said(self) -> dict[str, Any]:
        """What the file says, as plain data; keys of `[pinn]` count where they are given."""
        return self.model_dump() | {"pinn": self.pinn.model_dump(exclude_none=True)}

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the reference model, its mesh among them."""
        return self.reference | ({"mesh": self.mesh} if self.mesh else {})


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read and validate a study file.

    Args:
        path: the TOML file.
        overrides: "table.key=value" texts, values in TOML notation (bare words are text).

    Raises:
        InputError: not TOML, unknown key, wrong type, or states that contradict each other; one line.
    """
    return validated(Study, path, read_study(path, overrides))
