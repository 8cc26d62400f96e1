"""The budget of false alarms, spent by time.

Each look opens a start: a time from which drift may have begun. While nothing has changed, the
e-value from one start times its weight is at most the weight on average, at any time of looking.
The weights of all starts of a year add up to at most the budget of that year, whatever the traffic.

Half of a day's budget is divided among as many starts as the day before had. The other half is for
further starts, in blocks that halve: 4 starts, 8, 16 and so on.
"""

DAYS_A_YEAR = 365.25
_FIRST_BLOCK = 4


def start_weight(position: int, before: int, false_alarms_a_year: float) -> float:
    """Return the weight of a start: expected false alarms that it may cause.

    `position` counts the starts of the day from 0 on; `before` is the number of starts of the last
    day with rows, 0 on the first day.
    """
    of_series = 1.0 if before == 0 else 0.5
    share = of_series * _series(position)
    if position < before:
        share += 0.5 / before
    return share * false_alarms_a_year / DAYS_A_YEAR


def _series(position: int) -> float:
    block = (position // _FIRST_BLOCK + 1).bit_length() - 1
    return 0.5 ** (block + 1) / (_FIRST_BLOCK << block)
