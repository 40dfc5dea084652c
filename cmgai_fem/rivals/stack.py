"""The convex combination of rivals that is best at known states left out.

Source: Wolpert, Neural Networks 5 (1992) 241-259; Breiman, Machine Learning 24 (1996) 49-64 (stacked regressions).
"""

from collections.abc import Sequence

import numpy as np

from cmgai_fem.calibration.stacking import luck_of, stack_globally
from cmgai_fem.rivals.base import Predictor, Rival, inside_or_outside, trial_rows
from cmgai_fem.states.labels import Array, IntArray

# Members whose left-out error is this many times the least, as in the transport's own superposition, are none.
WORST_RATIO = 5.0


class ConvexStack(Rival):
    """The convex combination of simple rivals whose left-out error is least.

    Each member generates every state of the trials from the others, tuned anew without it, by the volume-weighted mean
    of squares; no combination is taken that is worse there than its best member alone. One weight a member holds for
    the whole field; for m = 1 there may be other weights outside the known range than inside.
    """

    name = "convex_stack"

    def __init__(self, members: Sequence[Rival]):
        """Stack `members`, of which those that admit the states are used."""
        self.members = tuple(members)

    def shares(
        self, values: Array, snapshots: Array, weights: Array | None = None, trials: IntArray | None = None
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Weight of each member that is used, by its name, inside and outside the known range; see `Rival.fit`."""
        members = [member for member in self.members if member.admits(values)]
        parts = trial_rows(values, trials)
        grams = {int(row): _gram(members, int(row), values, snapshots, weights, trials) for row in np.union1d(*parts)}
        shape = (-1, len(members), len(members))
        inside, outside = (blend(np.reshape([grams[int(row)] for row in rows], shape)) for rows in parts)
        names = [member.name for member in members]
        return _named(names, inside), _named(names, outside)

    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """See `Rival.fit_scaled`."""
        inside, outside = self.shares(known, snapshots, weights, trials)
        fitted = {
            member.name: member.fit(known, snapshots, weights, trials)
            for member in self.members
            if member.name in inside | outside
        }

        def mixture(shares: dict[str, float]) -> Predictor:
            return lambda targets: np.sum([share * fitted[name](targets) for name, share in shares.items()], axis=0)

        return lambda targets: inside_or_outside(targets, mixture(inside), mixture(outside))


def blend(grams: Array) -> Array:
    """Convex weights of least left-out error.

    Args:
        grams: (T, n, n) products of the members' errors at each state left out; infinite on the diagonal where a member
            does not admit the other states.

    Returns:
        (n,) weights; all on the first member where none can be told from the others.
    """
    total, shares = grams.sum(axis=0), np.zeros(grams.shape[1])
    errors = np.sqrt(np.diag(total))
    best = int(np.argmin(errors))
    if len(grams) == 0 or not np.isfinite(errors[best]):
        shares[0] = 1.0
        return shares
    able = np.flatnonzero(errors <= WORST_RATIO * errors[best])
    values, vectors = np.linalg.eigh(total[np.ix_(able, able)])
    kept, found = stack_globally(vectors * np.sqrt(np.maximum(values, 0.0)), luck=luck_of(len(grams)))
    shares[able[kept]] = found
    if shares[able] @ total[np.ix_(able, able)] @ shares[able] > total[best, best]:
        shares[:] = 0.0
        shares[best] = 1.0
    return shares


def _gram(
    members: Sequence[Rival], row: int, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None
) -> Array:
    """(n, n) products of the members' errors at a state that is left out, see `blend`."""
    errors = np.array([member.leave_out(row, known, snapshots, weights, trials) for member in members])
    unable = ~np.all(np.isfinite(errors), axis=1)
    errors[unable] = 0.0
    if weights is not None:
        errors *= np.sqrt(weights)
    gram = np.asarray(errors @ errors.T)
    gram[unable, unable] = np.inf
    return gram


def _named(names: Sequence[str], shares: Array) -> dict[str, float]:
    return {name: float(share) for name, share in zip(names, shares, strict=True) if share > 0.0}
