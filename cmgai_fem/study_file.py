"""A study is data: one TOML file, validated before anything is solved."""

import hashlib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cmgai_fem.errors import InputError

Split = Literal["known", "interpolation", "extrapolation"]


class Table(BaseModel):
    """One table of a study file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CoordinateTable(Table):
    """`[coordinate]`: name and unit of the state coordinate."""

    name: str
    unit: str = ""


class StatesTable(Table):
    """`[states]`: values of the state coordinate that are known, and those held out to be generated."""

    known: list[float]
    interpolation: list[float] = []
    extrapolation: list[float] = []

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
    derived: list[Literal["von_mises"]] = []
    lower: float | None = None
    monotone: bool = False
    ordered: bool = False
    mass_axes: list[Annotated[str, Field(pattern="^[xyz]{1,3}$")]] = []


class CalibrationTable(Table):
    """`[calibration]`: what may be chosen beside the order of the force.

    Args:
        dampings: eta to try.
        stiffnesses: kappa of the membrane law to try (times the square of a label length).
        pseudo_times: maps to try beside the linear one.
    """

    dampings: list[float] = [1.0, 4.0]
    stiffnesses: list[float] = []
    pseudo_times: list[Literal["log", "square_root", "square"]] = ["log", "square_root", "square"]


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
    methods: list[str] = ["fem", "pinn"]
    splits: list[Split] = ["interpolation"]
    fields: list[str] = []
    states: list[float] = []
    against: Literal["reference", "fem"] = "reference"
    nrmse: float | None = None
    rivals: list[str] = []
    rival_factor: float | None = None
    rival_floor: float = 0.0
    mean: bool = False


class Study(Table):
    """A whole study file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    title: str
    description: str = ""
    coordinate: CoordinateTable
    states: StatesTable
    kind: str
    reference: dict[str, Any] = {}
    mesh: dict[str, Any] = {}
    fields: dict[str, FieldTable]
    calibration: CalibrationTable = CalibrationTable()
    pinn: PinnTable = PinnTable()
    tolerances: list[ToleranceTable] = []
    deformed: bool = False

    @property
    def hash(self) -> str:
        """First 16 digits of the SHA-256 of everything the file says."""
        said = self.model_dump() | {"pinn": self.pinn.model_dump(exclude_none=True)}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the reference model, its mesh among them."""
        return self.reference | ({"mesh": self.mesh} if self.mesh else {})


def studies_folder() -> Path:
    """Where the shipped studies lie: in the repository, or inside the installed package."""
    package = Path(__file__).parent
    for folder in (package / "verification", package.parent / "verification"):
        if folder.is_dir():
            return folder
    raise InputError("the shipped studies are missing from this installation: give the path of a study.toml")


def find_study(name: str) -> Path:
    """The study file that `name` means: a path, or the name of a shipped study.

    Raises:
        InputError: there is none; the message lists the shipped ones.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.is_dir():
        found = path / "study.toml" if path.is_dir() else path
        if not found.is_file():
            raise InputError(f"{found}: no such study file")
        return found
    shipped = studies_folder()
    if (shipped / name / "study.toml").is_file() and Path(name).name == name:
        return shipped / name / "study.toml"
    names = sorted(item.parent.name for item in shipped.glob("*/study.toml"))
    raise InputError(f"no study {name!r}; there are: {', '.join(names)}, or give the path of a study.toml")


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read and validate a study file.

    Args:
        path: the TOML file.
        overrides: "table.key=value" texts, values in TOML notation (bare words are text).

    Raises:
        InputError: not TOML, unknown key, wrong type, or states that contradict each other; one line.
    """
    return validated(Study, path, read_study(path, overrides))


def read_study(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What a study file says, with overrides, before it is validated; see `load_study`."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from None
    for override in overrides:
        _override(data, override)
    return data


def validated[S: Table](kind: type[S], path: Path, data: dict[str, Any]) -> S:
    """The study of a kind that a file's data are."""
    try:
        return kind(**data)
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """One line that names the key and what is wrong with it."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key: remove it or mend its spelling"
    return f"{key}: {message}" if key else message


def _override(data: dict[str, Any], text: str) -> None:
    key, separator, raw = text.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise InputError(f"--set {text!r}: write it as table.key=value")
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    table: Any = data
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise InputError(f"--set {text!r}: {part!r} is no table")
    table[parts[-1]] = value
