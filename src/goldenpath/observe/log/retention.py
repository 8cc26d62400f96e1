"""Retention of the prediction log: erasure of a person, expiry of inputs and of records.

Inputs are encrypted, so erasure of a person and expiry of inputs delete only keys. The log stays
unchanged and still verifies. Expiry of records deletes their table and adds a signed statement with
its request numbers, so that earlier gaps stay visible. The checkpoint stays, so that the chain is
whole and a segment that the audit log recorded can still be identified.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.files import write_whole
from goldenpath.home import Home
from goldenpath.observe.log.keeping.legal_hold import holds_unchanged
from goldenpath.observe.log.log_reader import verified_table
from goldenpath.observe.log.request_spans import RequestSpans
from goldenpath.observe.log.segment import Checkpoint, parse_checkpoint
from goldenpath.observe.log.segments.compaction import expire_packed, segments_unmoved
from goldenpath.observe.log.segments.stored_segments import EXPIRED, StoredSegment, stored_segments
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.parsers.parquet_bytes import table_in
from goldenpath.processes.observer_launch import Keeping
from goldenpath.release.attest.bundle import Bundle, sign_statement
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.statement import EXPIRY, Statement
from goldenpath.stored_formats import EXPIRY_FILE
from goldenpath.times import timestamp

EVERY = timedelta(hours=1)


def erase_subject(home: Home, subject: str) -> str | None:
    """Destroy the key of a person. Return the pseudonym, None if there was no key.

    Raises `InvalidInput` if a hold keeps their records.
    """
    with holds_unchanged(home) as kept:
        subjects = Subjects(home.keys)
        try:
            case = kept.subjects.get(subjects.reference(subject) or "")
            if case is not None:
                raise InvalidInput(
                    f"the records of that subject are kept by hold {case}: nothing was erased",
                    hint=f"two people have to lift it: goldenpath log lift {case} --reason ...",
                )
            return subjects.erase(subject)
        finally:
            subjects.close()


def expire_inputs(
    home: Home, before: date, stage: str | None = None, *, holds: Collection[str] = ()
) -> list[str]:
    """Destroy the keys of inputs sealed before a day. Return the days that had a key.

    `stage` limits it to one stage. "" means days from before stages had keys of their own. Days
    that a hold keeps stay. `holds` are cases that are in force by the audit log.
    """
    with holds_unchanged(home, holds) as kept:
        subjects = Subjects(home.keys)
        try:
            return subjects.expire(before.isoformat(), stage, kept.days)
        finally:
            subjects.close()


def expire_records(
    home: Home, before: datetime, now: datetime, stage: str = "*", *, holds: Collection[str] = ()
) -> list[str]:
    """Delete every segment of a stage whose last record is older. Return their names.

    Segments that a hold keeps stay. `holds` are cases in force by the audit log. Raises
    `VerificationError` at a segment that fails verification: it is evidence and stays.
    """
    signer = PemSigner.load(home.log_key)
    with holds_unchanged(home, holds) as kept, segments_unmoved(home.predictions):
        due = [
            each
            for each in stored_segments(home.predictions, stage)
            if each.has_table() and each.relative not in kept.segments
        ]
        due.sort(key=lambda each: (each.folder, each.packed))
        return _expired(due, before, now, signer)


def _expired(
    segments: Iterable[StoredSegment], before: datetime, now: datetime, signer: PemSigner
) -> list[str]:
    """Delete the records of those that are older, file by file."""
    gone = []
    for (folder, packed), group in groupby(segments, key=lambda each: (each.folder, each.packed)):
        statements: dict[str, bytes] = {}
        for segment in group:
            claimed = parse_checkpoint(segment.checkpoint(), signer.public_key())
            if claimed.last_time >= timestamp(before):
                continue
            statements[segment.stem] = _statement(segment, now, signer)
            if not packed:
                write_whole(folder / f"{segment.stem}{EXPIRED}", statements[segment.stem])
                (folder / segment.table_name).unlink()
            gone.append(segment.table_name)
        if packed and statements:
            expire_packed(folder / packed, statements, signer)
    return gone


def _statement(segment: StoredSegment, now: datetime, signer: PemSigner) -> bytes:
    """Return the signed statement that the records of a segment expire, with their numbers."""
    checkpoint, content = verified_table(segment, signer.public_key())
    numbers = RequestSpans()
    column = table_in(content, ["sequence"])["sequence"].drop_null()
    numbers.add_numbers(column.to_numpy())
    predicate: Mapping[str, JsonValue] = {
        "version": EXPIRY_FILE.version,
        "expiredAt": timestamp(now),
        "sequences": numbers.text,
    }
    statement = Statement((Digest(checkpoint.content),), EXPIRY, predicate)
    return sign_statement(statement, signer).render()


def read_expired(segment: StoredSegment, public_key: bytes) -> tuple[Checkpoint, RequestSpans]:
    """Return the checkpoint of an expired table, and the request numbers that were in it.

    Raises `VerificationError` unless the log key signed both for the same table.
    """
    name = f"{segment.stem}{EXPIRED}"
    checkpoint = parse_checkpoint(segment.checkpoint(), public_key)
    envelope = Bundle.parse(segment.expiry()).envelope
    if not any(is_signed(public_key, envelope.signed, each.value) for each in envelope.signatures):
        raise VerificationError(f"{name} is not signed by the key of the log")
    statement = Statement.parse(envelope.payload)
    EXPIRY_FILE.require(statement.predicate.get("version"), name)
    text = statement.predicate.get("sequences")
    is_about = statement.subjects == (Digest(checkpoint.content),)
    if statement.predicate_type != EXPIRY or not is_about or not isinstance(text, str):
        raise VerificationError(f"{name} is about something else")
    return checkpoint, RequestSpans.parse(text)


def end_what_is_old(
    home: Home, keeping: Keeping, now: datetime
) -> Iterator[Mapping[str, JsonValue]]:
    """Apply the retention rules. Return an event for each stage and kind that expired.

    Raises `VerificationError` at a segment that fails verification, which is evidence and stays,
    and if a hold that the audit log names is not here.
    """
    for keep in keeping.stages:
        if keep.inputs:
            before = now - timedelta(days=keep.inputs)
            gone = expire_inputs(home, before.date(), keep.stage, holds=keeping.holds)
            yield from _event("inputs", keep.stage, before, gone)
    days = [keep.inputs for keep in keeping.stages]
    if days and all(days):
        # Keys from before stages had their own are kept as long as the longest stage rule.
        before = now - timedelta(days=max(days))
        gone = expire_inputs(home, before.date(), "", holds=keeping.holds)
        yield from _event("inputs", "", before, gone)
    for keep in keeping.stages:
        if keep.records and home.log_key.exists():
            before = now - timedelta(days=keep.records)
            gone = expire_records(home, before, now, keep.stage, holds=keeping.holds)
            yield from _event("records", keep.stage, before, gone)


def _event(
    what: str, stage: str, before: datetime, gone: list[str]
) -> Iterator[Mapping[str, JsonValue]]:
    if gone:
        yield {
            "event": "expired",
            "what": what,
            "stage": stage,
            "before": timestamp(before),
            "gone": [*gone],
            "reason": f"[stage.log] of platform.toml, {what}",
        }
