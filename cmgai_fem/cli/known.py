"""Options about the known states, which several commands have."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from cmgai_fem.cli.app import Repeated

Options = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class KnownOptions:
    """What is known, in files of one field each."""

    field: str | None = None
    """Field to generate."""
    values: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """State values of the files, e.g. 100,250,400, or 100:2,250:2,400:5 of two coordinates."""
    values_from: str | None = None
    """Regular expression that finds the state value in the file names, e.g. 'T=([0-9.]+)'; one group a coordinate."""
    volumes: str | None = None
    """Field of the files that holds the volume of each label, for bodies that the mesh does not tell the volumes of
    (axial symmetry, shells of varying thickness); by default those of the cells."""
    where_known: bool = False
    """Leave out labels at which the field is no number in some state, e.g. outside the part it was asked for on."""
    lower: float | None = None
    """Least admissible value of the field, e.g. 0 for a plastic strain."""
    monotone: bool = False
    """The field never decreases along the state coordinate."""
    no_moving: bool = False
    """Do not try labels that move over the body."""
    cheap: Annotated[list[str] | None, Repeated] = None
    """Files of a cheap model (a coarse mesh, larger steps, simpler physics) at the known states and at those asked for,
    as a pattern in quotes: 'coarse_*.vtu'. Repeat it for several models. Of curves: a table like that of the tests, of
    a constitutive law or an earlier batch."""

    @property
    def options(self) -> Options:
        """The options by the names that they have on the command line."""
        return {key.replace("_", "-"): value for key, value in vars(self).items()}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class KnownOverSeveral(KnownOptions):
    """What is known over one coordinate or several, and how it may be carried."""

    coordinate: Annotated[list[str] | None, Repeated] = None
    """Name of the state coordinate; for curves "temperature", "strain_rate" or both. Repeat it for two or three
    coordinates."""
    unit: Annotated[list[str] | None, Repeated] = None
    """Unit of the state coordinate; one for each of several."""
    upper: float | None = None
    """Largest admissible value of the field, e.g. 1 for a damage."""
    monotone_in: Annotated[list[str] | None, Repeated] = None
    """Name of one of several coordinates along which the field never decreases; may be repeated."""
    ordered: bool = False
    """The field never decreases from one component to the next (a history)."""
    mass: Annotated[list[str] | None, Repeated] = None
    """Order of axes, e.g. x or yx, in which to try carrying a scalar field as mass (moving fronts); may be repeated."""
    stiffness: Annotated[list[float] | None, Repeated] = None
    """Stiffness of the membrane law to try beside no law; may be repeated."""
    damping: Annotated[list[float] | None, Repeated] = None
    """Damping to try beside none, instead of 1 and 4; may be repeated."""
    pseudo_time: Annotated[list[Literal["linear", "log", "square_root", "square"]] | None, Repeated] = None
    """Map of the coordinates to try beside the linear one, instead of all; may be repeated."""
    no_state_force: bool = False
    """Do not look for a law of motion that all labels share (diffusion, waves, decay, turns), along a time."""
    holds: Annotated[list[str] | None, Repeated] = None
    """With --distribution: what every field keeps, a mean or a value at a place of a component and what it is at a
    state: "mean:xx = 12.5", "mean@section=3:xx = 2*pull", "at@0.1,0.02:yy = 0"; may be repeated."""


NOTHING_SAID = KnownOverSeveral()
