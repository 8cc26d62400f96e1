"""Evidence from the ranks of whole days among those of the reference and the days before.

If days are exchangeable, the rank of a new day is equally likely to be any, and independent of the
ranks before it. The rows of a day may depend on each other in any way. A bet on the top 2, 6 or 20
percent of ranks puts most of what it has on the rank being there. What it has after some days is an
e-value: it is at most one on average while days are exchangeable, at any time of looking. The bets
on oddness, up and down are averaged.

Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), chapter 7.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TOPS = (0.02, 0.06, 0.2)
"""Shares of the ranks that are bet on."""
STAKE = 0.8
DIRECTIONS = 3
"""Odd in any way, up, down."""
BETS = DIRECTIONS * len(TOPS)


def log_gains(earlier: Array, numbers: tuple[float, float]) -> Array:
    """Return the logarithm of what each bet multiplies its value by on a day, shape `(BETS,)`.

    `earlier` are the oddness and the move of the days that this one is ranked among, shape
    `(days, 2)`.
    """
    oddness, move = numbers
    at_least = (
        int((earlier[:, 0] >= oddness).sum()),
        int((earlier[:, 1] >= move).sum()),
        int((earlier[:, 1] <= move).sum()),
    )
    gains = []
    for number in at_least:
        rank = (1 + number) / (len(earlier) + 1)
        gains += [1 - STAKE + (STAKE / top if rank <= top else 0.0) for top in TOPS]
    result: Array = np.log(np.array(gains))
    return result


def log_value(gains: Array) -> Array:
    """Return the logarithm of the average of the bets, which are on the last axis."""
    highest = gains.max(axis=-1, keepdims=True)
    result: Array = np.log(np.exp(gains - highest).mean(axis=-1)) + highest[..., 0]
    return result
