"""Whether the share of requests that are refused for one reason is more than usual.

Up to 1 % of the requests may be refused for each reason: callers make mistakes. A look multiplies
the value of a bet on a higher share by a likelihood ratio, whose denominator is the most likely
usual share, and gives each bet a part of the budget (Shiryaev and Roberts). So while every request
is refused with a chance of at most the usual share, independently of the others, the expected
number of false alarms is at most the budget that was handed out.
"""

import math

USUAL_SHARE = 0.01
REFUSAL_SHARE = 0.02
"""Share of the alarm budget for refused requests, all reasons together."""
_RISES = (2.5, 8.0, 40.0)
"""Odds of the shares that are bet on, in relation to those of the usual share."""
_MOST = 0.99


def log_gains(refused: int, asked: int, usual: float) -> tuple[float, ...]:
    """Return the logarithm of what each bet multiplies its value by.

    `usual` is the largest share that is no finding, above 0 and below 1.
    """
    likeliest = min(refused / asked, usual)
    passed = asked - refused
    null = _log_likelihood(refused, passed, likeliest)
    odds = usual / (1 - usual)
    shares = [odds * rise / (1 + odds * rise) for rise in _RISES]
    return tuple(_log_likelihood(refused, passed, share) - null for share in shares)


def learnt_share(refused: int, asked: int) -> float:
    """Return the usual share after a person has closed a finding: up to twice what was seen."""
    return min(max(2 * refused / max(asked, 1), USUAL_SHARE), _MOST)


def _log_likelihood(hits: int, misses: int, share: float) -> float:
    hit = hits * math.log(share) if hits else 0.0
    return hit + (misses * math.log1p(-share) if misses else 0.0)
