"""Joins the footers of Parquet files, so that one file shows the rows of several.

The pages of each file are copied as they are. Only the offsets in the footer change. So whoever has
the pages and the footer of a file has its very bytes. Footers are values of the compact protocol of
Apache Thrift, in the structures of `parquet.thrift` of Apache Parquet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from goldenpath.errors import InvalidInput

MAGIC = b"PAR1"
_TRUE, _FALSE, _BYTE, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 3, 6, 8, 9, 12
_DEEPEST = 12
Value: TypeAlias = "bool | int | bytes | tuple[int, list[Value]] | Struct"
Struct: TypeAlias = "list[tuple[int, int, Value]]"
"""Number, type and value of each field, in their order."""

_NUM_ROWS, _ROW_GROUPS = 3, 4
"""Fields of the footer. Its others say how to read the rows: the same in each joined file."""
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
_CHUNK_OFFSET, _META_DATA = 2, 3
_CHUNK_INDEXES = frozenset({4, 6})
"""Offsets of indexes between pages and footer; no segment has them."""
_PAGE_OFFSETS = frozenset({9, 10, 11})
_LEFT_OUT = frozenset({12, 13})
"""Statistics of a column and of its encodings: readers do without, and they are half of it."""


@dataclass(frozen=True, slots=True)
class ParquetParts:
    """A Parquet file without its marks: its pages, and its footer."""

    pages: bytes
    footer: bytes

    @classmethod
    def of(cls, content: bytes) -> "ParquetParts":
        """Take a file apart. Raises `InvalidInput` if it is none."""
        length = int.from_bytes(content[-8:-4], "little")
        end = len(content) - 8 - length
        if len(content) < 12 or end < 4 or content[:4] != MAGIC or content[-4:] != MAGIC:
            raise InvalidInput("a table is no Parquet file with a readable footer")
        return cls(content[4:end], content[end:-8])

    @property
    def content(self) -> bytes:
        """The file."""
        return b"".join((MAGIC, self.pages, self.footer, tail(self.footer)))


def tail(footer: bytes) -> bytes:
    """Return what follows a footer in its file."""
    return len(footer).to_bytes(4, "little") + MAGIC


@dataclass(frozen=True, slots=True)
class FooterFrame:
    """What a footer says about all its rows: the bytes before and after the groups of rows."""

    head: bytes
    tail: bytes

    @classmethod
    def of(cls, footer: bytes) -> "FooterFrame":
        """Return the frame of a footer. Raises `InvalidInput` if it cannot be read."""
        reader, before, begin, end = _Reader(footer), 0, 0, 0
        try:
            while (field := reader.field(before, 0)) is not None:
                number, start = field[0], field[3]
                if number == _NUM_ROWS:
                    begin = start
                if number == _ROW_GROUPS and before == _NUM_ROWS:
                    end = reader.at
                before = number
        except IndexError as error:
            raise InvalidInput("the footer of a table ends too early") from error
        if not begin or not end or reader.at != len(footer):
            raise InvalidInput("the footer of a table has its groups of rows somewhere else")
        return cls(footer[:begin], footer[end:])

    def fits(self, footer: bytes) -> bool:
        """Whether another footer says the same. Only such files can be joined."""
        is_long = len(footer) > len(self.head) + len(self.tail)
        return is_long and footer.startswith(self.head) and footer.endswith(self.tail)


def joined_footer(parts: Sequence[tuple[bytes, int]]) -> bytes:
    """Return the footer of a file that has the pages of several; there is at least one.

    `parts` are the footer of each, and by how many bytes its pages moved. Raises `InvalidInput` if
    they have different columns or something that cannot move.
    """
    frame = FooterFrame.of(parts[0][0])
    groups: list[Value] = []
    rows = 0
    for footer, shift in parts:
        if not frame.fits(footer):
            raise InvalidInput("tables of different columns cannot be joined")
        count, own = _groups_of(footer[len(frame.head) : len(footer) - len(frame.tail)])
        rows += count
        for group in own:
            groups.append(_moved_group(_fields(group), shift, len(groups)))
    content = bytearray(frame.head)
    made: Struct = [(_NUM_ROWS, _I64, rows), (_ROW_GROUPS, _LIST, (_STRUCT, groups))]
    _write_fields(content, made, before=_NUM_ROWS - 1)
    return bytes(content) + frame.tail


def _groups_of(content: bytes) -> tuple[int, list[Value]]:
    """Return number and groups of rows in the part of a footer between head and tail."""
    reader = _Reader(content)
    try:
        rows, groups = reader.field(_NUM_ROWS - 1, 0), reader.field(_NUM_ROWS, 0)
    except IndexError as error:
        raise InvalidInput("the footer of a table ends too early") from error
    if rows is None or groups is None or (rows[0], groups[0]) != (_NUM_ROWS, _ROW_GROUPS):
        raise InvalidInput("the footer of a table has its groups of rows somewhere else")
    return _number(rows[2]), _items(groups[2])


def _moved_group(group: Struct, shift: int, ordinal: int) -> Struct:
    made: Struct = []
    for number, kind, value in group:
        if number == _COLUMNS:
            chunks: list[Value] = [_moved_chunk(_fields(each), shift) for each in _items(value)]
            made.append((number, kind, (_STRUCT, chunks)))
        elif number == _GROUP_OFFSET:
            made.append((number, kind, _moved(value, shift)))
        elif number == _ORDINAL:
            made.append((number, kind, ordinal))
        else:
            made.append((number, kind, value))
    return made


def _moved_chunk(chunk: Struct, shift: int) -> Struct:
    made: Struct = []
    for number, kind, value in chunk:
        if number in _CHUNK_INDEXES:
            raise InvalidInput("a table has an index of its pages, which cannot be moved")
        if number == _CHUNK_OFFSET:
            made.append((number, kind, _moved(value, shift)))
        elif number == _META_DATA:
            fields = [each for each in _fields(value) if each[0] not in _LEFT_OUT]
            made.append((number, kind, [_moved_field(each, shift) for each in fields]))
        else:
            made.append((number, kind, value))
    return made


def _moved_field(field: tuple[int, int, Value], shift: int) -> tuple[int, int, Value]:
    number, kind, value = field
    return (number, kind, _moved(value, shift)) if number in _PAGE_OFFSETS else field


def _moved(value: Value, shift: int) -> int:
    """Return an offset that moved; 0 or less means that there is none."""
    offset = _number(value)
    return offset + shift if offset > 0 else offset


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise InvalidInput("the footer of a table has something else where a number belongs")
    return value


def _items(value: Value) -> list[Value]:
    if not isinstance(value, tuple):
        raise InvalidInput("the footer of a table has something else where a list belongs")
    return value[1]


def _fields(value: Value) -> Struct:
    if not isinstance(value, list):
        raise InvalidInput("the footer of a table has something else where a structure belongs")
    return value


@dataclass(slots=True)
class _Reader:
    """A place in a text of the compact protocol. A text that ends early raises `IndexError`."""

    content: bytes
    at: int = 0

    def struct(self, depth: int) -> Struct:
        """Read fields up to the end mark of the structure."""
        if depth > _DEEPEST:
            raise InvalidInput(f"the footer of a table is nested more than {_DEEPEST} deep")
        fields: Struct = []
        before = 0
        while (field := self.field(before, depth)) is not None:
            before = field[0]
            fields.append(field[:3])
        return fields

    def field(self, before: int, depth: int) -> tuple[int, int, Value, int] | None:
        """Read one field: number, type, value, and where it began. None at the end mark.

        `before` is the number of the field before it.
        """
        start, head = self.at, self._byte()
        if not head:
            return None
        step, kind = head >> 4, head & 15
        number = before + step if step else self._signed()
        return number, kind, self._value(kind, depth), start

    def _value(self, kind: int, depth: int, *, is_item: bool = False) -> Value:
        match kind:
            case 1 | 2:
                return self._byte() == _TRUE if is_item else kind == _TRUE
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._signed()
            case 7:
                return self._take(8)
            case 8:
                return self._take(self._varint())
            case 9 | 10:
                head = self._byte()
                size = self._varint() if head >> 4 == 15 else head >> 4
                if size > len(self.content) - self.at:
                    raise IndexError
                items = [self._value(head & 15, depth, is_item=True) for _ in range(size)]
                return head & 15, items
            case 12:
                return self.struct(depth + 1)
        raise InvalidInput(f"the footer of a table has a value of the unknown kind {kind}")

    def _byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def _take(self, size: int) -> bytes:
        if size > len(self.content) - self.at:
            raise IndexError
        self.at += size
        return self.content[self.at - size : self.at]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise InvalidInput("the footer of a table has a number that is too large")
        return value | byte << shift

    def _signed(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)


def _write_fields(content: bytearray, fields: Struct, *, before: int = 0) -> None:
    for number, kind, value in fields:
        step = number - before
        if 0 < step < 16:
            content.append(step << 4 | kind)
        else:
            content.append(kind)
            _write_signed(content, number)
        if kind not in (_TRUE, _FALSE):
            _write(content, kind, value)
        before = number


def _write(content: bytearray, kind: int, value: Value) -> None:
    match value:
        case bool():  # in a list
            content.append(_TRUE if value else _FALSE)
        case int() if kind == _BYTE:
            content.append(value)
        case int():
            _write_signed(content, value)
        case bytes():
            if kind == _BINARY:
                _write_varint(content, len(value))
            content += value
        case tuple():
            item, items = value
            if len(items) < 15:
                content.append(len(items) << 4 | item)
            else:
                content.append(0xF0 | item)
                _write_varint(content, len(items))
            for each in items:
                _write(content, item, each)
        case list():
            _write_fields(content, value)
            content.append(0)


def _write_signed(content: bytearray, value: int) -> None:
    _write_varint(content, value << 1 if value >= 0 else (-value << 1) - 1)


def _write_varint(content: bytearray, value: int) -> None:
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    content.append(value)
