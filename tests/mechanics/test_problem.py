"""Bodies of a user's own: exact solutions by the toolkit, said in Python."""

from collections.abc import Mapping
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import pytest
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body, Group, mark_boundaries
from cmgai_fem.mechanics.conditions import (
    BodyForce,
    Convection,
    Fixed,
    Flux,
    Foundation,
    Gravity,
    HeatSource,
    MovingSource,
    Pressure,
    Symmetry,
    Temperature,
    Traction,
)  # fmt: skip
from cmgai_fem.mechanics.material_card import MaterialCard
from cmgai_fem.mechanics.materials import LinearTable
from cmgai_fem.mechanics.probes import Probe
from cmgai_fem.mechanics.problem import BodyProblem, Steps
from cmgai_fem.mechanics.taylor_rod import COPPER
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

STEEL = MaterialCard(young=200e9, poisson=0.3, density=7800.0)
LENGTH, WIDTH = 2.0, 0.5
ROLLERS = (Symmetry(on="left"), Symmetry(on="front"), Symmetry(on="bottom"))


def marked(mesh: dolfinx.mesh.Mesh, length: float = LENGTH) -> Body:
    places = {
        "left": lambda x: np.isclose(x[0], 0.0),
        "right": lambda x: np.isclose(x[0], length),
        "front": lambda x: np.isclose(x[1], 0.0),
        "bottom": lambda x: np.isclose(x[2], 0.0),
        "all": lambda x: np.full(x.shape[1], True),
    }
    if mesh.geometry.dim == 2:
        places.pop("bottom")
    return mark_boundaries(mesh, places)


@pytest.fixture(scope="module")
def bar() -> Body:
    return marked(dolfinx.mesh.create_box(MPI.COMM_SELF, [[0.0] * 3, [LENGTH, WIDTH, WIDTH]], [4, 2, 2]))


@pytest.fixture(scope="module")
def plate() -> Body:
    corners = [[0.0, 0.0], [LENGTH, WIDTH]]
    return marked(dolfinx.mesh.create_rectangle(MPI.COMM_SELF, corners, [8, 2], dolfinx.mesh.CellType.quadrilateral))


def halves(body: Body) -> Body:
    """The same body, its cells in two groups that meet at half its length."""
    middle = body.mesh.geometry.x[body.mesh.geometry.dofmaps[0]].mean(axis=1)[:, 0]
    cells = np.arange(len(middle), dtype=np.int64)
    groups = {name: group for name, group in body.groups.items() if name != "body"}
    groups |= {"one": Group(body.dimension, cells[middle < 1.0]), "other": Group(body.dimension, cells[middle > 1.0])}
    return Body(body.mesh, groups)


def told(problem: BodyProblem, states: list[float], *probes: tuple[str, str, list[float]]) -> np.ndarray:
    """(states, probes) values."""
    asked = [Probe(field=field, component=component, at=at) for field, component, at in probes]
    assert problem.solve(states, probes=asked) is not None
    return np.array([row["value"] for row in problem.told]).reshape(len(states), -1)


def test_a_pulled_bar_at_two_states(bar: Body) -> None:
    problem = BodyProblem(bar, STEEL).add(*ROLLERS, Traction(on="right", x="state"))
    found = told(problem, [1e6, 3e6], ("displacement", "x", [2.0, 0.1, 0.1]), ("stress", "xx", [0.3, 0.2, 0.1]))
    np.testing.assert_allclose(found, [[1e6 * 2 / 200e9, 1e6], [3e6 * 2 / 200e9, 3e6]], rtol=1e-9)


def test_states_hold_nodal_fields(bar: Body) -> None:
    states = BodyProblem(bar, STEEL).add(*ROLLERS).press("right", "-s").solve([1e6, 2e6])
    assert states is not None
    x = states.labels.points
    assert states.labels.weights.sum() == pytest.approx(LENGTH * WIDTH**2)
    moved = states.field("displacement").values[1] / (2e6 / 200e9)
    np.testing.assert_allclose(moved, x * [1.0, -0.3, -0.3], atol=1e-9)
    np.testing.assert_allclose(states.field("stress").values[1, :, 0], 2e6, rtol=1e-9)


def test_a_bar_that_is_driven_by_displacement_alone(bar: Body) -> None:
    problem = BodyProblem(bar, STEEL).add(*ROLLERS, Fixed(on="right", x="0.001*s"))
    np.testing.assert_allclose(told(problem, [2.0], ("stress", "xx", [1.0, 0.2, 0.2])), 200e9 * 0.001, rtol=1e-9)


def test_two_materials_bonded(plate: Body) -> None:
    layered = {"one": MaterialCard(young=200e9, poisson=0.0), "other": MaterialCard(young=70e9, poisson=0.0)}
    problem = BodyProblem(halves(plate), layered, "plane stress")
    problem.add(Symmetry(on="left"), Symmetry(on="front"), Traction(on="right", x=1e6))
    assert told(problem, [0.0], ("displacement", "x", [2.0, 0.0]))[0, 0] == pytest.approx(1e6 / 200e9 + 1e6 / 70e9)


def test_a_face_may_have_several_names(bar: Body) -> None:
    problem = BodyProblem(bar, STEEL).add(*ROLLERS, Pressure(on="all", value=5e6))
    found = told(problem, [0.0], *(("stress", component, [1.0, 0.2, 0.2]) for component in ("xx", "yy", "zz", "xy")))
    np.testing.assert_allclose(found[0], [-5e6, -5e6, -5e6, 0.0], rtol=1e-9, atol=1e-3)


def test_weight_hangs_on_its_support(bar: Body) -> None:
    card = MaterialCard(young=200e9, poisson=0.0, density=7800.0)
    problem = BodyProblem(bar, card).add(*ROLLERS, Gravity(on="body", x=9.81))
    found = told(problem, [0.0], ("displacement", "x", [2.0, 0.1, 0.1]))
    assert found[0, 0] == pytest.approx(7800.0 * 9.81 * LENGTH**2 / (2.0 * 200e9), rel=1e-9)
    problem = BodyProblem(bar, card).add(*ROLLERS, BodyForce(on="body", x="7800*9.81*(1 if x > 1 else 0)"))
    assert told(problem, [0.0], ("stress", "xx", [0.0, 0.1, 0.1]))[0, 0] == pytest.approx(7800 * 9.81, rel=1e-2)


def test_a_foundation_along_the_normal_alone(bar: Body) -> None:
    springs = Foundation(on="left", stiffness=1e10, normal=True)
    problem = BodyProblem(bar, STEEL).add(springs, *ROLLERS[1:], Traction(on="right", x=1e6))
    assert told(problem, [0.0], ("displacement", "x", [0.0, 0.1, 0.1]))[0, 0] == pytest.approx(1e-4, rel=1e-9)


def test_thermal_strain_of_a_given_temperature(plate: Body) -> None:
    card = MaterialCard(young=100e9, poisson=0.0, expansion=[[0.0, 1e-5], [100.0, 2e-5]], reference_temperature=0.0)
    problem = BodyProblem(plate, card, "plane stress").add(
        Symmetry(on="left"), Symmetry(on="front"), Symmetry(on="right"), Temperature(on="body", value="state")
    )
    found = told(problem, [0.0, 50.0, 100.0], ("stress", "xx", [0.4, 0.2]))
    np.testing.assert_allclose(found[:, 0], [0.0, -100e9 * 1.5e-5 * 50.0, -100e9 * 2e-5 * 100.0], rtol=1e-9, atol=1.0)


@pytest.mark.parametrize("k", [2.0, "2.0 + 0*T", [[0.0, 2.0], [1000.0, 2.0]]])
def test_flux_source_and_convection_balance(plate: Body, k: Any) -> None:
    problem = BodyProblem(plate, MaterialCard(conductivity=k), "plane stress", "heat").add(
        Flux(on="right", value=30.0),
        HeatSource(on="body", value=10.0),
        Convection(on="left", coefficient=5.0, ambient="s"),
    )
    found = told(problem, [20.0], ("temperature", "", [0.0, 0.2]), ("temperature", "", [2.0, 0.2]))
    left = 20.0 + (30.0 + 10.0 * LENGTH) / 5.0
    np.testing.assert_allclose(found[0], [left, left + (30.0 * LENGTH + 10.0 * LENGTH**2 / 2.0) / 2.0], rtol=1e-9)


def test_conduction_in_a_ring_is_logarithmic() -> None:
    corners = [[1.0, 0.0], [2.0, 0.2]]
    mesh = dolfinx.mesh.create_rectangle(MPI.COMM_SELF, corners, [32, 1], dolfinx.mesh.CellType.quadrilateral)
    body = mark_boundaries(mesh, {"in": lambda x: np.isclose(x[0], 1.0), "out": lambda x: np.isclose(x[0], 2.0)})
    problem = BodyProblem(body, MaterialCard(conductivity=3.0), "axisymmetric", "heat")
    problem.add(Temperature(on="in", value=100.0), Temperature(on="out", value=0.0))
    states = problem.solve([0.0], probes=[Probe(field="temperature", at=[1.5, 0.1])])
    assert problem.told[0]["value"] == pytest.approx(100.0 * np.log(2.0 / 1.5) / np.log(2.0), rel=1e-6)
    assert states is not None and states.labels.weights.sum() == pytest.approx(np.pi * (4.0 - 1.0) * 0.2)


def test_values_of_dolfinx_are_read_at_every_solve(bar: Body) -> None:
    pull = fem.Constant(bar.mesh, 1e6)
    problem = BodyProblem(bar, STEEL).add(*ROLLERS, Traction(on="right", x=pull))
    probe = ("stress", "xx", [1.0, 0.2, 0.2])
    assert told(problem, [0.0], probe)[0, 0] == pytest.approx(1e6)
    pull.value = 2e6
    assert told(problem, [0.0], probe)[0, 0] == pytest.approx(2e6)


BAD: Mapping[str, tuple[Any, str]] = {
    "unknown group": (
        Pressure(on="top", value=1.0),
        r"\[\[pressure\]\] on 'top': the mesh has no group 'top'; it has:",
    ),
    "faces for cells": (Gravity(on="left", x=1.0), r"\[\[gravity\]\] on 'left': is a group of faces; it acts on cells"),
    "cells for faces": (Pressure(on="body", value=1.0), r"on 'body': is a group of cells; it acts on faces"),
    "no z": (Fixed(on="left", z=0.0), r"\[\[fixed\]\] on 'left': a 2-D mesh has no z"),
    "no z traction": (Traction(on="left", z=1.0), r"\[\[traction\]\] on 'left': a 2-D mesh has no z"),
    "z in a formula": (Pressure(on="left", value="z"), r"\[\[pressure\]\] on 'left': 'z' uses 'z', which a 2-D mesh"),
    "no plane": (Symmetry(on="all"), r"\[\[symmetry\]\] on 'all': is no plane normal to a coordinate axis"),
    "no conduction": (Flux(on="left", value=1.0), r"\[\[flux\]\] on 'left': the analysis 'static' conducts no heat"),
    "no conduction on a face": (Temperature(on="left", value=1.0), r"the analysis 'static' conducts no heat"),
    "disagreement": (
        Fixed(on="all", x=1.0),
        r"state state = 0: \[\[fixed\]\] on 'left' and \[\[fixed\]\] on 'all' give one place different x-displ",
    ),
    "late table": (
        Pressure(on="left", value=[[1.0, 0.0], [2.0, 1.0]]),
        r"state state = 0: time 0 is outside the table of \[\[pressure\]\] on 'left' \(1 to 2\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_conditions_are_one_line(plate: Body, case: str) -> None:
    condition, message = BAD[case]
    with pytest.raises(InputError, match=message) as caught:
        BodyProblem(plate, STEEL, "plane stress").add(Fixed(on="left"), condition).solve([0.0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("held", "motion"),
    [
        ([], "displacement along"),
        ([Fixed(on="left", x=0.0)], "displacement along y"),
        ([Fixed(on="front", y=0.0)], "displacement along x"),
    ],
)
def test_what_nothing_holds_is_named(plate: Body, held: list[Fixed], motion: str) -> None:
    with pytest.raises(InputError, match=rf"nothing holds the body against {motion}.*: add \[\[fixed\]\]"):
        BodyProblem(plate, STEEL, "plane stress").add(*held).solve([0.0])


def test_bad_problems_are_one_line(plate: Body, bar: Body) -> None:
    heat = MaterialCard(conductivity=1.0)
    for message, make in {
        "setting 'solid' is not for a 2-D mesh": lambda: BodyProblem(plate, STEEL),
        "setting 'plane stress' is not for a 3-D mesh": lambda: BodyProblem(bar, STEEL, "plane stress"),
        "material.body.young: missing; the analysis 'static' needs it": lambda: BodyProblem(bar, heat),
        "material.lid: no such group of cells; the mesh has: body": lambda: BodyProblem(bar, {"lid": STEEL}),
        "'body' has no material: add": lambda: BodyProblem(bar, {}),
        "steps.initial_temperature: missing": lambda: BodyProblem(
            bar, MaterialCard(conductivity=1.0, density=1.0, specific_heat=1.0), analysis="transient heat"
        ),
        "reference_temperature: missing; expansion": lambda: BodyProblem(
            bar, MaterialCard(young=1.0, poisson=0.0, expansion=1.0)
        ),
        "nothing fixes the level of the temperature": lambda: BodyProblem(bar, heat, analysis="heat").solve([0.0]),
        "lies outside the mesh": lambda: (
            BodyProblem(bar, STEEL)
            .add(*ROLLERS)
            .solve([0.0], probes=[Probe(field="stress", component="xx", at=[9.0, 0.0, 0.0])])
        ),
        "has no such value": lambda: (
            BodyProblem(bar, STEEL)
            .add(*ROLLERS)
            .solve([0.0], probes=[Probe(field="stress", component="x", at=[1.0, 0.0, 0.0])])
        ),
    }.items():
        with pytest.raises(InputError, match=message):
            make()


def test_a_temperature_outside_a_property_names_group_key_and_state(plate: Body) -> None:
    card = MaterialCard(young=[[0.0, 2e9], [100.0, 1e9]], poisson=0.3, expansion=1e-5, reference_temperature=20.0)
    problem = BodyProblem(plate, card, "plane stress").add(Fixed(on="left"), Temperature(on="body", value="state"))
    with pytest.raises(
        InputError, match=r"state state = 120: 120 is outside the young of material 'body' \(0 to 100\)"
    ):
        problem.solve([50.0, 120.0])


def test_a_cell_that_is_turned_over_is_refused() -> None:
    mesh = dolfinx.mesh.create_unit_square(MPI.COMM_SELF, 2, 2, dolfinx.mesh.CellType.quadrilateral)
    mesh.geometry.x[np.argmin(np.hypot(mesh.geometry.x[:, 0] - 0.5, mesh.geometry.x[:, 1] - 0.5)), :2] = [0.9, 0.95]
    body = mark_boundaries(mesh, {"all": lambda x: np.full(x.shape[1], True)})
    with pytest.raises(InputError, match=r"a cell near \(.*\) has a negative Jacobian"):
        BodyProblem(body, STEEL, "plane stress")


def test_a_new_modulus_compiles_nothing(bar: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    import ffcx.codegeneration.jit as ffcx_jit

    def solve(young: float) -> float:
        problem = BodyProblem(bar, MaterialCard(young=young, poisson=0.3)).add(*ROLLERS, Traction(on="right", x=young))
        return float(told(problem, [0.0], ("displacement", "x", [2.0, 0.1, 0.1]))[0, 0])

    assert solve(200e9) == pytest.approx(2.0)
    # Nobody can have solved for this one before, so no cache helps.
    young = float(np.random.default_rng().uniform(1e11, 2e11))
    monkeypatch.setattr(ffcx_jit, "_compile_objects", lambda *_, **__: pytest.fail("a form was compiled"))
    assert solve(young) == pytest.approx(2.0)


def test_steps_are_strict() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Steps(end=-1.0)


def t3(count: int | None, tolerance: float = 1e-4) -> float:
    """NAFEMS T3 on a fine line of cells: T at 0.08 m after 32 s."""
    body = marked(dolfinx.mesh.create_rectangle(MPI.COMM_SELF, [[0.0, 0.0], [0.1, 0.01]], [60, 1]), 0.1)
    card = MaterialCard(conductivity=35.0, density=7200.0, specific_heat=440.5)
    steps = Steps(initial_temperature=0.0, count=count, tolerance=tolerance)
    problem = BodyProblem(body, card, "plane stress", "transient heat", steps)
    problem.add(Temperature(on="left", value=0.0), Temperature(on="right", value="100*sin(pi*t/40)"))
    return float(told(problem, [32.0], ("temperature", "", [0.08, 0.0]))[0, 0])


@pytest.mark.medium
def test_transient_conduction_is_of_second_order_in_time() -> None:
    exact = t3(256)
    errors = [abs(t3(count) - exact) for count in (8, 16, 32)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 1.8), orders
    assert exact == pytest.approx(36.6031, abs=2e-3)


def test_steps_by_tolerance_keep_their_word() -> None:
    assert t3(None, 1e-3) == pytest.approx(36.6031, abs=0.1)
    assert t3(None, 1e-5) == pytest.approx(36.6031, abs=2e-3)


def test_each_state_may_be_a_run_of_its_own(plate: Body) -> None:
    """Lumped heating: rho c dT/dt = q, the state is q."""
    card = MaterialCard(conductivity=1e3, density=2.0, specific_heat=3.0)
    steps = Steps(end=4.0, initial_temperature=10.0)
    problem = BodyProblem(plate, card, "plane stress", "transient heat", steps).add(HeatSource(on="body", value="s"))
    found = told(problem, [6.0, 12.0], ("temperature", "", [1.0, 0.2]))
    np.testing.assert_allclose(found[:, 0], [10.0 + 4.0, 10.0 + 8.0], rtol=1e-10)


def test_the_heat_of_a_moving_source_is_all_in_the_body(plate: Body) -> None:
    card = MaterialCard(conductivity=50.0, density=10.0, specific_heat=10.0)
    spot = MovingSource(on="body", path=[[0.0, 0.6, 0.25], [2.0, 1.4, 0.25]], power=300.0, radius=0.06)
    steps = Steps(initial_temperature=20.0, count=20)
    problem = BodyProblem(plate, card, "plane stress", "transient heat", steps).add(spot)
    states = problem.solve([2.0])
    assert states is not None
    heat = 100.0 * states.labels.weights @ (states.field("temperature").values[0, :, 0] - 20.0)
    assert heat == pytest.approx(600.0, rel=5e-3)


def test_a_plastic_bar_follows_its_bilinear_curve(bar: Body) -> None:
    young, tangent, start = 100e9, 10e9, 100e6
    hardening = LinearTable(law="linear", yield_stress=start, modulus=young * tangent / (young - tangent))
    card = MaterialCard(young=young, poisson=0.3, hardening=hardening)
    problem = BodyProblem(bar, card, analysis="plastic").add(*ROLLERS, Fixed(on="right", x=f"{LENGTH}*s"))
    asked = (("stress", "xx", [1.0, 0.2, 0.2]), ("equivalent_plastic_strain", "", [1.0, 0.2, 0.2]))
    found = told(problem, [5e-4, 5e-3, 1e-2], *asked)
    stress = np.array([5e-4 * young, start + tangent * 4e-3, start + tangent * 9e-3])
    np.testing.assert_allclose(found[:, 0], stress, rtol=1e-6)
    np.testing.assert_allclose(found[:, 1], np.array([5e-4, 5e-3, 1e-2]) - stress / young, atol=1e-8)


def test_an_axisymmetric_ring_yields_as_hill_says() -> None:
    """Outer displacement of a perfectly plastic ring at 0.14 GPa (lengths in mm, stresses in GPa)."""
    corners = [[100.0, 0.0], [200.0, 10.0]]
    mesh = dolfinx.mesh.create_rectangle(MPI.COMM_SELF, corners, [24, 1], dolfinx.mesh.CellType.quadrilateral)
    places = {
        "bore": lambda x: np.isclose(x[0], 100.0),
        "bottom": lambda x: np.isclose(x[1], 0.0),
        "top": lambda x: np.isclose(x[1], 10.0),
    }
    card = MaterialCard(young=210.0, poisson=0.3, hardening=LinearTable(law="linear", yield_stress=0.24))
    problem = BodyProblem(mark_boundaries(mesh, places), card, "axisymmetric", "plastic", Steps(count=4))
    problem.add(Symmetry(on="bottom"), Symmetry(on="top")).press("bore", "state")
    exact = study_module(studies_folder() / "codes", "hill_cylinder").exact_displacement
    found = told(problem, [0.08, 0.14], ("displacement", "x", [200.0, 5.0]))
    np.testing.assert_allclose(found[:, 0], [exact(0.08), exact(0.14)], rtol=2e-3)


def test_two_metals_yield_each_at_its_own_stress(plate: Body) -> None:
    def metal(start: float) -> MaterialCard:
        return MaterialCard(young=100e9, poisson=0.0, hardening=LinearTable(law="linear", yield_stress=start))

    cards = {"one": metal(50e6), "other": metal(1e9)}
    problem = BodyProblem(halves(plate), cards, "plane strain", "plastic")
    problem.add(Fixed(on="all", y=0.0), Symmetry(on="left"), Fixed(on="right", x="s"))
    found = told(problem, [4e-3], ("equivalent_plastic_strain", "", [0.2, 0.2]), ("stress", "xx", [1.8, 0.2]))
    assert found[0, 0] > 1e-4
    assert problem.told[1]["value"] > 0.0 and told(problem, [4e-3], ("equivalent_plastic_strain", "", [1.8, 0.2]))[
        0, 0
    ] == pytest.approx(0.0, abs=1e-12)


def test_a_law_that_depends_on_the_rate_is_refused(bar: Body) -> None:
    card = MaterialCard(young=1e9, poisson=0.3, hardening=COPPER)
    with pytest.raises(InputError, match=r"material.body.hardening.rate_factor: quasi-static plasticity knows no rate"):
        BodyProblem(bar, card, analysis="plastic").add(*ROLLERS).solve([0.0, 1.0])


def test_large_strain_is_said(bar: Body) -> None:
    card = MaterialCard(young=1e9, poisson=0.3, hardening=LinearTable(law="linear", yield_stress=1e6, modulus=1e7))
    problem = BodyProblem(bar, card, analysis="plastic", steps=Steps(count=3))
    lines: list[str] = []
    problem.add(*ROLLERS, Fixed(on="right", x="s")).solve([0.02, 0.2], report=lines.append)
    assert "PLASTIC STRAIN" not in lines[0] and "PLASTIC STRAIN 9.8%" in lines[1]
