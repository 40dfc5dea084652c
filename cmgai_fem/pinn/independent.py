"""The independent network: a check of the finite elements by a network that knows nothing of the answer.

The networks of `modal` are fed with the very powers and kinks that the exact motion is made of, so that their agreement
with the finite elements says little. Here one layer of tanh units of the pseudo-time alone gives the displacement, one
of its own the force; slopes and places of the units are drawn, as wide as the known states lie apart, and the output
weights are trained on

    |u'' + eta u' + lam u - b|² / eps² + |d^p b/ds^p|² + |u(s_k) - U_k|² / eps_k²,

the momentum residual, the restriction of the force and the known states. Nothing is shared with the finite elements
but the statement, the label mesh and, under a law, its eigenmodes. All three terms are quadratic in the output weights,
so one Gauss-Newton step, an orthogonal factorisation, is the whole training.

Source: Dwivedi and Srinivasan, Neurocomputing 391 (2020) 96-118 (physics-informed extreme learning machines); the force
network and its restriction are our choice.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy import linalg

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.pinn.bases import ModalBasis, modal_basis
from cmgai_fem.pinn.curves import Curve, GroupedCurve, TanhNetwork, WindowedCurve, ZeroCurve
from cmgai_fem.pinn.training import History
from cmgai_fem.quadrature import gauss_on_pieces
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import ModalPath, Solution

# Tanh units a piece of pseudo-time, for at least so many pieces, and their least and largest rise over its length.
UNITS, PIECES, STEEPNESS = 15, 4, (0.5, 3.0)
# Gauss points between two states.
POINTS = 20
# eps of the momentum balance and of states that hold exactly, against the restriction of the force.
BALANCE, STATES = 1e-4, 1e-4
# Of the output weights, against rounding.
RIDGE = 1e-11
# The largest momentum residual between the Gauss points, root mean square relative to the accelerations.
TOLERANCE = 2e-3
BLOCKS = 5


@dataclass(frozen=True)
class Window:
    """Modes of one stiffness in one window of pseudo-time.

    Args:
        problem: the statement.
        eigenvalue: stiffness per mass of the modes.
        nodes: (k,) pseudo-times of the known states in the window.
        values: (k, m) amplitudes there.
        allowed: (k,) allowed misfit of each; 0 where it holds exactly.
        span: first and last pseudo-time of the window.
    """

    problem: Problem
    eigenvalue: float
    nodes: Array
    values: Array
    allowed: Array
    span: tuple[float, float]

    @property
    def order(self) -> int:
        """p of the least force."""
        assert isinstance(self.problem.force, Least)
        return self.problem.force.order

    @property
    def pieces(self) -> Array:
        """(n + 1,) pseudo-times between which all is smooth, and no longer apart than a mode takes to turn."""
        ends = np.unique([*self.nodes, *self.span])
        turn = 2.0 / np.sqrt(self.eigenvalue) if self.eigenvalue else np.inf
        inner = [np.linspace(a, b, int((b - a) / turn) + 2)[:-1] for a, b in pairwise(ends)]
        return np.append(np.concatenate(inner), ends[-1])

    def draw(self, generator: np.random.Generator) -> TanhNetwork:
        """A network before its training."""
        return drawn(self.pieces, float(np.median(np.diff(self.nodes))), self.values.shape[1], UNITS, generator)

    def balance(self, moving: TanhNetwork, s: Array) -> Array:
        """(points, h) momentum of the displacement network's units without the force."""
        rate, damping = moving.units(s, 1), self.problem.damping
        return moving.units(s, 2) + damping * rate + self.eigenvalue * moving.units(s)

    def system(self, moving: TanhNetwork, forcing: TanhNetwork) -> tuple[Array, Array]:
        """Matrix (rows, 2 h) and right-hand side (rows, m) of the least squares."""
        s, weights = gauss_on_pieces(self.pieces, POINTS)
        root = np.sqrt(weights)[:, None]
        nothing, none = np.zeros((len(s), len(moving.slopes))), np.zeros((len(self.nodes), len(moving.slopes)))
        # As in `modal`: d^p b grows with the p-th power of the inverse distance of states.
        unit = float(np.mean(np.diff(self.nodes))) ** self.order if self.order > 0 else 1.0
        # Of order -1 there are blows at the states alone, and no force within a window.
        force = forcing.units(s) if self.order >= 0 else nothing
        restricted = root * unit * forcing.units(s, self.order) if self.order >= 0 else nothing
        soft = self.allowed > 0.0
        held = np.where(soft, unit / np.where(soft, self.allowed, 1.0), 1.0 / STATES)[:, None]
        matrix = np.block(
            [
                [held * moving.units(self.nodes), none],
                [root / BALANCE * self.balance(moving, s), -root / BALANCE * force],
                [nothing, restricted],
            ]
        )
        right = np.zeros((len(matrix), self.values.shape[1]))
        right[: len(self.nodes)] = held * self.values
        return matrix, right

    def residual(self, moving: TanhNetwork, forcing: TanhNetwork) -> float:
        """Momentum residual between the Gauss points, root mean square relative to the accelerations and the states."""
        s, weights = gauss_on_pieces(self.pieces, 2 * POINTS)
        force = forcing.units(s) @ forcing.outputs if self.order >= 0 else 0.0
        lacking = self.balance(moving, s) @ moving.outputs - force
        size = weights @ np.sum((moving.units(s, 2) @ moving.outputs) ** 2, axis=1) + np.sum(self.values**2)
        return float(np.sqrt(weights @ np.sum(lacking**2, axis=1) / size))

    def train(self, generator: np.random.Generator, history: History) -> tuple[TanhNetwork, TanhNetwork]:
        """Displacement and force network, trained.

        Raises:
            ConvergenceError: the momentum residual is large between the Gauss points.
        """
        moving, forcing = self.draw(generator), self.draw(generator)
        count = len(moving.slopes)
        matrix, right = self.system(moving, forcing)
        outputs = np.vstack([moving.outputs, forcing.outputs])
        history.add(0.5 * float(np.sum((matrix @ outputs - right) ** 2)), self.residual(moving, forcing))
        outputs = least_squares(matrix, right)
        moving, forcing = replace(moving, outputs=outputs[:count]), replace(forcing, outputs=outputs[count:])
        left = self.residual(moving, forcing)
        history.add(0.5 * float(np.sum((matrix @ outputs - right) ** 2)), left)
        if not left <= TOLERANCE:
            raise ConvergenceError(
                f"field {self.problem.field!r}: the momentum residual of the independent network is {left:.1e} "
                f"(tolerance {TOLERANCE:.0e}) between s = {self.span[0]:.4g} and {self.span[1]:.4g}: use pinn or fem"
            )
        return moving, forcing


def least_squares(matrix: Array, right: Array) -> Array:
    """(h, m) output weights of least residual, of a matrix (rows, h) and right-hand sides (rows, m)."""
    scale = np.linalg.norm(matrix, axis=0) + 1e-300
    ridge = RIDGE * np.eye(len(scale))
    unitary, upper = linalg.qr(np.vstack([matrix / scale, ridge]), mode="economic")
    return np.asarray(linalg.solve_triangular(upper, unitary[: len(matrix)].T @ right) / scale[:, None])


def drawn(pieces: Array, longest: float, outputs: int, count: int, generator: np.random.Generator) -> TanhNetwork:
    """A network before its training: its units are as wide as the pieces of pseudo-time, and lie where those are.

    Args:
        pieces: (n + 1,) pseudo-times between which all is smooth.
        longest: shorter pieces at the ends of the others need no steeper units than this length.
        outputs: number of outputs.
        count: units a piece.
        generator: draws slopes, places and outputs.
    """
    lengths = np.maximum(np.diff(pieces), min(longest, np.diff(pieces).max()))
    shares = np.cumsum([0.0, *np.sqrt(lengths)]) / np.sqrt(lengths).sum()
    count *= max(len(lengths), PIECES)
    places = np.interp((np.arange(count) + generator.random(count)) / count, shares, pieces)
    own = lengths[np.clip(np.searchsorted(pieces, places) - 1, 0, len(lengths) - 1)]
    low, high = STEEPNESS
    slopes = low * (high / low) ** generator.random(count) / own * generator.choice([-1.0, 1.0], count)
    weights = generator.standard_normal((count, outputs)) / np.sqrt(count)
    return TanhNetwork(slopes, -slopes * places, weights)


@dataclass(frozen=True)
class Imbalance:
    """What the balance of momentum still lacks, mode by mode.

    Args:
        motion: amplitudes of the displacement.
        force: amplitudes of the force.
        damping: eta.
        eigenvalues: (m,) stiffness per mass.
    """

    motion: Curve
    force: Curve
    damping: float
    eigenvalues: Array

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) residual at s, or its derivative in s."""
        inertia = self.motion(s, derivative + 2) + self.damping * self.motion(s, derivative + 1)
        return inertia + self.eigenvalues * self.motion(s, derivative) - self.force(s, derivative)


def solve_independent(
    problem: Problem, *, seed: int = 0, progress: Callable[[dict[str, float]], None] | None = None
) -> Solution:
    """Solve a transport problem along one coordinate by the independent network.

    Args:
        problem: the statement, with a least force and no law or a linear one.
        seed: of the networks.
        progress: takes one row {step, loss, momentum_residual, seconds} a window, before and after its training.

    Raises:
        InputError: the problem has another force, a nonlinear law or several coordinates.
        ConvergenceError: the momentum residual is large between the Gauss points.
    """
    if not isinstance(problem.force, Least) or problem.known_force is not None or not problem.law.is_linear:
        raise InputError(
            "the independent network takes one coordinate, a least force, and no law or a linear one: use pinn or fem"
        )
    generator, history = np.random.default_rng(seed), History(progress)
    basis = modal_basis(problem, BLOCKS)
    order = np.argsort(basis.eigenvalues, kind="stable")
    eigenvalues, shapes, still = basis.eigenvalues[order], basis.shapes[order], np.zeros_like(basis.origin)
    motion: Curve = ZeroCurve(0)
    force: Curve = ZeroCurve(0)
    if basis.count:
        groups = [order[eigenvalues == value] for value in np.unique(eigenvalues)]
        pairs = [_train_modes(problem, basis, modes, generator, history) for modes in groups]
        motion, force = (GroupedCurve(tuple(pair[part] for pair in pairs)) for part in range(2))
    residuals = [row["momentum_residual"] for row in history.rows]
    info = {
        "modes": basis.count,
        "momentum_residual": max(residuals[1::2], default=0.0),
        "untrained_residual": max(residuals[::2], default=0.0),
        "seed": seed,
    }
    return Solution(
        problem,
        "independent",
        None,
        ModalPath(basis.origin, shapes, motion),
        ModalPath(still, shapes, force),
        time.perf_counter() - history.start,
        tuple(history.rows),
        info,
        ModalPath(still, shapes, Imbalance(motion, force, problem.damping, eigenvalues)),
    )


def _train_modes(
    problem: Problem, basis: ModalBasis, modes: IntArray, generator: np.random.Generator, history: History
) -> tuple[Curve, Curve]:
    """Motion and force of modes of one stiffness; of order -1 window by window, since blows break the motion there."""
    assert isinstance(problem.force, Least)
    nodes, values, eigenvalue = problem.nodes, basis.amplitudes[:, modes], float(basis.eigenvalues[modes[0]])
    if problem.force.order >= 0:
        return Window(problem, eigenvalue, nodes, values, problem.softness, problem.span).train(generator, history)
    ends = [problem.span[0], *nodes[1:-1], problem.span[1]]
    trained = [
        Window(problem, eigenvalue, nodes[k : k + 2], values[k : k + 2], np.zeros(2), span).train(generator, history)
        for k, span in enumerate(pairwise(ends))
    ]
    return WindowedCurve(nodes[1:-1], tuple(moving for moving, _ in trained)), ZeroCurve(len(modes))
