import numpy as np
import pytest
import torch

from cmgai_fem.commands.states_file import load_states_file
from cmgai_fem.distributions.mixture_density import Mixture
from cmgai_fem.distributions.training import Budget
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

STUDY = studies_folder() / "multimodal"
fields_study = study_module(STUDY, "fields_study")
FieldsPlan = fields_study.FieldsPlan
judge_fields, run_monte_carlo, study_fields = (
    fields_study.judge_fields, fields_study.run_monte_carlo, fields_study.study_fields
)  # fmt: skip
Setup, project = study_module(STUDY, "fit").Setup, study_module(STUDY, "fit").project
methods_for = study_module(STUDY, "fits").methods_for
GAUGE_ERRORS, StripFields = (
    getattr(study_module(STUDY, "problems.strip_fields"), name) for name in ("GAUGE_ERRORS", "StripFields")
)  # fmt: skip


@pytest.fixture(scope="module")
def problem():
    return StripFields(unseen=(92.5, 140.0))


@pytest.fixture(scope="module")
def truth(problem):
    return run_monte_carlo(problem, 30, np.random.default_rng(8))


def test_specimens_are_drawn_at_known_pulls_alone(problem):
    x, u, heat = problem.sample(20, np.random.default_rng(1))
    assert sorted(x[:, 0]) == sorted(list(problem.known) * 4)
    assert not set(problem.unseen) & set(x[:, 0]) and u.shape == (20, 6) and set(heat) == {0, 1}
    apart = problem.modes(x, u)
    np.testing.assert_array_equal(apart[apart >= 0], heat[apart >= 0])


def test_modes_are_orthonormal_and_fields_come_back(problem):
    volumes = problem.strip.volumes
    for modes in (problem.basis.plastic, problem.basis.residual):
        gram = np.einsum("iPc,jPc,P->ij", modes.shapes, modes.shapes, volumes / volumes.sum())
        np.testing.assert_allclose(gram, np.eye(3), atol=1e-10)
    coefficients = np.array([[0.5, -0.2, 0.1, 3.0, 1.0, -0.5]])
    plastic, residual = problem.basis.fields(coefficients)
    np.testing.assert_allclose(problem.basis.coefficients(volumes, plastic[0], residual[0]), coefficients[0], atol=1e-9)


def test_coefficients_describe_the_solved_fields_and_are_tied_by_equilibrium(problem):
    """What three modes leave out is small, and so is the mismatch of a solved field; an untied field's is not."""
    pulls = [105.0, 125.0]
    response = problem.respond(pulls, 250.0, 5000.0)
    clean = problem.read(pulls, response, None)
    plastic, residual = problem.basis.fields(clean)
    np.testing.assert_allclose(plastic, response.plastic_strain, atol=0.2 * np.abs(response.plastic_strain).max())
    found = np.stack([problem.stress(pull, field[None])[0] for pull, field in zip(pulls, residual, strict=True)])
    volumes = problem.strip.volumes
    missed = np.einsum("sPc,P->", (found - response.stress) ** 2, volumes) / np.einsum(
        "sPc,P->", response.stress**2, volumes
    )
    assert np.sqrt(missed) < 0.01
    x = np.array(pulls)[:, None]
    assert (problem.residual(x, clean) < 1.0).all()
    apart = clean.copy()
    apart[:, 3] += 5.0
    assert (problem.residual(x, apart) > 2.0).all()


def test_priors_are_zero_where_stress_and_strain_belong_together(problem):
    plastic = torch.tensor([[[0.4, 0.1, 0.0], [1.0, -0.1, 0.1]]], dtype=torch.float64)
    basis = problem.basis
    tied = torch.tensor(basis.offset) + plastic @ torch.tensor(basis.tie).mT
    means = torch.cat([plastic, tied], dim=-1)
    off = means.clone()
    off[..., 3] += 2.0
    x = torch.tensor([[100.0]], dtype=torch.float64)
    (equilibrium,) = problem.priors()
    assert len(problem.regime_priors()) == 3

    def penalty(at: torch.Tensor, deviation: float) -> list[float]:
        mixture = Mixture(torch.zeros(1, 2, dtype=torch.float64), at, torch.full_like(at, deviation))
        return equilibrium.penalty(x, mixture, lambda axis, order=1: pytest.fail("no slope is needed"))[0].tolist()

    assert penalty(means, 0.0) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert penalty(off, 0.0) == pytest.approx([4.0 / 3.0, 4.0 / 3.0])
    # Of independent deviations one: 1 for each stress coefficient itself, and what the plastic ones call for.
    spread = 1.0 + float((basis.tie**2).sum()) / 3.0
    assert penalty(means, 1.0) == pytest.approx([spread, spread])


def test_projected_specimens_are_in_equilibrium_and_keep_their_place(problem, truth):
    drawn = truth.reference.laws[1][None, None]
    found = project(problem, np.array([[140.0]]), drawn, np.random.default_rng(0))
    assert problem.residual(np.full((30, 1), 140.0), found[0, 0]).max() < 1e-10
    way = problem.residual(np.full((30, 1), 140.0), drawn[0, 0])
    assert (np.linalg.norm((found - drawn) / problem.card.unit_sizes, axis=-1)[0, 0] < 0.2 * way).all()


def test_fresh_specimens_are_nearer_the_truth_than_those_of_another_pull(problem, truth):
    fresh = judge_fields(problem, truth, [0], truth.reference.fresh[:1])
    other = judge_fields(problem, truth, [0], truth.reference.fresh[1:])
    for measure in ("W1", "W2", "W2 plastic 1", "95 % plastic strain"):
        assert fresh[measure] < 0.3 * other[measure]
    assert truth.fields.shape[:3] == (2, 2, 3) and (np.diff(truth.fields, axis=2) >= 0.0).all()
    np.testing.assert_array_equal(truth.reference.only([1]).x, np.full((30, 1), 140.0))


def test_files_of_specimens_are_those_that_the_study_draws(problem, tmp_path):
    specimens = study_module(STUDY, "specimens")
    pulls, read = specimens.write_specimens(problem, tmp_path, 15, 3)
    x, u, _ = problem.sample(15, np.random.default_rng([3, 15]))
    np.testing.assert_array_equal(pulls, x[:, 0])
    np.testing.assert_array_equal(read, u)
    inputs = load_states_file(tmp_path / "stress.toml")
    found = inputs.read_specimens()
    assert found.counts == dict.fromkeys(problem.known, 3) and found.data.values.shape[2] == 6
    np.testing.assert_allclose(found.numbered.labels.weights, problem.strip.volumes)
    # Written in the order of the draw, read in that of the pulls: files of one pull in the order of their names.
    row = int(found.numbered.files[0].stem.split("_")[-1])
    strength, modulus, _ = StripFields.specimens(problem, 15, skipped(problem, 3, 15))
    exact = problem.respond([pulls[row]], strength[row], modulus[row]).stress[0] / 1e6
    np.testing.assert_allclose(found.data.values[0, :, :4], exact)


def skipped(problem, seed, size):
    """The source of chance after the study has dealt out the pulls."""
    rng = np.random.default_rng([seed, size])
    rng.permutation(np.resize(problem.known, size))
    return rng


def test_gauge_errors_are_small_beside_the_scatter(truth):
    assert (truth.reference.laws[0].std(axis=0) > 1.2 * GAUGE_ERRORS).all()


@pytest.mark.medium
def test_study_measures_every_method_inside_and_outside():
    plan = FieldsPlan(samples=[40], specimens=20, known=[70.0, 85.0, 100.0, 115.0], unseen=[92.5, 125.0])
    found = study_fields(plan, Setup((3,), (8, 8), Budget(20), (0.1, 1.0), torch.device("cpu")))
    fitted = [*methods_for(StripFields()), "normal per state", "CM-GAI", "CM-GAI, row by row", "mixture, carried"]
    assert {row.case for row in found.rows} == {"strip_fields", "strip_fields, outside"}
    moved = {f"{method}, projected" for method in fitted if method != "projection during sampling"}
    assert {row.method for row in found.rows} == {"fresh samples", *fitted, *moved}
    assert max(row.value for row in found.rows if "projected" in row.method and row.measure == "residual") < 1e-9
    assert all(np.isfinite(row.value) for row in found.rows)
    assert {row.quantity for row in found.rows} == set(plan.quantities())
    assert len(found.tables) == 6 and set(found.figures) == {"strip_fields", "strip_laws"}
    bodies = [axes for axes in found.figures["strip_fields"].axes if axes.collections and not axes.axison]
    # Beside the methods the Monte Carlo itself and fresh samples of it.
    assert len(bodies) == 3 * (len(fitted) + 2)
