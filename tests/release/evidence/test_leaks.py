"""Secrets are named by their line, at a cost in proportion to the file."""

from typing import SupportsIndex

from goldenpath.release.evidence.leaks import leaks_in

SECRET = b"AKIA" + b"A" * 16


class CountedBytes(bytes):
    """Bytes that add up how many of them were looked through for line breaks."""

    looked = 0

    def count(
        self,
        part: bytes | SupportsIndex,  # type: ignore[override]
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
    ) -> int:
        """Count as bytes do."""
        first, last = int(start or 0), len(self) if end is None else int(end)
        self.looked += last - first
        return bytes(self).count(part, first, last)


def looked_through(secrets: int) -> int:
    content = CountedBytes((b"line\n" * 3 + b"key = " + SECRET + b"\n") * secrets)
    assert len(list(leaks_in(content))) == secrets
    return content.looked


def test_each_secret_is_named_with_its_line() -> None:
    content = b"\n" + SECRET + b" " + SECRET + b"\n\nx\n" + SECRET

    assert list(leaks_in(content)) == [
        f"access key of a cloud in line {line}" for line in (2, 2, 5)
    ]


def test_four_times_the_secrets_cost_four_times_the_look() -> None:
    assert looked_through(400) < 4.1 * looked_through(100)
