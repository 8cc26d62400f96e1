"""The bound on an error rate that a checked sample gives."""

import math


def upper_error_bound(errors: int, drawn: int, confidence: float = 0.95) -> float:
    """Return the upper bound on an error rate, by so many errors in a sample.

    At this rate a sample of `drawn` records has `errors` errors or fewer with the probability
    1 - `confidence`.

    Source: Clopper and Pearson, The Use of Confidence or Fiducial Limits Illustrated in the Case of
    the Binomial, Biometrika 26 (1934). A stratified sample is at least as sure (Hoeffding, On the
    Distribution of the Number of Successes in Independent Trials, 1956), and so is one without
    repetition (Uhlmann, Vergleich der hypergeometrischen mit der Binomial-Verteilung, 1966).
    """
    if errors >= drawn:
        return 1.0
    low, high = errors / drawn, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(errors, drawn, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(errors: int, drawn: int, rate: float) -> float:
    """Return the probability of at most so many errors, for a rate between 0 and 1."""
    if rate in (0.0, 1.0):
        return 1.0 - rate
    return math.fsum(
        math.exp(
            math.lgamma(drawn + 1)
            - math.lgamma(found + 1)
            - math.lgamma(drawn - found + 1)
            + found * math.log(rate)
            + (drawn - found) * math.log1p(-rate)
        )
        for found in range(errors + 1)
    )
