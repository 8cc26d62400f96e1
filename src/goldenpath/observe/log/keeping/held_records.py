"""Finds the records of a prediction or of a person, and the keys without which they are closed."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from goldenpath.errors import NotFound
from goldenpath.home import Home
from goldenpath.observe.log.keeping.legal_hold import HeldRecords
from goldenpath.observe.log.log_reader import locate_prediction, read_columns
from goldenpath.observe.log.segments.stored_segments import StoredSegment, stored_segments
from goldenpath.observe.log.subject_keys import Subjects


def records_to_hold(home: Home, predictions: Sequence[str], subjects: Sequence[str]) -> HeldRecords:
    """Return what keeps these predictions and all records of these people.

    Raises `NotFound` for a prediction that is not there or a person without a key.
    """
    ids: set[str] = set()
    references: set[str] = set()
    days: set[str] = set()
    segments: set[StoredSegment] = set()
    for prediction_id in predictions:
        segment, place = locate_prediction(home, prediction_id)
        row = read_columns(segment, ("prediction_id", "subject_ref", "key_day"))
        record = row.slice(place, 1).to_pylist()[0]
        ids.add(str(record["prediction_id"]))
        days.add(str(record["key_day"]))
        segments.add(segment)
        references |= {str(record["subject_ref"])} - {"None"}
    for name in subjects:
        reference = reference_of(home, name)
        references.add(reference)
        for segment, table in records_of(home, reference):
            segments.add(segment)
            days |= {str(day) for day in table["key_day"].to_pylist()}
            ids |= {str(each) for each in table["prediction_id"].to_pylist()}
    return HeldRecords(
        predictions=tuple(sorted(ids)),
        subjects=tuple(sorted(references)),
        days=tuple(sorted(days)),
        segments=tuple(sorted(each.relative for each in segments)),
    )


def reference_of(home: Home, name: str) -> str:
    """Return the pseudonym of a person. Raises `NotFound` if the log has no key of them."""
    subjects = Subjects.existing(home.keys)
    try:
        reference = subjects.reference(name)
    finally:
        subjects.close()
    if reference is None:
        raise NotFound("the log holds no key of that subject")
    return reference


def records_of(home: Home, reference: str) -> Iterator[tuple[StoredSegment, pa.Table]]:
    """Yield each segment with records of a pseudonym, and those records."""
    for segment in stored_segments(home.predictions):
        if not segment.has_table():
            continue
        table = read_columns(segment, ("prediction_id", "subject_ref", "key_day"))
        ours = table.filter(pc.equal(table["subject_ref"], pa.scalar(reference)))
        if ours.num_rows:
            yield segment, ours
