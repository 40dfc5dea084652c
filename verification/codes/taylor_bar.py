"""The standard copper Taylor bar (linear hardening, 227 m/s): final shape against published values."""

import numpy as np
from mpi4py import MPI

from cmgai_fem.mechanics.materials import LinearTable
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.taylor_rod import RodMaterial, RodModel, TaylorRodTime
from cmgai_fem.study.findings import Figure

VELOCITY, END = 227.0, 80e-6
COPPER = RodMaterial(
    youngs_modulus=117e9,
    poissons_ratio=0.35,
    density=8930.0,
    taylor_quinney=0.0,
    hardening=LinearTable(law="linear", yield_stress=400e6, modulus=100e6),
)
RADIUS_SOURCE = "Foulk et al. (2021) 7.22 converged; Simo (1992) and Zienkiewicz et al. (1998) 7.11-7.12"
LENGTH_SOURCE = "published 21.42-21.48"


def standard_bar(radial_cells: int, axial_cells: int) -> RodModel:
    """The standard bar on a mesh of so many cells."""
    numbers = {"radial_cells": float(radial_cells), "axial_cells": float(axial_cells)}
    return TaylorRodTime(mesh=MeshParameters(file="taylor_rod.geo", numbers=numbers), material=COPPER)


def run() -> list[Figure]:
    """Rows: final radius and length [mm], and the kinetic energy that is left."""
    model = standard_bar(5, 50)
    bar = model.start(model.mesh.read(MPI.COMM_SELF, 2), VELOCITY)
    bar.advance(END)
    deformed = 1e3 * (bar.kinematics.nodes + bar.displacement.array.reshape(-1, 2))
    energies = bar.energies()
    left = energies.kinetic / energies.initial
    return [
        Figure.equals("taylor-bar", "final radius [mm]", "", float(deformed[:, 0].max()), 7.22, 2e-2, RADIUS_SOURCE),
        Figure.equals("taylor-bar", "final length [mm]", "", float(np.ptp(deformed[:, 1])), 21.42, 5e-3, LENGTH_SOURCE),
        Figure.at_most("taylor-bar", "kinetic energy left / initial", "", left, 1e-2, "the bar is at rest"),
    ]
