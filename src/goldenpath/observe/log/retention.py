"""How long the prediction log is kept: erasure of a person, expiry of inputs and of records.

Inputs are encrypted, so erasing a person or the inputs of old days destroys keys; the log stays and
still verifies. Records expire with their table: a signed statement says that it is gone and which
request numbers were in it, so a gap that was there before does not go with it. The checkpoint
stays, so the chain is whole and every commitment that somebody else noted can still be placed.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.files import write_whole
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import verified
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


def expire_records(home: Home, before: datetime, now: datetime, stage: str = "*") -> list[str]:
    """Deletes every segment of a stage whose last record is older; their names.

    Raises `VerificationError` at one that does not hold: nothing wrong is covered up.
    """
    signer = PemSigner.load(home.log_key)
    gone = []
    for path in checkpoints(home.predictions, stage):
        table = table_of(path)
        if not table.exists():
            continue
        claimed = parse_checkpoint(path.read_bytes(), signer.public_key())
        if claimed.last_time >= timestamp(before):
            continue
        checkpoint = verified(path, signer.public_key())
        numbers = pq.read_table(table, columns=["sequence"])["sequence"].to_pylist()
        predicate: Mapping[str, JsonValue] = {
            "version": VERSION,
            "expiredAt": timestamp(now),
            "sequences": spans(int(each) for each in numbers if each is not None),
        }
        statement = Statement((Digest(checkpoint.content),), EXPIRY, predicate)
        write_whole(_word_of(path), sign_statement(statement, signer).render())
        table.unlink()
        gone.append(table.name)
    return gone


def is_expired(path: Path) -> bool:
    """Whether the table beside a checkpoint file is gone, and a word about it is there."""
    return not table_of(path).exists() and _word_of(path).exists()


def read_expired(path: Path, public_key: bytes) -> tuple[Checkpoint, set[int]]:
    """The checkpoint of a table that has gone, and the request numbers that were in it.

    Raises `VerificationError` unless the key of the log signed both, about the same table.
    """
    checkpoint = parse_checkpoint(path.read_bytes(), public_key)
    envelope = Bundle.parse(_word_of(path).read_bytes()).envelope
    if not any(is_signed(public_key, envelope.signed, each.value) for each in envelope.signatures):
        raise VerificationError(f"{_word_of(path).name} is not signed by the key of the log")
    statement = Statement.parse(envelope.payload)
    text = statement.predicate.get("sequences")
    is_about = statement.subjects == (Digest(checkpoint.content),)
    if statement.predicate_type != EXPIRY or not is_about or not isinstance(text, str):
        raise VerificationError(f"{_word_of(path).name} is about something else")
    return checkpoint, numbers_of(text)


def spans(numbers: Iterable[int]) -> str:
    """Numbers as `first+how many`, parted by blanks."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == sum(found[-1]):
            found[-1][1] += 1
        else:
            found.append([number, 1])
    return " ".join(f"{first}+{many}" for first, many in found)


def numbers_of(text: str) -> set[int]:
    """The numbers in spans. Raises `InvalidInput` for another text."""
    numbers: set[int] = set()
    try:
        for span in text.split():
            first, many = (int(part) for part in span.split("+"))
            numbers.update(range(first, first + many))
    except ValueError as error:
        raise InvalidInput(f"{text[:80]!r} is no list of spans") from error
    return numbers


def _word_of(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(SUFFIX) + EXPIRED)


def end_what_is_old(
    home: Home, keeping: Keeping, now: datetime
) -> Iterator[Mapping[str, JsonValue]]:
    """What was ended, an event per stage and kind.

    Raises `VerificationError` at a segment that does not hold: nothing wrong is covered up.
    """
    for keep in keeping.stages:
        if keep.inputs:
            before = now - timedelta(days=keep.inputs)
            gone = expire_inputs(home, before.date(), keep.stage)
            yield from _event("inputs", keep.stage, before, gone)
    days = [keep.inputs for keep in keeping.stages]
    if days and all(days):
        # Keys of before stages had their own: kept as long as any stage keeps its own.
        before = now - timedelta(days=max(days))
        yield from _event("inputs", "", before, expire_inputs(home, before.date(), ""))
    for keep in keeping.stages:
        if keep.records and home.log_key.exists():
            before = now - timedelta(days=keep.records)
            gone = expire_records(home, before, now, keep.stage)
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
