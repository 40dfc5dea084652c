"""Linear laws of motion with a remainder: how a state is carried on, and how far what is left of the law spreads.

A law `x^(m) = A_0 x + ... + A_{m-1} x^(m-1) + r` with `d^p r / ds^p` white of unit intensity is a linear system for
`z = (x, x', ..., x^(m+p-1))`. Over a step h, `z(s + h) = E z(s) + noise of covariance Q`. E and Q of a short step come
from one matrix exponential, those of the whole step by doubling, which stays exact where the law is stiff.

Source: C. F. Van Loan, IEEE Trans. Autom. Control 23 (1978) 395-404; Q(2h) = Q(h) + E(h) Q(h) E(h)^T.
"""

from collections.abc import Sequence

import numpy as np

from cmgai_fem.states.labels import Array

# Norm of a step whose exponential is summed, and the terms that it takes to sixteen digits.
SHORT, TERMS = 0.5, 15


def companion(matrices: Sequence[Array], lifts: int) -> Array:
    """(..., d, d) matrix of the first-order system of a law, d = n (m + p).

    Args:
        matrices: A_0 to A_{m-1}, (..., n, n) each.
        lifts: p.
    """
    size, order = matrices[0].shape[-1], len(matrices)
    total = size * (order + lifts)
    found = np.zeros((*matrices[0].shape[:-2], total, total))
    rows = np.arange(total - size)
    found[..., rows, rows + size] = 1.0
    for power, matrix in enumerate(matrices):
        start = (power + lifts) * size
        found[..., total - size :, start : start + size] = matrix
    return found


def flow(system: Array, noisy: int, steps: Array) -> tuple[Array, Array]:
    """E and Q, (k, ..., d, d) each, of steps (k,); white noise of unit intensity drives the last `noisy` entries.

    Args:
        system: (..., d, d) matrix of the system.
        noisy: entries that the noise drives.
        steps: (k,) lengths, not negative.
    """
    size = system.shape[-1]
    norm = float(np.abs(system).sum(axis=-1).max(initial=0.0)) * float(steps.max())
    doublings = max(int(np.ceil(np.log2(max(norm, SHORT) / SHORT))), 0)
    short = steps.reshape(-1, *([1] * system.ndim)) / 2.0**doublings
    block = np.zeros((*system.shape[:-2], 2 * size, 2 * size))
    block[..., :size, :size] = -system
    block[..., size:, size:] = np.swapaxes(system, -1, -2)
    driven = np.arange(size - noisy, size)
    block[..., driven, size + driven] = 1.0
    whole = np.broadcast_to(np.eye(2 * size), (len(steps), *block.shape)).copy()
    term = whole
    for power in range(1, TERMS + 1):
        term = term @ (block * short) / power
        whole = whole + term
    carry = np.swapaxes(whole[..., size:, size:], -1, -2)
    spread = carry @ whole[..., :size, size:]
    for _ in range(doublings):
        spread = spread + carry @ spread @ np.swapaxes(carry, -1, -2)
        carry = carry @ carry
    return carry, 0.5 * (spread + np.swapaxes(spread, -1, -2))


def response(system: Array, noisy: int, times: Array) -> tuple[Array, Array]:
    """How the system answers at times (k,), from the first on.

    Returns:
        (..., k, d, d) the states that a unit start leads to, and (..., k, d, k, d) their covariance from rest under the
        noise.
    """
    count, size = len(times), system.shape[-1]
    # States mostly lie at equal distances: each step is made once.
    steps, places = np.unique(np.round(np.diff(times), 12), return_inverse=True)
    carries, spreads = (each[places] for each in flow(system, noisy, steps))
    led = [np.broadcast_to(np.eye(size), system.shape)]
    own = [np.zeros(system.shape)]
    for carry, spread in zip(carries, spreads, strict=True):
        led.append(carry @ led[-1])
        own.append(carry @ own[-1] @ np.swapaxes(carry, -1, -2) + spread)
    found = np.zeros((*system.shape[:-2], count, size, count, size))
    for first in range(count):
        shared = own[first]
        found[..., first, :, first, :] = shared
        for later in range(first + 1, count):
            shared = carries[later - 1] @ shared
            found[..., later, :, first, :] = shared
            found[..., first, :, later, :] = np.swapaxes(shared, -1, -2)
    return np.stack(led, axis=-3), found
