"""Sweeps to both sides whose fields mirror each other: half of their states say nothing that the others do not.

A load of +-F or an angle of +-a gives fields that are even or odd in it. Every left-out error is then answered by the
state's own mirror image, and may vanish, whatever the field does in the middle: such states count once.

Source: ours.
"""

import numpy as np

from cmgai_fem.calibration.evidence import Data

# Spacing, of the known range, up to which states lie alike on both sides.
SPACING = 1e-6
# The part of the fields that does not mirror, in that which does, and the latter in all that changes.
ALIKE, LEAST = 0.05, 1e-3


def telling_states(data: Data) -> int:
    """How many of the known states tell something of their own: all, or half of those that mirror each other.

    What a straight line through the states has is left out where it is odd: it is right to be told by two states.
    """
    count = len(data.places)
    if data.places.shape[1] > 1 or count < 3:
        return count
    order = np.argsort(data.places[:, 0])
    places, fields = data.places[order, 0], data.factor[order]
    middle = 0.5 * (places[0] + places[-1])
    if np.abs(places + places[::-1] - 2.0 * middle).max() > SPACING * np.ptp(places):
        return count
    fields = fields - fields.mean(axis=0)
    even, odd = 0.5 * (fields + fields[::-1]), 0.5 * (fields - fields[::-1])
    away = (places - middle) / np.linalg.norm(places - middle)
    bent = odd - np.outer(away, away @ odd)
    whole, even_size, odd_size, bent_size = (float(np.linalg.norm(part)) for part in (fields, even, odd, bent))
    is_even = even_size > LEAST * whole and odd_size <= ALIKE * even_size
    is_odd = bent_size > LEAST * whole and even_size <= ALIKE * bent_size
    return (count + 1) // 2 if is_even or is_odd else count
