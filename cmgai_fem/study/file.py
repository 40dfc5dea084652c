"""A study is data: one TOML file, found, overridden and validated before anything is solved."""

import hashlib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from cmgai_fem.errors import InputError

Split = Literal["known", "interpolation", "extrapolation"]


class Table(BaseModel):
    """One table of a study file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StudyFile(Table):
    """What every study file says.

    Args:
        name: of the study and of its results folder.
        title: of its page.
        description: one paragraph for its page.
        minutes: wall time of the whole study on two cores, for who waits; 0 where nobody measured it.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    title: str
    description: str = ""
    minutes: float = Field(0.0, ge=0.0)
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Where the file lies."""
        return self._folder

    @property
    def hash(self) -> str:
        """First 16 digits of the SHA-256 of everything the file says but how long it takes."""
        said = {key: value for key, value in self.said().items() if key != "minutes"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def said(self) -> dict[str, Any]:
        """What the file says, as plain data."""
        return self.model_dump()


def studies_folder() -> Path:
    """Where the shipped studies lie: in the repository, or inside the installed package."""
    package = Path(__file__).parents[1]
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


def read_study(path: Path, overrides: Sequence[str] = (), quick: bool = False) -> dict[str, Any]:
    """What a study file says, before it is validated.

    Args:
        path: the TOML file.
        overrides: "table.key=value" texts, values in TOML notation (bare words are text).
        quick: let its table `[quick]`, which holds the smaller sizes, override the rest.

    Raises:
        InputError: not TOML, an override that names no key, or no `[quick]` where it is asked for; one line.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from None
    for override in overrides:
        _override(data, override)
    smaller = data.pop("quick", None)
    if quick:
        if not isinstance(smaller, dict):
            raise InputError(f"--quick: {path} offers no smaller sizes (a table [quick] would hold them)")
        _merge(data, smaller)
        # What is set by hand counts more than what is quick.
        for override in overrides:
            if not override.startswith("quick."):
                _override(data, override)
    return data


def _merge(data: dict[str, Any], other: dict[str, Any]) -> None:
    """Let the keys of `other` override those of `data`, table by table."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(data.get(key), dict):
            _merge(data[key], value)
        else:
            data[key] = value


def validated[S: Table](kind: type[S], path: Path, data: dict[str, Any]) -> S:
    """The study of a kind that a file's data are."""
    try:
        study = kind(**data)
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None
    if isinstance(study, StudyFile):
        study._folder = path.parent
    return study


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
