"""The accuracy of this machine's clock, as its time daemon reported it to the kernel."""

import ctypes
from dataclasses import dataclass

_UNSYNCHRONISED, _NANOSECONDS = 0x0040, 0x2000
"""Of `status`: nobody keeps the clock; times are in nanoseconds instead of microseconds."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """In nanoseconds. Source: adjtimex(2)."""

    offset: int
    """The correction that the kernel still applies."""
    error: int
    """The largest possible error."""


class Timex(ctypes.Structure):
    """The beginning of `struct timex`; what follows is only room for the kernel to write."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def clock_state() -> ClockState | None:
    """Return the kernel's state of the clock; None if unsynchronized or not readable."""
    timex = Timex()
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):  # another C library, or another system
        return None
    return read_timex(timex) if state >= 0 else None


def read_timex(timex: Timex) -> ClockState | None:
    """Return the clock quality; None if the clock is not synchronized."""
    if timex.status & _UNSYNCHRONISED:
        return None
    unit = 1 if timex.status & _NANOSECONDS else 1000
    return ClockState(int(timex.offset) * unit, int(timex.maxerror) * 1000)
