"""Bodies in motion of a user's own: waves, flights and impacts with exact answers, said in Python."""

from pathlib import Path
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import pytest
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body, Group, mark_boundaries
from cmgai_fem.mechanics.conditions import (
    BodyForce,
    Convection,
    Fixed,
    Foundation,
    Gravity,
    InitialVelocity,
    Pressure,
    Symmetry,
    Wall,
)  # fmt: skip
from cmgai_fem.mechanics.explicit_body import ExplicitBody
from cmgai_fem.mechanics.material_card import MaterialCard
from cmgai_fem.mechanics.materials import LinearTable
from cmgai_fem.mechanics.probes import Probe
from cmgai_fem.mechanics.problem import BodyProblem, Steps
from cmgai_fem.mechanics.taylor_rod import COPPER
from cmgai_fem.states.states import States

LENGTH, WIDTH, CELLS = 1.0, 0.05, 100
# Without lateral contraction the bar is one-dimensional; at 1 m/s strains are of 2e-4.
CARD: dict[str, Any] = {"young": 200e9, "poisson": 0.0, "density": 8000.0}
ELASTIC = MaterialCard(**CARD)
SPEED = 5000.0
IMPEDANCE = 8000.0 * SPEED
SOFT = LinearTable(law="linear", yield_stress=20e6, modulus=1e9)
LEFT = Wall(point=[0.0, 0.0], normal=[2.0, 0.0])


def bar(kind: str = "quadrilateral", cells: int = CELLS) -> Body:
    corners = [[0.0, 0.0], [LENGTH, WIDTH]]
    mesh = dolfinx.mesh.create_rectangle(MPI.COMM_SELF, corners, [cells, 1], dolfinx.mesh.CellType[kind])
    places = {"left": lambda x: np.isclose(x[0], 0.0), "right": lambda x: np.isclose(x[0], LENGTH)}
    return mark_boundaries(mesh, places)


def halves(body: Body) -> Body:
    middle = body.mesh.geometry.x[body.mesh.geometry.dofmaps[0]].mean(axis=1)[:, 0]
    groups = {name: group for name, group in body.groups.items() if name != "body"}
    groups["one"] = Group(2, np.flatnonzero(middle < 0.5 * LENGTH))
    groups["other"] = Group(2, np.flatnonzero(middle > 0.5 * LENGTH))
    return Body(body.mesh, groups)


def problem(body: Body, card: Any = ELASTIC, **steps: Any) -> BodyProblem:
    return BodyProblem(body, card, "plane strain", "explicit", Steps(**steps))


def solved(asked: BodyProblem, values: list[float]) -> States:
    states = asked.solve(values)
    assert states is not None
    return states.check_finite()


def axial(states: States, low: float, high: float) -> float:
    """Mean axial stress between two places along the bar."""
    x = states.labels.points[:, 0]
    return float(states.field("stress").values[-1, (x > low) & (x < high), 0].mean())


def test_a_bar_that_strikes_a_wall_bears_the_exact_stress_and_rebounds() -> None:
    asked = problem(bar(), end=0.6 * LENGTH / SPEED).add(InitialVelocity(x="-s"), LEFT)
    states = solved(asked, [0.5, 1.0])
    assert set(states.fields) == {"displacement", "stress", "equivalent_plastic_strain"}
    assert axial(states, 0.1, 0.5) == pytest.approx(-IMPEDANCE, rel=5e-3)
    assert abs(axial(states, 0.75, 1.0)) < 1e-2 * IMPEDANCE
    slow, fast = states.field("displacement").values
    np.testing.assert_allclose(fast, 2.0 * slow, atol=1e-3 * np.abs(fast).max())
    end = 3.0 * LENGTH / SPEED
    left = solved(problem(bar(), end=end).add(InitialVelocity(x="-s"), LEFT), [1.0]).field("displacement").values
    # It leaves the wall at 2 L/c with the velocity that it came with.
    assert left[0, :, 0].mean() == pytest.approx(LENGTH / SPEED, rel=1e-2)


def test_a_wall_that_comes_is_a_body_that_goes() -> None:
    time = 0.6 * LENGTH / SPEED
    card = MaterialCard(**CARD, hardening=SOFT)
    going = solved(problem(bar(), card, end=time).add(InitialVelocity(x=-1.0), LEFT), [0.0])
    coming = Wall(point=[0.0, 0.0], normal=[1.0, 0.0], travel="1.0*t")
    struck = solved(problem(bar(), card, end=time).add(coming), [0.0])
    moved = going.field("displacement").values + np.array([time, 0.0])
    np.testing.assert_allclose(struck.field("displacement").values, moved, atol=1e-9 * time)
    plastic = going.field("equivalent_plastic_strain").values
    assert plastic.max() > 1e-5
    np.testing.assert_allclose(struck.field("equivalent_plastic_strain").values, plastic, atol=1e-7 * plastic.max())


def test_an_end_that_is_driven_sends_the_same_wave_as_a_wall() -> None:
    asked = problem(bar(), time_per_state=1e-6).add(Fixed(on="left", x="1.0*t"), Fixed(on="left", y=0.0))
    states = solved(asked, [60.0, 120.0])
    assert axial(states, 0.1, 0.5) == pytest.approx(-IMPEDANCE, rel=5e-3)
    np.testing.assert_allclose(
        states.field("displacement").values[:, states.labels.points[:, 0] < 1e-9, 0], [[60e-6] * 2, [120e-6] * 2]
    )


def test_what_moves_as_a_whole_bears_no_stress_and_keeps_the_energy_balance() -> None:
    asked = problem(bar(cells=10), end=1e-3).add(Fixed(on="body", x="50*t^2", y=[[0.0, 0.0], [1e-3, 1e-3]]))
    solver = ExplicitBody(asked)
    solver.reach([0.0], 0, "state = 0")
    run = solver.run
    assert run is not None and run.largest_drift < 1e-6
    np.testing.assert_allclose(run.displacement.array.reshape(-1, 2), [[50e-6, 1e-3]] * 22, rtol=1e-12)
    assert run.energies().kinetic == pytest.approx(0.5 * 8000 * LENGTH * WIDTH * (0.1**2 + 1.0), rel=1e-2)
    assert run.energies().outside == pytest.approx(-run.energies().kinetic, rel=1e-2)


def test_weight_lets_a_body_fall_and_springs_carry_it() -> None:
    body, time = bar(cells=10), 1e-3
    asked = problem(body, end=time).add(Gravity(on="body", y="-s"), BodyForce(on="body", x=8000.0 * 4.0))
    moved = solved(asked, [10.0]).field("displacement").values
    np.testing.assert_allclose(moved[0], [[2.0 * time**2, -5.0 * time**2]] * 22, rtol=1e-9)
    # A rigid body on springs: x = (g/w^2)(1 - cos w t), w^2 = k/(rho L).
    stiffness = 8000.0 * LENGTH * 1e6
    held = problem(body, end=time).add(Gravity(on="body", x=-10.0), Foundation(on="left", stiffness=stiffness))
    found = solved(held, [0.0]).field("displacement").values[0, :, 0].mean()
    assert found == pytest.approx(-10.0 / 1e6 * (1.0 - np.cos(1e3 * time)), rel=2e-2)


def test_pressure_on_an_end_sends_its_own_wave() -> None:
    asked = problem(bar(), end=0.6 * LENGTH / SPEED).add(Pressure(on="left", value=[[0.0, 4e7], [1.0, 4e7]]))
    states = solved(asked, [0.0])
    assert axial(states, 0.1, 0.5) == pytest.approx(-4e7, rel=5e-3)
    at_end = states.field("displacement").values[0, states.labels.points[:, 0] < 1e-9, 0].mean()
    assert at_end == pytest.approx(4e7 / IMPEDANCE * 0.6 * LENGTH / SPEED, rel=5e-3)


def test_a_wave_goes_over_into_another_metal_as_its_impedance_says() -> None:
    heavy = MaterialCard(**(CARD | {"density": 32000.0}))
    asked = problem(halves(bar(cells=200)), {"one": ELASTIC, "other": heavy}, end=0.75 * LENGTH / SPEED)
    states = solved(asked.add(Fixed(on="left", x="1.0*t")), [0.0])
    # The heavier half has twice the impedance: 4/3 of the stress goes on.
    assert axial(states, 0.52, 0.58) == pytest.approx(-IMPEDANCE * 4.0 / 3.0, rel=1e-2)


def test_two_groups_of_one_metal_are_one_body() -> None:
    card = MaterialCard(**CARD, hardening=SOFT)
    conditions = (InitialVelocity(x=-2.0), LEFT)
    one = solved(problem(bar(), card, end=5e-5).add(*conditions), [0.0])
    two = solved(problem(halves(bar()), card, end=5e-5).add(*conditions), [0.0])
    for name, field in one.fields.items():
        np.testing.assert_allclose(two.field(name).values, field.values, atol=1e-10 * np.abs(field.values).max())


def test_a_ring_that_is_thrown_outwards_keeps_its_axis_and_its_energy() -> None:
    mesh = dolfinx.mesh.create_rectangle(
        MPI.COMM_SELF, [[0.0, 0.0], [0.1, 0.02]], [10, 2], dolfinx.mesh.CellType.quadrilateral
    )
    disc = mark_boundaries(mesh, {"side": lambda x: np.isclose(x[0], 0.1)})
    card = MaterialCard(**CARD, hardening=SOFT, taylor_quinney=1.0, specific_heat=500.0)
    asked = BodyProblem(disc, card, "axisymmetric", "explicit", Steps(end=2e-5, initial_temperature=20.0))
    asked.add(InitialVelocity(x="20*x/0.1"))
    solver = ExplicitBody(asked)
    solver.reach([0.0], 0, "state = 0")
    run = solver.run
    assert run is not None and run.largest_drift < 5e-3
    axis = run.kinematics.nodes[:, 0] == 0.0
    assert np.all(run.displacement.array.reshape(-1, 2)[axis, 0] == 0.0)
    heat = run.point_values()["temperature"] - 20.0
    weights = run.kinematics.full.weights.ravel()
    work = float(weights @ run.synchronised()[0].plastic_work)
    assert 8000.0 * 500.0 * float(weights @ heat[0]) == pytest.approx(work, rel=1e-9)
    assert heat.max() > 0.01


def test_extents_and_largest_values_of_a_group() -> None:
    asked = problem(bar(cells=10), end=1e-3).add(Fixed(on="body", x="50*t^2 + 100*x*t", y=0.0))
    probes = [
        Probe(field="extent", component="x", on="body"),
        Probe(field="extent", component="y", on="left"),
        Probe(field="displacement", component="x", on="left"),
        Probe(field="displacement", component="x", on="body"),
    ]
    assert asked.solve([0.0], probes=probes) is not None
    np.testing.assert_allclose([row["value"] for row in asked.told], [1.1 * LENGTH, WIDTH, 50e-6, 0.10005], rtol=1e-9)


def test_history_is_kept_at_the_times_asked_for() -> None:
    card = MaterialCard(**CARD, hardening=SOFT)
    states = solved(problem(bar(), card, end=5e-5, history=[2e-5, 5e-5]).add(InitialVelocity(x=-2.0), LEFT), [0.0])
    history = states.field("equivalent_plastic_strain_history")
    assert history.components == ("t=20us", "t=50us")
    assert np.all(np.diff(history.values, axis=2) >= 0.0)
    np.testing.assert_array_equal(history.values[..., 1], states.field("equivalent_plastic_strain").values[..., 0])
    assert history.values[..., 1].sum() > 2.0 * history.values[..., 0].sum() > 0.0


HOT = {"taylor_quinney": 0.9, "specific_heat": 500.0, "hardening": SOFT}


@pytest.mark.parametrize(
    ("card", "conditions", "steps", "message"),
    [
        ({"young": "200e9 - T"}, [], {}, "material.body.young: a body in motion takes a number"),
        ({"density": None}, [], {}, "material.body.density: missing; the analysis 'explicit' needs it"),
        ({"expansion": 1e-5, "reference_temperature": 0.0}, [], {}, "material.body.expansion: a body in motion has no"),
        (HOT, [], {}, "steps.initial_temperature: missing; the heat and hardening of material.body need it"),
        (HOT | {"specific_heat": None}, [], {}, "material.body.specific_heat: missing; taylor_quinney needs it"),
        ({"hardening": COPPER}, [], {}, "steps.initial_temperature: missing"),
        ({}, [Wall(point=[0.0], normal=[1.0, 0.0])], {}, r"\[\[wall\]\]: point has 1 coordinates, the mesh 2"),
        (
            {},
            [Wall(point=[0.5, 0.0], normal=[1.0, 0.0])],
            {},
            "the body stands behind it at the start; turn the normal",
        ),
        (
            {},
            [Wall(on="body", point=[0.0, 0.0], normal=[1.0, 0.0], travel="x")],
            {},
            "'x' uses 'x', which is not known",
        ),
        ({}, [InitialVelocity(z=1.0)], {}, r"\[\[initial_velocity\]\]: a 2-D mesh has no z"),
        ({}, [InitialVelocity(on="left", x=1.0)], {}, r"\[\[initial_velocity\]\] on 'left': is a group of faces"),
        ({}, [Fixed(on="left", x=1e-3)], {}, "state = 1: .*fixed.* on 'left': the displacement jumps at the start"),
        (
            {},
            [Fixed(on="left", x=[[0.0, 0.0], [1e-6, 1e-6]])],
            {},
            "state = 1: time .* is outside the table of .*fixed",
        ),
        (
            {},
            [Fixed(on="left", x="t"), Fixed(on="body", x="2*t")],
            {},
            "'body' and another condition give one place dif",
        ),
        ({}, [], {"count": 3}, "steps.count: has no place in the analysis 'explicit'"),
        ({}, [Convection(on="left", coefficient=1.0, ambient=0.0)], {}, "a body in motion heats by its plastic work"),
    ],
)
def test_what_a_body_in_motion_does_not_take_is_said(
    card: dict[str, Any], conditions: list[Any], steps: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        problem(bar(cells=4), MaterialCard(**(CARD | card)), end=1e-3, **steps).add(*conditions).solve([1.0])


def test_walls_and_velocities_are_for_bodies_in_motion_alone() -> None:
    for condition in (LEFT, InitialVelocity(x=1.0)):
        with pytest.raises(InputError, match="is for the analysis 'explicit' alone"):
            BodyProblem(bar(cells=4), ELASTIC, "plane strain").add(condition)
    with pytest.raises(InputError, match="a body in motion is a solid, in plane strain or axisymmetric"):
        BodyProblem(bar(cells=4), ELASTIC, "plane stress", "explicit").solve([1.0])
    with pytest.raises(InputError, match=r"steps.courant: has no place in the analysis 'static'"):
        BodyProblem(bar(cells=4), ELASTIC, "plane strain", steps=Steps(courant=0.5))


def test_a_face_of_symmetry_holds_in_motion() -> None:
    asked = problem(bar(), end=0.6 * LENGTH / SPEED).add(InitialVelocity(x=-1.0), Symmetry(on="left"))
    assert axial(solved(asked, [0.0]), 0.1, 0.5) == pytest.approx(-IMPEDANCE, rel=5e-3)


def test_triangles_do_not_lock_in_plastic_flow() -> None:
    copper = MaterialCard(
        young=117e9, poisson=0.35, density=8930.0, hardening=LinearTable(law="linear", yield_stress=400e6, modulus=1e8)
    )
    found = {}
    for kind in ("quadrilateral", "triangle"):
        mesh = dolfinx.mesh.create_rectangle(
            MPI.COMM_SELF, [[0.0, 0.0], [3.2e-3, 32.4e-3]], [4, 40], dolfinx.mesh.CellType[kind],
            diagonal=dolfinx.mesh.DiagonalType.crossed,
        )  # fmt: skip
        rod = mark_boundaries(mesh, {"foot": lambda x: np.isclose(x[1], 0.0)})
        asked = BodyProblem(rod, copper, "axisymmetric", "explicit", Steps(end=15e-6))
        asked.add(InitialVelocity(y=-227.0), Wall(point=[0.0, 0.0], normal=[0.0, 1.0]))
        probes = [Probe(field="extent", component="y", on="body"), Probe(field="extent", component="x", on="foot")]
        assert asked.solve([0.0], probes=probes) is not None
        found[kind] = [row["value"] for row in asked.told]
    assert found["triangle"] == [pytest.approx(32.4e-3 - 3.26e-3, abs=1e-4), pytest.approx(5.8e-3, abs=3e-4)]
    np.testing.assert_allclose(found["triangle"], found["quadrilateral"], rtol=1.5e-2)


def test_a_solid_of_tetrahedra_bears_the_exact_stress() -> None:
    mesh = dolfinx.mesh.create_box(MPI.COMM_SELF, [[0.0] * 3, [LENGTH, WIDTH, WIDTH]], [60, 2, 2])
    body = mark_boundaries(mesh, {"left": lambda x: np.isclose(x[0], 0.0)})
    wall = Wall(on="left", point=[0.0] * 3, normal=[1.0, 0.0, 0.0])
    asked = BodyProblem(body, ELASTIC, "solid", "explicit", Steps(end=0.6 * LENGTH / SPEED))
    states = solved(asked.add(InitialVelocity(x=-1.0), wall), [0.0])
    assert axial(states, 0.1, 0.5) == pytest.approx(-IMPEDANCE, rel=1e-2)


def test_a_run_that_was_ended_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    def moments(values: list[float], **steps: Any) -> States:
        card = MaterialCard(**CARD, hardening=SOFT)
        asked = problem(bar(cells=20), card, time_per_state=1e-6, **steps)
        return solved(asked.add(InitialVelocity(x=-2.0), LEFT), values)

    whole = moments([20.0, 60.0, 90.0])
    moments([20.0, 60.0], checkpoint_folder=str(tmp_path), checkpoint_steps=5)
    assert {path.name for path in tmp_path.iterdir()} == {"run.npz", "run_at_2e-05.npz", "run_at_6e-05.npz"}
    resumed = moments([20.0, 60.0, 90.0], checkpoint_folder=str(tmp_path), checkpoint_steps=5)
    for name, field in whole.fields.items():
        np.testing.assert_array_equal(resumed.field(name).values, field.values)
    with pytest.raises(InputError, match="belongs to another run"):
        asked = problem(bar(cells=20), time_per_state=1e-6, checkpoint_folder=str(tmp_path))
        asked.add(InitialVelocity(x=-2.0), LEFT).solve([20.0])
