"""Parts of the week or the day in which the reference has distributions of its own.

Weekends and nights often differ from the rest. Where the reference shows that, live rows are
compared with the reference rows of the same weekday or hour, in UTC.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Season = Literal["none", "weekday", "hour", "weekday and hour"]
Cells = NDArray[np.int64]

CELLS: dict[Season, int] = {"none": 1, "weekday": 7, "hour": 24, "weekday and hour": 168}
DAY, HOUR = 86_400, 3_600


def days(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the UTC day of each time, in seconds since 1970."""
    result: NDArray[np.int64] = seconds // DAY
    return result


def cells(season: Season, seconds: NDArray[np.int64]) -> Cells:
    """Return the season's cell of each time, from 0 on; weekdays begin with Monday."""
    # 1 January 1970 was a Thursday.
    weekday, hour = (days(seconds) + 3) % 7, seconds % DAY // HOUR
    match season:
        case "none":
            return np.zeros(len(seconds), np.int64)
        case "weekday":
            return weekday
        case "hour":
            return hour
        case "weekday and hour":
            return weekday * 24 + hour
