"""What the file of the stress-strain study says: how it is tested, cases, measured points and tolerances."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cmgai_fem.study.file import StudyFile, Table

from .truth import MATERIALS

State = tuple[float, float]
"""Temperature [K] and strain rate [1/s]."""
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class TestsTable(Table):
    """`[tests]`: how the known states were measured.

    Args:
        points: points a test.
        repeats: tests a state.
        noise: standard deviation of a point, relative to its stress.
        largest_strain: last strain [-].
    """

    __test__ = False  # not a pytest class, whatever its name begins with

    points: int = Field(ge=4)
    repeats: int = Field(ge=1)
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
    held_out: list[Pair] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        known = set(self.known)
        for state in self.asked:
            if state in known:
                raise ValueError(f"the held-out state {list(state)} is a known one")
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


class StressStrainStudy(StudyFile):
    """The whole study file.

    Args:
        seed: of the scatter of the tests and of the networks.
        measured: table of measured points, from the study's folder; left out where there is no such file.
        tests: how the known states are measured.
        cases: what is known and what is held out.
        tolerances: what the figures must keep.
    """

    seed: int = 0
    measured: str = ""
    tests: TestsTable
    cases: list[CaseTable] = Field(min_length=1)
    tolerances: ToleranceTable
