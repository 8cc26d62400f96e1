"""Forgetting one person, or the inputs of old days: keys go, the log stays and still verifies."""

from datetime import date

from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.settings import Home


def erase_subject(home: Home, subject: str) -> str | None:
    """Destroys the key; the pseudonym that stood for the person, None if there was no key."""
    subjects = Subjects(home.keys)
    try:
        erased = subjects.erase(subject)
    finally:
        subjects.close()
    return erased


def expire_inputs(home: Home, before: date, stage: str | None = None) -> list[str]:
    """Destroys the keys of inputs that were sealed before that day; the days that had one.

    Of one stage if it is named; "" stands for days of before stages had keys of their own.
    """
    subjects = Subjects(home.keys)
    try:
        return subjects.expire(before.isoformat(), stage)
    finally:
        subjects.close()
