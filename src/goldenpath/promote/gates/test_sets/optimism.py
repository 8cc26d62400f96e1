"""How much the best of several looks at one test set can flatter a model. Pure functions.

Every bound is for the mean of a number between 0 and 1 over independent rows, such as an accuracy,
a Brier score or a share, and holds for all looks at once with the confidence that it names.
"""

import math

CONFIDENCE = 0.95


def bound_of_fixed(looks: int, rows: int, confidence: float = CONFIDENCE) -> float:
    """Return the bound if no model depended on an earlier look; at most 1.

    Hoeffding's inequality for each look, and a union bound over all of them.
    Source: Hoeffding, Probability inequalities for sums of bounded random variables (1963).
    """
    if looks < 1 or rows < 1:
        return 1.0
    return min(1.0, math.sqrt(math.log(2 * looks / (1 - confidence)) / (2 * rows)))


def bound_of_adaptive(
    looks: int, rows: int, bits: float = 1.0, confidence: float = CONFIDENCE
) -> float:
    """Return the bound if each model was chosen by `bits` of each earlier look; at most 1.

    After k - 1 looks there are at most `2 ** (bits * (k - 1))` models that could be the next one,
    and the union bound is over all of them. One bit is "it passed, or not".
    Source: Dwork, Feldman, Hardt, Pitassi, Reingold, Roth, Generalization in adaptive data analysis
    and holdout reuse (2015), the bound by description length.
    """
    if looks < 1 or rows < 1:
        return 1.0
    choices = bits * (looks - 1) * math.log(2)
    return min(1.0, math.sqrt((choices + math.log(2 * looks / (1 - confidence))) / (2 * rows)))
