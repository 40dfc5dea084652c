"""Regular label meshes: a line and a square."""

import numpy as np

from cmgai_fem.states.labels import Labels, labels_on_mesh


def line_mesh(count: int, span: tuple[float, float] = (0.0, 1.0)) -> Labels:
    """Labels at `count` equal points of a line."""
    cells = np.column_stack([np.arange(count - 1), np.arange(1, count)]).astype(np.int64)
    return labels_on_mesh(np.linspace(*span, count)[:, None], {"line": cells})


def square_mesh(count: int, span: tuple[float, float] = (0.0, 1.0)) -> Labels:
    """Labels at `count` x `count` equal points of a square, each of its cells cut in two triangles."""
    axis = np.linspace(*span, count)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    corner = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    lower = np.column_stack([corner, corner + count, corner + 1])
    upper = np.column_stack([corner + count, corner + count + 1, corner + 1])
    return labels_on_mesh(points, {"triangle": np.concatenate([lower, upper]).astype(np.int64)})
