"""Back-off: how long a parent waits before it starts an ended child again."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
DRAIN_SECONDS = 30.0
"""How long a child may take to finish what it began, before it is killed."""


def pause_after(failures: int, longest: float = LONGEST_PAUSE) -> float:
    """Return the pause in seconds after so many failures before this one, doubled each time."""
    return min(FIRST_PAUSE * 2.0 ** min(failures, 10), longest)
