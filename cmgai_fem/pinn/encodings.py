"""Encodings of a label as the input of a field network."""

import numpy as np

from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.states.states import Array, Labels
from cmgai_fem.transport.label_mesh import LabelMesh, laplace_beltrami_modes


def encode_labels(labels: Labels, settings: TrainingSettings, seed: int) -> Array:
    """Inputs (L, f) of a field network, by `settings.encoding`.

    Args:
        labels: the labels.
        settings: name of the encoding, and its bandwidth and number of frequencies.
        seed: of the random frequencies.

    Raises:
        InputError: eigenfunctions of labels that are no simplex mesh.
    """
    if settings.encoding == "coordinates":
        return coordinates(labels.positions)
    if settings.encoding == "fourier":
        return fourier(labels.positions, settings.frequencies, settings.bandwidth, seed)
    return eigenfunctions(labels, settings.frequencies)


def coordinates(positions: Array) -> Array:
    """Positions (L, g) shifted and scaled, the same along all axes, so that the longest side is -1 to 1."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    return np.asarray((positions - 0.5 * (low + high)) / (0.5 * (high - low).max() or 1.0))


def fourier(positions: Array, count: int, bandwidth: float, seed: int) -> Array:
    """The coordinates, and sines and cosines of them at random frequencies.

    Args:
        positions: (L, g) positions.
        count: number of frequency vectors.
        bandwidth: their standard deviation along each axis, in swings over the body's longest side.
        seed: of the frequencies.

    Returns:
        (L, g + 2 count) inputs.

    Source: Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains
        (2020), section 6.1.
    """
    scaled = coordinates(positions)
    frequencies = bandwidth * np.random.default_rng(seed).standard_normal((positions.shape[1], count))
    phase = np.pi * scaled @ frequencies
    return np.hstack([scaled, np.sin(phase), np.cos(phase)])


def eigenfunctions(labels: Labels, count: int) -> Array:
    """The first `count` eigenfunctions (L, count) of the mesh's Laplace-Beltrami operator that are not constant.

    Raises:
        InputError: the labels are no simplex mesh.
    """
    _, functions = laplace_beltrami_modes(LabelMesh.of(labels), min(count + 1, labels.count))
    moving = functions[1:]
    return np.asarray((moving / np.abs(moving).max(axis=1, keepdims=True)).T)
