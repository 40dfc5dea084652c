"""Thermal stress in a thick cylinder with a radial temperature; conduction and stress by the study's own code."""

from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import ufl
from mpi4py import MPI

from cmgai_fem.mechanics.body import Body, mark_boundaries
from cmgai_fem.mechanics.conditions import Symmetry, Temperature
from cmgai_fem.mechanics.heat import Conduction
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity
from cmgai_fem.study.findings import Figure

from .probes import evaluate

INNER, OUTER, HOT = 1.0, 2.0, 100.0
YOUNG, POISSON, EXPANSION = 1.0, 0.3, 1e-3
SOURCE = "exact (Timoshenko, Goodier, Theory of Elasticity, sec. 151)"


def exact_stress(radius: float) -> tuple[float, float]:
    """Radial and hoop stress [Pa] in plane strain with T = 100 at the bore and 0 outside."""
    ratio = INNER**2 / (OUTER**2 - INNER**2) * np.log(OUTER / INNER)
    scale = YOUNG * EXPANSION * HOT / (2.0 * (1.0 - POISSON) * np.log(OUTER / INNER))
    logarithm, square = np.log(OUTER / radius), (OUTER / radius) ** 2
    radial = scale * (-logarithm - ratio * (1.0 - square))
    hoop = scale * (1.0 - logarithm - ratio * (1.0 + square))
    return float(radial), float(hoop)


def run() -> list[Figure]:
    """A quarter in plane strain and a strip of the axisymmetric body held between two plates."""
    quarter = _quarter(32, 64)
    plane, temperature = _solve_plane(quarter)
    strip, stress = _solve_strip()
    (radial, hoop), bore = exact_stress(1.5), exact_stress(INNER)[1]
    logarithm = HOT * float(np.log(OUTER / 1.5) / np.log(OUTER / INNER))
    figures = (
        ("T at r = 1.5 [degC]", temperature, quarter, 1.5, logarithm, 1e-3, "exact (logarithm)"),
        ("hoop stress at the bore, plane strain [Pa]", plane[1, 1], quarter, INNER, bore, 5e-3, SOURCE),
        ("radial stress at r = 1.5, plane strain [Pa]", plane[0, 0], quarter, 1.5, radial, 5e-3, SOURCE),
        ("hoop stress at the bore, axisymmetric [Pa]", stress[2, 2], strip, INNER, bore, 1e-3, SOURCE),
        ("hoop stress at r = 1.5, axisymmetric [Pa]", stress[2, 2], strip, 1.5, hoop, 1e-3, SOURCE),
    )
    return [
        Figure.equals("thick-cylinder", quantity, "", evaluate(found, body.mesh, [radius, 0.0]), target, limit, source)
        for quantity, found, body, radius, target, limit, source in figures
    ]


def _quarter(radial: int, around: int) -> Body:
    """A quarter of the ring; boundaries inner, outer, bottom (y = 0) and side (x = 0)."""
    mesh = dolfinx.mesh.create_rectangle(
        MPI.COMM_SELF, [[INNER, 0.0], [OUTER, np.pi / 2]], [radial, around], dolfinx.mesh.CellType.quadrilateral
    )
    body = mark_boundaries(
        mesh,
        {
            "inner": lambda x: np.isclose(x[0], INNER),
            "outer": lambda x: np.isclose(x[0], OUTER),
            "bottom": lambda x: np.isclose(x[1], 0.0),
            "side": lambda x: np.isclose(x[1], np.pi / 2),
        },
    )
    radius, angle = mesh.geometry.x[:, 0].copy(), mesh.geometry.x[:, 1].copy()
    mesh.geometry.x[:, 0], mesh.geometry.x[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
    return body


def _solve_plane(body: Body) -> tuple[Any, Any]:
    given = [Temperature(on="inner", value=HOT), Temperature(on="outer", value=0.0)]
    heat = Conduction(body, {"": lambda temperature: 1.0 + 0.0 * temperature}, given)
    elastic = ThermoElasticity(
        body, YOUNG, POISSON, EXPANSION * heat.temperature, setting="plane strain",
        conditions=[Symmetry(on="bottom"), Symmetry(on="side")],
    )  # fmt: skip
    temperature = heat.solve("thick cylinder")
    elastic.solve("thick cylinder")
    return elastic.stress, temperature


def _solve_strip() -> tuple[Body, Any]:
    mesh = dolfinx.mesh.create_rectangle(
        MPI.COMM_SELF, [[INNER, 0.0], [OUTER, 0.05]], [64, 2], dolfinx.mesh.CellType.quadrilateral
    )
    body = mark_boundaries(mesh, {"bottom": lambda x: np.isclose(x[1], 0.0), "top": lambda x: np.isclose(x[1], 0.05)})
    temperature = HOT * ufl.ln(OUTER / ufl.SpatialCoordinate(mesh)[0]) / np.log(OUTER / INNER)
    elastic = ThermoElasticity(
        body, YOUNG, POISSON, EXPANSION * temperature, setting="axisymmetric",
        conditions=[Symmetry(on="bottom"), Symmetry(on="top")],
    )  # fmt: skip
    elastic.solve("thick cylinder")
    return body, elastic.stress
