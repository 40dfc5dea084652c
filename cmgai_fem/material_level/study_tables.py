"""The stress-strain study file: data from published models, cases, measured points and tolerances."""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import ValidationError, model_validator

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.study_data import MATERIALS
from cmgai_fem.study.file import Table, first_problem

State = tuple[float, float]


class MeasurementTable(Table):
    """`[tests]`: how the known states were measured.

    Args:
        points: points a test.
        repeats: tests a state.
        noise: standard deviation of a point, relative to its stress.
        largest_strain: last strain [-].
    """

    points: int
    repeats: int
    noise: float
    largest_strain: float


class CaseTable(Table):
    """`[[cases]]`: known and held-out states of one material.

    Args:
        material: key of the published model.
        split: coordinate beyond whose known values the held-out states lie, or "corner" for both.
        temperatures: known temperatures [K].
        rates: known strain rates [1/s].
        held_out: temperatures and rates to generate.
    """

    material: Literal["ofhc_copper", "steel_4340"]
    split: Literal["temperature", "strain_rate", "corner"]
    temperatures: list[float]
    rates: list[float]
    held_out: list[list[float]]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(len(state) != 2 for state in self.held_out):
            raise ValueError("held_out lists pairs of a temperature and a strain rate")
        known = {(t, r) for t in self.temperatures for r in self.rates}
        for state in self.held_out:
            if (state[0], state[1]) in known:
                raise ValueError(f"the held-out state {state} is a known one")
        varied = {"temperature": self.temperatures, "strain_rate": self.rates}
        if self.split != "corner" and any(len(v) != 1 for name, v in varied.items() if name != self.split):
            raise ValueError(f"a split in {self.split} keeps the other coordinate at one value")
        return self

    @property
    def name(self) -> str:
        """Name of the case, e.g. "ofhc_copper temperature"."""
        return f"{self.material} {self.split}"

    @property
    def known(self) -> list[State]:
        """Known states."""
        return [(temperature, rate) for temperature in self.temperatures for rate in self.rates]

    @property
    def asked(self) -> list[State]:
        """Held-out states."""
        return [(state[0], state[1]) for state in self.held_out]

    @property
    def plastic(self) -> bool:
        """Whether the tests report plastic strain."""
        return MATERIALS[self.material].plastic


class ToleranceTable(Table):
    """`[tolerances]`: what the figures must keep.

    Args:
        every_state: NRMSE of each held-out curve, both transports.
        share_of_fpca_gpr: mean NRMSE over all held-out curves, relative to that of FPCA-GPR.
        share_of_best_rival: the same relative to the best of linear, natural spline and POD-GPR.
        pinn_against_fem: NRMSE of the PINN against the finite elements at each held-out state.
    """

    every_state: float
    share_of_fpca_gpr: float
    share_of_best_rival: float
    pinn_against_fem: float


class StressStrainStudy(Table):
    """The whole study file."""

    name: str
    title: str
    description: str
    kind: Literal["stress-strain"]
    measured: str = ""
    tests: MeasurementTable
    cases: list[CaseTable]
    tolerances: ToleranceTable


def load_stress_strain(path: Path) -> StressStrainStudy:
    """Read and validate the study file.

    Raises:
        InputError: not TOML, an unknown key or a wrong type; one line.
    """
    try:
        return StressStrainStudy(**tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from None
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None
