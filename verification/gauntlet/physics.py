"""Cases that are solved or follow from a law: heat, a plate, a rod, the yield of a metal, curves."""

from collections.abc import Callable, Sequence

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem.petsc import assemble_matrix
from mpi4py import MPI
from scipy import sparse
from scipy.optimize import brentq
from scipy.sparse.linalg import spsolve

from cmgai_fem.curves.mean import mean_curves
from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.mechanics.meshing import MeshParameters, NodeGather
from cmgai_fem.mechanics.taylor_rod import TaylorRod, TaylorRodTime
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.feature_space import Admissible

from .bodies import bar, square, square_body
from .cases import Case, Draw, Question, Truth, along, solved

COARSE_ROD = MeshParameters(file="taylor_rod.geo", numbers={"radial_cells": 3.0, "axial_cells": 24.0})
# Strain of the tests of a curve, and scatter of their points.
LARGEST_STRAIN, SCATTER = 0.5, 0.004


def thermal_block(draw: Draw) -> tuple[Question, Truth]:
    """Heat through a square of two materials whose conductivities are the two coordinates, over two decades each.

    Known on a grid of 4 x 4; finite elements.
    """
    border = draw(0.35, 0.65)
    solve = TwoMaterials(border)
    grid = [(one, two) for one in (0.1, 0.4642, 2.154, 10.0) for two in (0.1, 0.4642, 2.154, 10.0)]
    inside = [(10.0 ** draw(-0.9, 0.9), 10.0 ** draw(-0.9, 0.9)) for _ in range(5)]

    def field(points: Array, one: float, two: float) -> Array:
        return solve(one, two)

    return along(square(), field, grid, [*inside, (15.0, 1.0), (0.3, 15.0)], coordinates=["k1", "k2"], unit="degC")


class TwoMaterials:
    """Temperature of the unit square, heated from the left and cold on the right, made of two materials.

    Args:
        border: height at which the materials meet.
    """

    def __init__(self, border: float) -> None:
        body = square_body()
        space = fem.functionspace(body.mesh, ("Lagrange", 1))
        trial, test = ufl.TrialFunction(space), ufl.TestFunction(space)
        height = ufl.SpatialCoordinate(body.mesh)[1]
        lower = ufl.conditional(ufl.lt(height, border), 1.0, 0.0)
        flow = ufl.inner(ufl.grad(trial), ufl.grad(test))
        self._parts = [_matrix(lower * flow * ufl.dx), _matrix((1.0 - lower) * flow * ufl.dx)]
        x = space.tabulate_dof_coordinates()[:, 0]
        heated = ufl.conditional(ufl.lt(ufl.SpatialCoordinate(body.mesh)[0], 1e-9), 1.0, 0.0)
        self._load = fem.assemble_vector(fem.form(heated * test * ufl.ds)).array
        self._free = np.flatnonzero(~np.isclose(x, 1.0))
        self._gather = NodeGather(space)

    def __call__(self, one: float, two: float) -> Array:
        """(L,) temperature for the conductivities of the lower and the upper material."""
        stiffness = one * self._parts[0] + two * self._parts[1]
        temperature = np.zeros(stiffness.shape[0])
        free = np.ix_(self._free, self._free)
        temperature[self._free] = spsolve(stiffness.tocsc()[free], self._load[self._free])
        gathered = self._gather(temperature)
        assert gathered is not None
        return np.asarray(gathered[:, 0])


def scattered(draw: Draw) -> tuple[Question, Truth]:
    """Stress that yields along a curve of temperature and load, known at 16 scattered pairs of the two."""
    stiffness, drop = draw(1.6, 2.2), draw(0.4, 0.6)

    def stress(points: Array, temperature: float, load: float) -> Array:
        x = points[:, 0]
        limit = 1.0 - drop * (temperature / 700.0) ** 2
        elastic = stiffness * load / 8.0 * (1.0 - 0.7 * x)
        # A smooth yield: four points a coordinate do not resolve a sharp one.
        return limit * np.tanh(elastic / limit) + 0.1 * elastic

    known = np.array([(100.0, 2.0), (400.0, 2.0), (700.0, 2.0), (250.0, 3.0), (550.0, 3.2), (150.0, 4.0), (450.0, 4.4),
                      (700.0, 4.0), (300.0, 5.2), (600.0, 5.4), (100.0, 6.0), (450.0, 6.3), (700.0, 6.5), (100.0, 8.0),
                      (400.0, 8.0), (700.0, 8.0)])  # fmt: skip
    inside = [(draw(180.0, 620.0), draw(2.6, 7.4)) for _ in range(5)]
    return along(bar(), stress, known, [*inside, (760.0, 5.0), (400.0, 9.0)], coordinates=["temperature", "load"])


def vibrating_plate(draw: Draw) -> tuple[Question, Truth]:
    """Deflection of a simply supported plate that was struck, in time: five modes, eleven times over 1.3 periods."""
    modes = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1))
    shares = [draw(0.4, 1.0) / (m * m + n * n) for m, n in modes]
    phases = [draw(-0.6, 0.6) for _ in modes]

    def deflection(points: Array, time: float) -> Array:
        x, y = np.pi * points.T
        parts = (
            share
            * np.exp(-0.15 * time)
            * np.cos(np.pi * (m * m + n * n) * time + phase)
            * np.sin(m * x)
            * np.sin(n * y)
            for (m, n), share, phase in zip(modes, shares, phases, strict=True)
        )
        return np.asarray(sum(parts))

    known = np.linspace(0.0, 1.3, 11)
    asked = (*(0.5 * (known[1:] + known[:-1]))[[0, 3, 6, 9]], 1.35, 1.45)
    return along(square(), deflection, known, asked, coordinates=["time"], unit="m")


def heat_soak(draw: Draw) -> tuple[Question, Truth]:
    """A cold slab in a hot bath, in time: seven times that grow by the factor two (series with a surface film)."""
    biot, ratio = draw(1.5, 6.0), draw(0.8, 1.25)
    roots = [brentq(lambda z: z * np.tan(z) - biot, n * np.pi, (n + 0.5) * np.pi - 1e-9) for n in range(30)]

    def slab(x: Array, time: float) -> Array:
        rates = np.asarray(roots)
        shares = 4.0 * np.sin(rates) / (2.0 * rates + np.sin(2.0 * rates))
        return np.asarray((shares * np.exp(-(rates**2) * time)) @ np.cos(np.outer(rates, x)))

    def temperature(points: Array, time: float) -> Array:
        return 1.0 - slab(points[:, 0], time) * slab(points[:, 1], ratio * time)

    known = 0.01 * 2.0 ** np.arange(7)
    asked = (*np.sqrt(known[1:] * known[:-1])[[0, 2, 3, 5]], 0.75, 0.9)
    return along(square(), temperature, known, asked, coordinates=["time"], bounds=Admissible(monotone=True))


def rod_over_velocity(draw: Draw) -> tuple[Question, Truth]:
    """Plastic strain of a copper rod after its impact on a wall, over the impact velocity; a coarse mesh, solved."""
    first = draw(125.0, 140.0)
    known = [first + 25.0 * step for step in range(5)]
    asked = [first + 25.0 * step for step in (0.5, 1.5, 2.5, 3.5)] + [first - 10.0, first + 115.0]
    model = TaylorRod(mesh=COARSE_ROD, history_times=[80e-6])
    return solved(_solver(model), "equivalent_plastic_strain", known, asked, Admissible(lower=0.0))


def rod_over_time(draw: Draw) -> tuple[Question, Truth]:
    """Plastic strain of the same rod at one velocity over the time since impact: a front that slows down."""
    model = TaylorRodTime(mesh=COARSE_ROD, impact_velocity=draw(200.0, 240.0))
    known, asked = [2.0, 6.0, 10.0, 14.0, 18.0], [4.0, 8.0, 12.0, 16.0, 20.0, 26.0]
    return solved(_solver(model), "equivalent_plastic_strain", known, asked, Admissible(lower=0.0, monotone=True))


def curves(draw: Draw) -> tuple[Question, Truth]:
    """Stress-strain curves over temperature by scattered tests, two a state, of a metal of Johnson and Cook."""
    power, softening = draw(0.2, 0.35), draw(0.8, 1.2)
    source = np.random.default_rng(int(draw(0.0, 2.0**32)))

    def stress(strain: Array, temperature: float) -> Array:
        hot = (temperature - 250.0) / 1250.0
        return np.asarray((300e6 + 450e6 * strain**power) * (1.0 - hot**softening))

    def test(temperature: float) -> Test:
        strain = LARGEST_STRAIN * np.linspace(0.0, 1.0, 30) ** 1.5
        return Test(strain, stress(strain, temperature) * (1.0 + SCATTER * source.standard_normal(len(strain))))

    def truth(points: Array) -> Array:
        return np.stack([stress(strain, float(temperature)) for (temperature,) in points])[:, :, None]

    known, asked = (300.0, 450.0, 600.0, 750.0, 900.0), (375.0, 525.0, 675.0, 825.0, 950.0, 1050.0)
    states = tuple(CurveState((temperature,), (test(temperature), test(temperature))) for temperature in known)
    tests = CurveTests(Coordinates((Coordinate("temperature", "K"),)), states, plastic=True)
    mean = mean_curves(tests)
    strain = mean.strain
    fields = {"stress": Field(mean.stress[:, :, None], "Pa", ("",))}
    seen = States.of(labels_on_points(strain[:, None], mean.weights), tests.coordinates, mean.values, fields)
    return Question(seen, np.reshape(asked, (-1, 1)), Admissible(lower=0.0), tests), truth


def _solver(model: TaylorRod | TaylorRodTime) -> Callable[[Sequence[float]], States]:
    """The model's solve in this process alone."""

    def solve(values: Sequence[float]) -> States:
        states = model.solve(MPI.COMM_SELF, values, lambda line: None)
        assert states is not None
        return states

    return solve


def _matrix(form: ufl.Form) -> sparse.csr_matrix:
    """The assembled matrix of a form."""
    matrix = assemble_matrix(fem.form(form))
    matrix.assemble()
    rows, columns, values = matrix.getValuesCSR()
    return sparse.csr_matrix((values, columns, rows))


CASES = (
    Case("rod over velocity", rod_over_velocity),
    Case("rod over time", rod_over_time),
    Case("thermal block", thermal_block),
    Case("scattered", scattered),
    Case("vibrating plate", vibrating_plate),
    Case("heat soak", heat_soak),
    Case("curves", curves),
)
