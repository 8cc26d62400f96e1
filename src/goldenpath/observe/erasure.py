"""Forgetting one person: the key goes, the log stays and still verifies."""

from goldenpath.observe.subjects import Subjects
from goldenpath.settings import Home


def erase_subject(home: Home, subject: str) -> str | None:
    """Destroys the key; the pseudonym that stood for the person, None if there was no key."""
    subjects = Subjects(home.keys)
    try:
        erased = subjects.erase(subject)
    finally:
        subjects.close()
    return None if erased is None else erased.reference
