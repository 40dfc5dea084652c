import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from cmgai_fem.distributions.training import Budget
from cmgai_fem.errors import InputError
from cmgai_fem.study.file import find_study, read_study, studies_folder, validated
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.study.run import Options, run_study

STUDY = studies_folder() / "digits"
MODULES = ("density_motion", "images", "pipeline", "sample_measures")
density_motion, images, pipeline, measures = (study_module(STUDY, name) for name in MODULES)
ClassNormals, fit_motion = density_motion.ClassNormals, density_motion.fit_motion
classwise_energy_distance = density_motion.classwise_energy_distance
Folds, ImageSpace, draw_digits = images.Folds, images.ImageSpace, images.draw_digits
dealt_back, one_hot = images.dealt_back, images.one_hot

CPU = torch.device("cpu")


def test_training_images_are_balanced_and_never_test_images():
    digits = draw_digits(50, 3)
    assert np.bincount(digits.labels).tolist() == [5] * 10
    assert len(digits.pool) == 1000 and len(digits.test) == 797
    test = {image.tobytes() for image in digits.test}
    assert not any(image.tobytes() in test for image in digits.pool)
    pool = {image.tobytes() for image in digits.pool}
    assert all(image.tobytes() in pool for image in digits.images)


def test_image_space_is_an_isometry_up_to_its_scale():
    digits = draw_digits(200, 0)
    space = ImageSpace.of(digits.images, 64)
    features = space.features(digits.images)
    np.testing.assert_allclose(space.images(features), digits.images, atol=1e-12)
    apart = np.linalg.norm(features[0] - features[1]) * space.scale
    assert apart == pytest.approx(np.linalg.norm(digits.images[0] - digits.images[1]), rel=1e-9)


def test_folds_leave_out_every_image_once():
    digits = draw_digits(50, 0)
    features = np.arange(50.0)[:, None]
    folds = Folds.of(features, digits.labels, 5, 0, CPU)
    assert sorted(folds.left_u.flatten().tolist()) == features.flatten().tolist()
    assert not set(folds.u[0].flatten().tolist()) & set(folds.left_u[0].flatten().tolist())


def test_labels_are_dealt_out_evenly_and_come_back_in_order():
    labels = np.arange(100) % 10
    x = one_hot(labels, 5, CPU)
    assert x.shape == (5, 20, 10) and torch.equal(x.sum(dim=1), torch.full((5, 10), 2.0))
    np.testing.assert_array_equal(dealt_back(x).argmax(axis=1), labels)


def test_affine_map_carries_the_unit_normal_to_each_class():
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], 4000)
    factor = np.array([[2.0, 0.0], [1.0, 0.5]])
    points = rng.normal(size=(8000, 2)) @ factor.T + np.where(classes[:, None] == 0, 3.0, -1.0)
    laws = ClassNormals.of(points, classes, 2, sharing=5.0)
    moved = laws.carry(rng.normal(size=(8000, 2)), classes)
    for k, mean in ((0, 3.0), (1, -1.0)):
        np.testing.assert_allclose(moved[classes == k].mean(axis=0), [mean, mean], atol=0.12)
        np.testing.assert_allclose(np.cov(moved[classes == k].T), factor @ factor.T, atol=0.25)
    # The gradient of a convex function: a symmetric positive definite matrix, as Brenier's theorem asks.
    np.testing.assert_allclose(laws.roots, laws.roots.transpose(0, 2, 1), atol=1e-12)


def test_classwise_energy_distance_compares_within_classes_alone():
    generator = torch.Generator().manual_seed(0)
    kinds = torch.eye(2, dtype=torch.float64).repeat(200, 1)[None]
    shift = 10.0 * kinds.argmax(dim=-1, keepdim=True)
    points, data = (torch.randn(1, 400, 1, generator=generator, dtype=torch.float64) + sign * shift for sign in (1, 1))
    swapped = data.flip(dims=(1,))
    constant = 2.0 / np.sqrt(np.pi)
    same = float(classwise_energy_distance(points, kinds, data, kinds))
    assert same == pytest.approx(constant, abs=0.05)
    assert float(classwise_energy_distance(points, kinds, swapped, kinds)) > 15.0


@pytest.fixture(scope="module")
def bent_motion():
    """Ten classes whose data lie on a bow: no affine map makes it from a normal cloud."""
    rng = np.random.default_rng(1)
    labels = np.arange(1500) % 10
    along = rng.normal(size=1500)
    bow = np.stack([along, along**2 - 1.0 + 0.1 * rng.normal(size=1500)], axis=1)
    folds = Folds.of(bow, labels, 2, 0, CPU)
    return folds, fit_motion(folds, [24, 24], [1e-4, 0.1, 1e4], Budget(300, batch=100), 5.0, 0)


def test_motion_bends_the_cloud_onto_the_data_and_a_stiff_law_forbids_it(bent_motion):
    folds, motion = bent_motion
    soft, middle, stiff = motion.record.validation.view(3, 2).mean(dim=1).tolist()
    # The softest is nearest to the data, but its labels cross.
    assert motion.stiffness == 0.1 and soft < middle < stiff - 0.05
    generator = torch.Generator().manual_seed(5)
    x = folds.x[:, :400]
    drawn = dealt_back(motion.displaced(torch.randn(2, 400, 2, generator=generator), x))
    # No affine map of a normal cloud has any such correlation.
    assert np.corrcoef(drawn[:, 0] ** 2, drawn[:, 1])[0, 1] > 0.25


def test_motion_is_straight_at_constant_speed_from_the_labels(bent_motion):
    folds, motion = bent_motion
    labels = torch.randn(2, 10, 2, generator=torch.Generator().manual_seed(5))
    start, middle, end = (motion.displaced(labels, folds.x[:, :10], s) for s in (0.0, 0.5, 1.0))
    torch.testing.assert_close(start, labels)
    torch.testing.assert_close(middle, 0.5 * (labels + end))


def test_density_of_the_motion_integrates_to_one_and_points_find_their_labels(bent_motion):
    folds, motion = bent_motion
    x = folds.x[:, :1]
    labels = torch.randn(2, 200, 2, generator=torch.Generator().manual_seed(6))
    kinds = x.expand(-1, 200, -1)
    torch.testing.assert_close(motion.labels_of(motion.displaced(labels, kinds), kinds), labels, atol=2e-2, rtol=0.0)
    # The carried cloud, not the plane: where the labels of a box go is a polygon whose mass is the box's.
    axis = torch.linspace(-3.5, 3.5, 141)
    grid = torch.cartesian_prod(axis, axis).expand(2, -1, -1)
    kinds = x.expand(-1, grid.shape[1], -1)
    volumes = torch.linalg.det(motion.gradient(grid, kinds).double()) * float(axis[1] - axis[0]) ** 2
    density = motion.log_density(motion.displaced(grid, kinds), kinds).exp()
    torch.testing.assert_close((density * volumes).sum(dim=1), torch.ones(2, dtype=torch.float64), atol=2e-2, rtol=0.0)


def test_gradient_is_that_of_differences_and_a_fold_is_seen(bent_motion):
    folds, motion = bent_motion
    x = folds.x[:, :20]
    labels = torch.randn(2, 20, 2, generator=torch.Generator().manual_seed(7))
    step = torch.tensor([0.0, 1e-2])
    difference = (motion.displaced(labels + step, x) - motion.displaced(labels - step, x)) / 2e-2
    torch.testing.assert_close(motion.gradient(labels, x)[..., 1], difference, atol=5e-3, rtol=1e-2)
    turned = replace(motion, normals=[replace(law, roots=-law.roots) for law in motion.normals])
    assert bool(turned.folded(labels, x).all()) and not bool(motion.folded(0.1 * labels, x).all())


def test_normal_density_is_scipys():
    rng = np.random.default_rng(3)
    points, classes = rng.normal(size=(60, 3)) * [1.0, 2.0, 0.5], np.arange(60) % 2
    laws = ClassNormals.of(points, classes, 2, sharing=5.0)
    exact = [
        multivariate_normal(laws.means[k], laws.roots[k] @ laws.roots[k]).logpdf(p)
        for p, k in zip(points, classes, strict=True)
    ]
    np.testing.assert_allclose(laws.log_density(points, classes), exact)


def test_copies_are_seen_as_copies_and_noise_as_noise():
    digits = draw_digits(200, 0)
    rng = np.random.default_rng(0)
    copies = pipeline.judge(digits, digits.images, digits.labels, rng)
    noise = pipeline.judge(digits, rng.uniform(size=digits.images.shape), digits.labels, rng)
    assert copies["novelty"] == 0.0 and copies["real classifier"] > 0.98
    assert copies["classifier of generated"] > 0.85
    assert noise["energy distance"] > 50 * copies["energy distance"] and noise["real classifier"] < 0.4


TINY = """
name = "tiny"
title = "A tiny study"

[full]
seeds = 1
samples = [50]
generated = 50
components = 8
hidden = [12]
steps = 20
batch = 50
learning_rate = 1e-2
folds = 5
stiffnesses = [1.0, 10.0]
sharing = 5.0
frames = 3

[[tolerances]]
case = "digits"
samples = 50
method = "CM-GAI"
measure = "sliced W2"
at_most = 0.0
"""


def test_shipped_study_states_the_targets_and_its_quick_table_makes_it_small():
    path = find_study("digits")
    study, quick = (validated(pipeline.Study, path, read_study(path, (), quick)) for quick in (False, True))
    assert {50, 200, 1000} == set(study.full.samples)
    stated = {(item.samples, item.not_above) for item in study.tolerances if item.measure == "energy distance"}
    assert stated == {(50, "flow matching"), (200, "flow matching")}
    assert quick.full.samples == [50] and quick.full.generated == 200 and quick.full.sharing == study.full.sharing
    assert [(item.measure, item.not_above) for item in quick.tolerances] == [
        ("energy distance", "training images"), ("folded share", None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("full.generated=90", "multiple of 50"),
        ("full.samples=[200]", "tolerance 1 .* no samples 50 where it looks, but 200"),
        ("full.samples=[50, 2000]", "full: samples = 2000 must lie between 50 .* and 1000"),
        ("full.frame=3", "full.frame: unknown key"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_drawn(override, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        run_study("digits", Options(out=tmp_path / "out", overrides=[override]), lambda line: None)
    assert not (tmp_path / "out").exists()


def test_run_by_path_writes_its_folder_and_fails_where_a_tolerance_does(tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(STUDY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "study.toml").write_text(TINY)
    state = torch.get_rng_state()
    found, out = run_study(str(folder / "study.toml"), Options(out=tmp_path / "out"), lambda line: None)
    assert not found.passed and torch.equal(state, torch.get_rng_state())
    with (out / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["method"] for row in rows} == {
        "CM-GAI", "flow matching", "probability-flow ODE", "normal per class", "training images", "other real images"
    }  # fmt: skip
    page = (out / "report.html").read_text()
    assert "data:image/gif;base64," in page and page.count("data:image/png;base64,") == 3
    assert (out / "interpolation.gif").read_bytes()[:6] == b"GIF89a"


@pytest.mark.slow
def test_quick_study_holds_its_tolerances(tmp_path):
    assert run_study("digits", Options(out=tmp_path, quick=True), lambda line: None)[0].passed


def test_energy_distance_of_normals_one_apart():
    rng = np.random.default_rng(1)
    left, right, same = (rng.normal(size=(2000, 1)) for _ in range(3))
    # E|a - b| of two unit normals whose means differ by m: closed form with the folded normal.
    spread, mean = np.sqrt(2.0), 1.0
    folded = spread * np.sqrt(2 / np.pi) * np.exp(-(mean**2) / 4) + mean * (1 - 2 * norm.cdf(-mean / spread))
    expected = 2 * folded - 2 * spread * np.sqrt(2 / np.pi)
    assert measures.energy_distance(left, right + 1.0) == pytest.approx(expected, abs=0.06)
    assert abs(measures.energy_distance(left, same)) < 0.005


def test_sliced_wasserstein_of_a_shift():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(200, 4))
    found = measures.sliced_wasserstein(points, points + np.array([1.0, 0, 0, 0]), rng, directions=4000)
    assert found == pytest.approx(0.5, rel=0.05)


def test_nearest_distances():
    assert measures.nearest_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), np.zeros((1, 2))).tolist() == [0.0, 5.0]
