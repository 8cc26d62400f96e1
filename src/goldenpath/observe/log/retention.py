"""Retention of the prediction log: erasure of a person, expiry of inputs and of records.

Inputs are encrypted, so erasure of a person and expiry of inputs delete only keys. The log stays
unchanged and still verifies. Expiry of records deletes their table and adds a signed statement with
its request numbers, so that earlier gaps stay visible. The checkpoint stays, so that the chain is
whole and a segment that the audit log recorded can still be identified.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.files import write_whole
from goldenpath.home import Home
from goldenpath.observe.log.keeping.legal_hold import holds_unchanged
from goldenpath.observe.log.log_reader import verified
from goldenpath.observe.log.request_spans import RequestSpans
from goldenpath.observe.log.segment import (
    SUFFIX,
    Checkpoint,
    checkpoints,
    parse_checkpoint,
    table_of,
)
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.processes.observer_launch import Keeping
from goldenpath.release.attest.bundle import Bundle, sign_statement
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.statement import EXPIRY, Statement
from goldenpath.times import timestamp

VERSION = 1
EXPIRED = ".expired.json"


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
    with holds_unchanged(home, holds) as kept:
        return _expired(home, before, now, stage, signer=signer, kept=kept.segments)


def _expired(
    home: Home,
    before: datetime,
    now: datetime,
    stage: str,
    *,
    signer: PemSigner,
    kept: Collection[str],
) -> list[str]:
    gone = []
    for path in checkpoints(home.predictions, stage):
        table = table_of(path)
        if not table.exists() or str(path.relative_to(home.predictions)) in kept:
            continue
        claimed = parse_checkpoint(path.read_bytes(), signer.public_key())
        if claimed.last_time >= timestamp(before):
            continue
        checkpoint = verified(path, signer.public_key())
        numbers = RequestSpans()
        column = pq.read_table(table, columns=["sequence"])["sequence"].drop_null()
        numbers.add_numbers(column.to_numpy())
        predicate: Mapping[str, JsonValue] = {
            "version": VERSION,
            "expiredAt": timestamp(now),
            "sequences": numbers.text,
        }
        statement = Statement((Digest(checkpoint.content),), EXPIRY, predicate)
        write_whole(_statement_path(path), sign_statement(statement, signer).render())
        table.unlink()
        gone.append(table.name)
    return gone


def is_expired(path: Path) -> bool:
    """Whether the table of a checkpoint is gone and its expiry statement exists."""
    return not table_of(path).exists() and _statement_path(path).exists()


def read_expired(path: Path, public_key: bytes) -> tuple[Checkpoint, RequestSpans]:
    """Return the checkpoint of an expired table, and the request numbers that were in it.

    Raises `VerificationError` unless the log key signed both for the same table.
    """
    checkpoint = parse_checkpoint(path.read_bytes(), public_key)
    envelope = Bundle.parse(_statement_path(path).read_bytes()).envelope
    if not any(is_signed(public_key, envelope.signed, each.value) for each in envelope.signatures):
        raise VerificationError(f"{_statement_path(path).name} is not signed by the key of the log")
    statement = Statement.parse(envelope.payload)
    text = statement.predicate.get("sequences")
    is_about = statement.subjects == (Digest(checkpoint.content),)
    if statement.predicate_type != EXPIRY or not is_about or not isinstance(text, str):
        raise VerificationError(f"{_statement_path(path).name} is about something else")
    return checkpoint, RequestSpans.parse(text)


def _statement_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(SUFFIX) + EXPIRED)


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
