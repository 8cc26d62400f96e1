"""DER as in X.690: values by tag, as far as time stamps need it, bounded."""

from collections.abc import Sequence
from dataclasses import dataclass

from goldenpath.errors import InvalidInput

INTEGER, OCTETS, NULL, OBJECT = 0x02, 0x04, 0x05, 0x06
TIME, SEQUENCE, SET = 0x18, 0x30, 0x31
MOST_BYTES = 64 * 1024
"""Bytes of the largest value that is read."""


@dataclass(frozen=True, slots=True)
class DerValue:
    """One value: its tag, its content, and its whole encoding."""

    tag: int
    content: bytes
    encoded: bytes

    def children(self) -> list["DerValue"]:
        """Return the values inside. Raises `InvalidInput` if it has none by its tag."""
        if not self.tag & 0x20:
            raise InvalidInput(f"a DER value of tag {self.tag:#04x} has no values inside")
        return parse_der(self.content)

    def child(self, place: int = 0) -> "DerValue":
        """Return the value inside at a place. Raises `InvalidInput` if there is none."""
        return member_of(self.children(), place, "a DER value")

    def only(self, tag: int) -> bytes:
        """Return the content of a value that has this tag. Raises `InvalidInput`."""
        if self.tag != tag:
            raise InvalidInput(f"expected a DER value of tag {tag:#04x}, got {self.tag:#04x}")
        return self.content


def parse_der(content: bytes) -> list[DerValue]:
    """Return the values in a row. Raises `InvalidInput`."""
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"a DER value is too large: expected at most {MOST_BYTES} bytes")
    values, position = list[DerValue](), 0
    while position < len(content):
        begin, tag = position, content[position]
        if tag & 0x1F == 0x1F:
            raise InvalidInput("a DER value has a tag of several bytes")
        size, position = _size(content, position + 1)
        if position + size > len(content):
            raise InvalidInput("a DER value ends too early")
        inside = content[position : position + size]
        position += size
        values.append(DerValue(tag, inside, content[begin:position]))
    return values


def _size(content: bytes, position: int) -> tuple[int, int]:
    """Return the length of a value, and where its content begins."""
    if position >= len(content):
        raise InvalidInput("a DER value ends too early")
    first = content[position]
    if first < 0x80:
        return first, position + 1
    count = first & 0x7F
    digits = content[position + 1 : position + 1 + count]
    if not 0 < count <= 3 or len(digits) != count:
        raise InvalidInput("a DER value has no definite length")
    return int.from_bytes(digits, "big"), position + 1 + count


def render_der(tag: int, *parts: bytes) -> bytes:
    """Return one value of this tag."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def render_integer(number: int) -> bytes:
    """Return a number that is 0 or more."""
    return render_der(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def member_of(values: Sequence[DerValue], place: int, what: str) -> DerValue:
    """Return the value at a place. Raises `InvalidInput` if there is none."""
    if place >= len(values):
        raise InvalidInput(f"{what} is not complete")
    return values[place]
