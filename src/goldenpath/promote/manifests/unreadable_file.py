"""The text that stands in for a file of the repository that cannot be read.

The file stops its own deployment, and its text holds the reason that `status` shows. Every reader
refuses the text, because it begins with a zero byte.
"""

from goldenpath.errors import InvalidInput

_BEGIN = b"\0unreadable, may hold anything: "
"""The word `hold` makes `is_marked` true: the file may have held a restriction."""


def unreadable(reason: str, identity: str) -> bytes:
    """Return the text for a file; `identity` makes it different for each file."""
    return _BEGIN + f"{reason}\n{identity!r}".encode("utf-8", "backslashreplace")


def refuse_unreadable(content: bytes, what: str) -> None:
    """Raise `InvalidInput` with the reason if the text stands in for the file `what`."""
    if content.startswith(_BEGIN):
        reason, _, _ = content.removeprefix(_BEGIN).decode("utf-8", "replace").partition("\n")
        raise InvalidInput(
            f"{what} {reason}", hint="replace it by a regular file, or remove the folder"
        )
