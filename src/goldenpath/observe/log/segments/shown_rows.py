"""The check that a packed file shows other programs the very rows of its segments."""

import io
from pathlib import Path

import pyarrow.parquet as pq

from goldenpath.errors import VerificationError
from goldenpath.observe.log.segment import parse_checkpoint, require_content
from goldenpath.observe.log.segments.packed_file import PackedFile, open_packed
from goldenpath.observe.log.segments.parquet_footer import MAGIC, tail


def shown_otherwise(file: PackedFile) -> str:
    """Return where the rows that other programs see differ from the segments; empty if nowhere.

    The last footer of a packed file has to lead to the very pages of each segment. Raises what
    reading one raises.
    """
    name = file.source.name
    shown = pq.read_metadata(io.BytesIO(MAGIC + file.shown() + tail(file.shown())))
    group = 0
    for stem, place in file.places.items():
        table = file.table(stem)
        if table is None:
            continue
        own = pq.read_metadata(io.BytesIO(table))
        shift = place.entry.begin - len(MAGIC)
        groups = range(group, group + own.num_row_groups)
        if groups.stop > shown.num_row_groups or not _same(own, shown, group, shift):
            return f"{name} shows other programs something else than segment {stem}"
        group = groups.stop
    if group != shown.num_row_groups:
        return f"{name} shows other programs more than its segments"
    return ""


def require_shown(path: Path, public_key: bytes) -> None:
    """Raise `VerificationError` if a packed file shows other programs other rows than it has.

    If the key of the log signed the directory, whoever packed it has compared them: then the
    digest of the last footer is enough.
    """
    file = open_packed(path)
    if (file.directory.stage, file.directory.model) != path.parts[-3:-1]:
        raise VerificationError(f"{path.name} is of another deployment than its folder")
    if file.is_signed(public_key):
        file.shown()
    elif wrong := shown_otherwise(file):
        raise VerificationError(wrong)


def require_packed(path: Path) -> None:
    """Raise `VerificationError` if a table in a packed file is not what its checkpoint is about."""
    file = open_packed(path)
    for stem in file.places:
        table = file.table(stem)
        if table is not None:
            require_content(stem, table, parse_checkpoint(file.checkpoint(stem), None))
    if wrong := shown_otherwise(file):
        raise VerificationError(wrong)


def _same(own: pq.FileMetaData, shown: pq.FileMetaData, first: int, shift: int) -> bool:
    if own.metadata != shown.metadata or not own.schema.equals(shown.schema):
        return False
    for number in range(own.num_row_groups):
        mine, theirs = own.row_group(number), shown.row_group(first + number)
        if (mine.num_rows, mine.num_columns) != (theirs.num_rows, theirs.num_columns):
            return False
        pairs = ((mine.column(at), theirs.column(at)) for at in range(mine.num_columns))
        if any(_chunk(one, shift) != _chunk(other, 0) for one, other in pairs):
            return False
    return True


def _chunk(column: pq.ColumnChunkMetaData, shift: int) -> tuple[object, ...]:
    pages = (column.data_page_offset, column.dictionary_page_offset)
    return (
        *(offset + shift if offset and offset > 0 else offset for offset in pages),
        column.total_compressed_size,
        column.num_values,
        column.physical_type,
        column.compression,
        column.path_in_schema,
    )
