"""Second-order tensors of many points at once, with their structural zeros left out.

A tensor field is an array (components, points), one contiguous row a component. Axisymmetric and plane strain have the
block layout xx, xy, yx, yy, zz; a solid has all nine components. Every product is a table of component pairs made
once, so one code serves both and the hot loop makes no index arithmetic. Results go into arrays given by the caller.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from cmgai_fem.states.labels import Array

Pair = tuple[int, int]
Table = tuple[tuple[Pair, ...], ...]

BLOCK = ((0, 0), (0, 1), (1, 0), (1, 1), (2, 2))
FULL = tuple(product(range(3), range(3)))
# Voigt's order without engineering factors: xx, yy, zz, xy, yz, xz.
VOIGT = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2))


@dataclass(frozen=True)
class Layout:
    """Which components a tensor has, and the tables of the products that the constitutive update needs.

    Args:
        general: (row, column) of each component of a general tensor (deformation gradient, first Piola-Kirchhoff).
        symmetric: the same of a symmetric tensor, a head of `VOIGT`: 4 for the block layout, 6 for a solid.
        off_diagonal: rows of each component above the diagonal and of its mirror image.
        diagonal: rows of xx, yy, zz in a general tensor.
    """

    general: tuple[Pair, ...]
    symmetric: tuple[Pair, ...]
    gram: Table
    symmetric_product: Table
    mixed_product: Table
    off_diagonal: tuple[Pair, ...]
    diagonal: tuple[int, int, int]

    @classmethod
    @cache
    def of(cls, general: tuple[Pair, ...]) -> "Layout":
        """The layout whose general tensors have the components `general` (`BLOCK` or `FULL`)."""
        symmetric = tuple(pair for pair in VOIGT if pair in general)
        position = {pair: k for k, pair in enumerate(general)}
        voigt = {(i, j): k for k, (a, b) in enumerate(symmetric) for i, j in ((a, b), (b, a))}
        return cls(
            general,
            symmetric,
            gram=tuple(
                tuple((position[k, i], position[k, j]) for k in range(3) if (k, i) in position and (k, j) in position)
                for i, j in symmetric
            ),
            symmetric_product=tuple(
                tuple((voigt[i, k], voigt[k, j]) for k in range(3) if (i, k) in voigt and (k, j) in voigt)
                for i, j in general
            ),
            mixed_product=tuple(
                tuple((position[i, k], voigt[k, j]) for k in range(3) if (i, k) in position and (k, j) in voigt)
                for i, j in general
            ),
            off_diagonal=tuple((position[i, j], position[j, i]) for i, j in general if i < j),
            diagonal=(position[0, 0], position[1, 1], position[2, 2]),
        )


def bilinear(table: Table, left: Array, right: Array, out: Array, scratch: Array) -> Array:
    """Products by table: out[k] = sum of left[a] right[b] over the pairs (a, b) of row k.

    Args:
        table: a table of a `Layout`: `gram` is F^T F, `symmetric_product` A B of two symmetric tensors (a general
            tensor), `mixed_product` F S of a general and a symmetric one.
        left: (m, P) components of the left tensor.
        right: (m', P) components of the right tensor.
        out: (rows, P) result; no view of the arguments.
        scratch: (P,) work array.
    """
    for row, pairs in zip(out, table, strict=True):
        (a, b), *others = pairs
        np.multiply(left[a], right[b], out=row)
        for a, b in others:
            np.multiply(left[a], right[b], out=scratch)
            row += scratch
    return out


def determinant(layout: Layout, tensor: Array, out: Array, scratch: Array) -> Array:
    """Determinants (P,) of general tensors (m, P), into `out`."""
    if layout.general == BLOCK:
        xx, xy, yx, yy, zz = tensor
        np.multiply(xx, yy, out=out)
        np.multiply(xy, yx, out=scratch)
        out -= scratch
        out *= zz
        return out
    out.fill(0.0)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        for sign_minus, (a, b) in ((False, (j, k)), (True, (k, j))):
            np.multiply(tensor[i], tensor[3 + a], out=scratch)
            scratch *= tensor[6 + b]
            np.subtract(out, scratch, out=out) if sign_minus else np.add(out, scratch, out=out)
    return out


def cofactor(layout: Layout, tensor: Array, out: Array, scratch: Array) -> Array:
    """Cofactors (m, P) of general tensors (m, P), into `out`: the transposed inverse times the determinant."""
    if layout.general == BLOCK:
        xx, xy, yx, yy, zz = tensor
        for row, component in zip(out, (yy, yx, xy, xx), strict=False):
            np.multiply(component, zz, out=row)
        np.negative(out[1:3], out=out[1:3])
        np.multiply(xx, yy, out=out[4])
        np.multiply(xy, yx, out=scratch)
        out[4] -= scratch
        return out
    for row, (i, j) in zip(out, layout.general, strict=True):
        (a, b), (c, d) = _cyclic(i), _cyclic(j)
        np.multiply(tensor[3 * a + c], tensor[3 * b + d], out=row)
        np.multiply(tensor[3 * a + d], tensor[3 * b + c], out=scratch)
        row -= scratch
    return out


def _cyclic(index: int) -> Pair:
    return ((1, 2), (2, 0), (0, 1))[index]


def symmetric_cofactor(layout: Layout, tensor: Array, out: Array, scratch: Array) -> Array:
    """Cofactors (m, P) of symmetric tensors (m, P), Voigt order, into `out`: the inverse times the determinant."""
    if layout.general == BLOCK:
        xx, yy, zz, xy = tensor
        np.multiply(yy, zz, out=out[0])
        np.multiply(xx, zz, out=out[1])
        np.multiply(xx, yy, out=out[2])
        np.multiply(xy, xy, out=scratch)
        out[2] -= scratch
        np.multiply(xy, zz, out=out[3])
        np.negative(out[3], out=out[3])
        return out
    for row, ((a, b), (c, d)) in zip(out, COFACTORS, strict=True):
        np.multiply(tensor[a], tensor[b], out=row)
        np.multiply(tensor[c], tensor[d], out=scratch)
        row -= scratch
    return out


# xx = yy zz - yz yz and so on, in Voigt positions.
COFACTORS = (((1, 2), (4, 4)), ((0, 2), (5, 5)), ((0, 1), (3, 3)), ((5, 4), (3, 2)), ((3, 5), (0, 4)), ((3, 4), (5, 1)))


def square(layout: Layout, tensor: Array, out: Array, scratch: Array) -> Array:
    """Traces (P,) of A A of general tensors (m, P), into `out`."""
    (a, b), *others = layout.off_diagonal
    np.multiply(tensor[a], tensor[b], out=out)
    for a, b in others:
        np.multiply(tensor[a], tensor[b], out=scratch)
        out += scratch
    out *= 2.0
    for a in layout.diagonal:
        np.multiply(tensor[a], tensor[a], out=scratch)
        out += scratch
    return out
