"""A state force by networks: the numbers of the law are trained with the motion.

    min over networks u and the law  |d^p (u^(m) - A_0 u - ... - A_{m-1} u^(m-1) - c)|² / q + |u(s_k) - U_k|² / s²,

the remainder of the balance and the misfit of the known states. The displacement of every mode is a layer of tanh units
of the pseudo-time, as in `independent`; the numbers of the law (A and c; D; kappa, c_0 and c_1; the value around the
body) are unknowns of the same training. Nothing is shared with the exact motion of `motions` but the statement, the
modes, and how much is noise and how much is remainder (s² and q). For a given law all is linear in the output weights
and in c: those are eliminated (variable projection), and a quasi-Newton method moves the numbers of the law.

Source: Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019) 686-707 (unknown coefficients as unknowns of the
training); Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432 (variable projection).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.motions.modal_law import Amplitudes, ModalLaw
from cmgai_fem.motions.shared_law import Moments, SharedLaw
from cmgai_fem.pinn.curves import TanhNetwork
from cmgai_fem.pinn.independent import RIDGE, drawn, least_squares
from cmgai_fem.quadrature import gauss_on_pieces
from cmgai_fem.states.labels import Array

# Tanh units and Gauss points a piece of pseudo-time, and the most pieces.
UNITS, POINTS, MOST_PIECES = 10, 20, 120
# Modes that the law is trained in, and every how many starts are looked at along a rate of decay.
TELLING, EVERY = 8, 8
# The least noise, in the values, that states are taken to have.
EXACT = 1e-5
# The most by which the loss between the Gauss points may differ from that at them, and the steps of the law's numbers.
TOLERANCE, STEPS, DIFFERENCE = 0.1, 60, 1e-5


@dataclass(frozen=True)
class LawColumns:
    """Columns that obey the same matrices.

    Args:
        values: (K, n, R) known amplitudes.
        factor: (R,) what the shared constant, or the value around the body, is multiplied by.
        eigenvalue: of the operator, in its least one; 1 without an operator.
        misfit: deviation of the noise in the values.
        remainder: deviation of the remainder.
    """

    values: Array
    factor: Array
    eigenvalue: float
    misfit: float
    remainder: float


@dataclass(frozen=True)
class Trained:
    """A block's networks, and its part of the loss.

    Args:
        network: the units; (h, n R) output weights.
        beside: (h, n, G) output weights of the unit constants.
        residual: (rows, R) of the known states alone.
        shapes: (rows, G) what the unit constants add to it.
    """

    network: TanhNetwork
    beside: Array
    residual: Array
    shapes: Array


class LawTraining:
    """The training of one field under a state force.

    Args:
        law: its kind, noise and remainder.
        known: the known values.
        span: first and last pseudo-time of the law.
        seed: of the units.
    """

    def __init__(self, law: SharedLaw | ModalLaw, known: Moments | Amplitudes, span: tuple[float, float], seed: int):
        if isinstance(law, SharedLaw) and law.own:
            raise InputError("networks know no constant force of each label's own: use fem")
        self.law, self.known, self.span, self.seed = law, known, span, seed
        self.times = known.times

    @cached_property
    def blocks(self) -> list[LawColumns]:
        """What is trained, the strongest first."""
        noise, remainder = (float(np.exp(0.5 * part)) for part in (self.law.noise, self.law.intensity))
        if isinstance(self.known, Moments):
            values, factor = self.virtual
            values = values.reshape(len(self.times), self.known.components, -1)
            return [LawColumns(values, factor, 1.0, max(noise, EXACT), remainder)]
        known, found = self.known, []
        for mode in range(len(known.eigenvalues)):
            deviation = float(np.sqrt(known.energies[mode]))
            found.append(
                LawColumns(
                    known.scaled[:, mode, None, None],
                    known.steady[None, mode],
                    float(known.relative[mode]),
                    max(noise * float(np.sqrt(known.noisy[mode])), EXACT * deviation),
                    remainder * deviation,
                )
            )
        return found

    @cached_property
    def virtual(self) -> tuple[Array, Array]:
        """(K n, R) values at as many virtual labels as tell all of them apart, and (R,) the field one there."""
        assert isinstance(self.known, Moments)
        root = np.sqrt(self.known.weights)
        coordinates = np.vstack([self.known.rows * root, root]) @ self.shapes.T
        return coordinates[:-1], coordinates[-1]

    @cached_property
    def shapes(self) -> Array:
        """(R, L) virtual labels, orthonormal."""
        assert isinstance(self.known, Moments)
        root = np.sqrt(self.known.weights)
        _, sizes, right = np.linalg.svd(np.vstack([self.known.rows * root, root]), full_matrices=False)
        return right[sizes > 1e-10 * sizes[0]]

    @cached_property
    def starts(self) -> Array:
        """(B, e) entries that the training may start from."""
        if isinstance(self.law, SharedLaw):
            assert isinstance(self.known, Moments)
            kind = replace(self.law, entries=())
            return np.unique([one.entries for one in kind.starts(self.known)], axis=0)
        assert isinstance(self.known, Amplitudes)
        return self.law.starts(self.known.telling)[:: EVERY if self.law.order == 1 else 1]

    def matrices(self, block: LawColumns, entries: Array) -> list[Array]:
        """A_0 to A_{m-1}, (n, n) each, of a block."""
        if isinstance(self.law, SharedLaw):
            size = block.values.shape[1]
            return list(replace(self.law, entries=tuple(entries)).matrices(size))
        told = np.exp(entries)
        if self.law.order == 1:
            return [np.array([[-told[0] * block.eigenvalue]])]
        return [np.array([[-told[0] * block.eigenvalue]]), np.array([[-told[1] - told[2] * block.eigenvalue]])]

    def rate(self, block: LawColumns, entries: Array) -> float:
        """Largest rate of a block under a law, per pseudo-time."""
        matrices = self.matrices(block, entries)
        return max(float(np.abs(matrix).max()) ** (1.0 / (self.law.order - j)) for j, matrix in enumerate(matrices))

    def pieces(self, rate: float, span: tuple[float, float]) -> Array:
        """(n + 1,) pseudo-times between which a motion of a rate is smooth: layers of decays, turns of waves.

        Raises:
            ConvergenceError: more than networks of this kind are for.
        """
        ends, turn = np.unique([*self.times, *span]), 2.0 / max(rate, 1e-12)
        found = [ends]
        for start, end in pairwise(ends):
            if isinstance(self.law, ModalLaw) and self.law.order == 1:
                layers = turn * 2.0 ** np.arange(max(int(np.log2(0.8 * (end - start) / turn)), 0))
                found += [start + layers, end - layers]
            else:
                found.append(np.linspace(start, end, int((end - start) / turn) + 2))
        whole = np.unique(np.round(np.concatenate(found), 12))
        if len(whole) > MOST_PIECES:
            raise ConvergenceError(
                f"a motion of {len(whole)} turns and layers is more than the networks of a state force are for: use fem"
            )
        return whole

    def train(self, block: LawColumns, entries: Array, pieces: Array) -> Trained:
        """The networks of a block under a law: all of its training, which is linear."""
        count, size, columns = block.values.shape
        generator = np.random.default_rng(self.seed)
        network = drawn(pieces, float(np.median(np.diff(self.times))), size * columns, UNITS, generator)
        matrix = self.rows(network, block, entries, pieces, POINTS)
        right = np.zeros((len(matrix), columns))
        right[-count * size :] = block.values.reshape(count * size, columns) / block.misfit
        constants = self.constants(block, len(matrix), pieces, POINTS)
        sides = np.hstack([right, constants])
        outputs = least_squares(matrix, sides)
        left = matrix @ outputs - sides
        weights = outputs[:, :columns].reshape(-1, size * columns)
        beside = outputs[:, columns:].reshape(len(network.slopes), size, constants.shape[1])
        return Trained(replace(network, outputs=weights), beside, left[:, :columns], left[:, columns:])

    def rows(self, network: TanhNetwork, block: LawColumns, entries: Array, pieces: Array, points: int) -> Array:
        """(rows, h n) remainder at the Gauss points, then misfit of the known states."""
        s, weights = gauss_on_pieces(pieces, points)
        size, p, m = block.values.shape[1], self.law.lifts, self.law.order
        remainder = np.kron(network.units(s, m + p), np.eye(size))
        for power, matrix in enumerate(self.matrices(block, entries)):
            remainder -= np.kron(network.units(s, power + p), matrix)
        root = np.repeat(np.sqrt(weights), size)[:, None] / block.remainder
        held = np.kron(network.units(self.times), np.eye(size)) / block.misfit
        return np.vstack([root * remainder, held])

    def constants(self, block: LawColumns, rows: int, pieces: Array, points: int) -> Array:
        """(rows, G) right-hand sides of a unit constant force in each component, or of a unit value around the body."""
        count, size, _ = block.values.shape
        if isinstance(self.law, ModalLaw):
            found = np.zeros((rows, int(np.any(self.known.steady))))  # type: ignore[union-attr]
            found[-count:] = -1.0 / block.misfit
            return found
        found = np.zeros((rows, 0 if self.law.lifts else size))
        if not self.law.lifts:
            weights = gauss_on_pieces(pieces, points)[1]
            found[: len(weights) * size] = np.kron(np.sqrt(weights)[:, None], np.eye(size)) / block.remainder
        return found

    def shared(self, blocks: Sequence[LawColumns], trained: Sequence[Trained]) -> Array:
        """(G,) the constants that all columns share, by least squares."""
        count = trained[0].shapes.shape[1]
        told, pulled = 1e-12 * np.eye(count), np.zeros(count)
        for block, one in zip(blocks, trained, strict=True):
            told += np.sum(block.factor**2) * one.shapes.T @ one.shapes
            pulled += one.shapes.T @ (one.residual @ block.factor)
        return np.asarray(-np.linalg.solve(told, pulled)) if count else np.zeros(0)

    def loss(self, entries: Array, blocks: Sequence[LawColumns], pieces: Sequence[Array]) -> float:
        """Half the sum of squares at a law, everything else trained."""
        trained = [self.train(block, entries, cut) for block, cut in zip(blocks, pieces, strict=True)]
        constants = self.shared(blocks, trained)
        parts = [
            np.sum((one.residual + np.outer(one.shapes @ constants, block.factor)) ** 2)
            for block, one in zip(blocks, trained, strict=True)
        ]
        return 0.5 * float(np.sum(parts))

    def find(self) -> tuple[Array, int, float]:
        """The numbers of the law, the losses that it took, and the last one."""
        blocks = sorted(self.blocks, key=lambda block: -float(np.sum(block.values**2)))[:TELLING]
        known = float(self.times[0]), float(self.times[-1])

        def cut(entries: Array) -> list[Array]:
            return [self.pieces(self.rate(block, entries), known) for block in blocks]

        losses = []
        for entries in self.starts:
            try:
                losses.append(self.loss(entries, blocks, cut(entries)))
            except ConvergenceError:
                losses.append(np.inf)
        start = self.starts[int(np.argmin(losses))]
        pieces, unit = cut(start), max(min(losses), 1e-300)

        def sloped(entries: Array) -> tuple[float, Array]:
            here = self.loss(entries, blocks, pieces)
            moved = [self.loss(entries + DIFFERENCE * one, blocks, pieces) for one in np.eye(len(entries))]
            return here / unit, (np.array(moved) - here) / DIFFERENCE / unit

        found = minimize(sloped, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "ftol": 1e-12})
        return np.asarray(found.x), len(losses) + int(found.nfev) * (1 + len(start)), float(found.fun) * unit

    def solve(self, entries: Array) -> tuple[list[LawColumns], list[TanhNetwork], Array]:
        """All blocks over the whole span under a law, their networks, and the constants that all share.

        Raises:
            ConvergenceError: the loss between the Gauss points is another than at them.
        """
        cuts = [self.pieces(self.rate(block, entries), self.span) for block in self.blocks]
        trained = [self.train(block, entries, cut) for block, cut in zip(self.blocks, cuts, strict=True)]
        constants = self.shared(self.blocks, trained)
        networks, losses = [], np.zeros(2)
        for block, one, cut in zip(self.blocks, trained, cuts, strict=True):
            more = np.multiply.outer(one.beside @ constants, block.factor).reshape(one.network.outputs.shape)
            network = replace(one.network, outputs=one.network.outputs + more)
            networks.append(network)
            losses[0] += np.sum((one.residual + np.outer(one.shapes @ constants, block.factor)) ** 2)
            losses[1] += np.sum(self.between(network, block, entries, cut, constants) ** 2)
        if not abs(losses[1] - losses[0]) <= TOLERANCE * losses[0] + RIDGE:
            raise ConvergenceError(
                "the networks of the state force keep it at the Gauss points and not between them (loss "
                f"{losses[0]:.2e} and {losses[1]:.2e}): use fem"
            )
        return self.blocks, networks, constants

    def between(
        self, network: TanhNetwork, block: LawColumns, entries: Array, pieces: Array, constants: Array
    ) -> Array:
        """(rows, R) the residual at twice as many Gauss points."""
        count, size, columns = block.values.shape
        matrix = self.rows(network, block, entries, pieces, 2 * POINTS)
        found = matrix @ network.outputs.reshape(-1, size, columns).reshape(-1, columns)
        found[-count * size :] -= block.values.reshape(count * size, columns) / block.misfit
        return found - np.outer(self.constants(block, len(matrix), pieces, 2 * POINTS) @ constants, block.factor)
