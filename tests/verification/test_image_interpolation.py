import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

interpolate_images = study_module(studies_folder() / "digits", "image_interpolation").interpolate_images


def spot(row: int, column: int) -> np.ndarray:
    image = np.zeros((6, 6))
    image[row, column] = 3.0
    return image


def test_a_spot_moves_straight_and_keeps_its_mass():
    frames = interpolate_images(spot(1, 1), spot(3, 5), np.array([0.0, 0.25, 0.5, 1.0]))
    np.testing.assert_allclose(frames.sum(axis=(1, 2)), 1.0, rtol=1e-12)
    np.testing.assert_allclose(frames[0], spot(1, 1) / 3.0, atol=1e-12)
    np.testing.assert_allclose(frames[2], spot(2, 3) / 3.0, atol=1e-12)
    np.testing.assert_allclose(frames[3], spot(3, 5) / 3.0, atol=1e-12)
    # A quarter of the way, (1.5, 2), is half way between two pixels.
    assert frames[1, 1, 2] == pytest.approx(0.5) and frames[1, 2, 2] == pytest.approx(0.5)


def test_ends_and_centre_of_mass_of_two_textures():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(size=(2, 8, 8))
    frames = interpolate_images(first, second, np.linspace(0.0, 1.0, 5))
    np.testing.assert_allclose(frames[0], first / first.sum(), atol=1e-12)
    np.testing.assert_allclose(frames[-1], second / second.sum(), atol=1e-12)
    rows = (frames * np.arange(8)[:, None]).sum(axis=(1, 2))
    np.testing.assert_allclose(rows, np.linspace(rows[0], rows[-1], 5), rtol=1e-10)


def test_what_is_not_a_density_is_refused():
    with pytest.raises(InputError, match="first image must be non-negative"):
        interpolate_images(-spot(0, 0), spot(1, 1), np.array([0.5]))
    with pytest.raises(InputError, match="second image must be non-negative and not empty"):
        interpolate_images(spot(0, 0), np.zeros((6, 6)), np.array([0.5]))
    with pytest.raises(InputError, match="one shape"):
        interpolate_images(spot(0, 0), np.ones((4, 4)), np.array([0.5]))
