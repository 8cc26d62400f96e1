"""Replays recorded predictions: the exact release answers the decrypted input again.

The release is loaded as a model server loads it: verified first, by its digest. A model that is
code answers in the environment that is made from the wheels of its release.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from goldenpath.audit.proofs.record_draw import drawn_numbers, places_of
from goldenpath.audit.proofs.replayed_answer import Recorded, ReplayedAnswer, compare_answers
from goldenpath.errors import GoldenPathError, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.decrypted_inputs import Inputs
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.records import SCHEMA, feature_names
from goldenpath.observe.log.release_rules import Parts
from goldenpath.observe.log.segment import Checkpoint, parse_checkpoint
from goldenpath.observe.log.segments.stored_segments import StoredSegment, stored_segments
from goldenpath.project.spec import Contract
from goldenpath.serve.model.model import Model, Rows

_UNOPENED = np.inf
"""Marks a row that no key opened: a value in JSON is never infinite."""


@dataclass(frozen=True, slots=True)
class ReplayModel:
    """A release that was verified and loaded."""

    contract: Contract
    parts: Parts
    model: Model
    causes: tuple[str, ...]
    """Differences between the machine of the build and this one."""


LoadRelease = Callable[[str, str], ReplayModel]
"""Loads a release by digest and name of the model. Raises `GoldenPathError`."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Records that were drawn for a replay, and out of how many."""

    seed: str
    total: int
    places: tuple[tuple[StoredSegment, list[int]], ...]


def draw(home: Home, seed: str, count: int, *, stage: str = "*", model: str = "*") -> Drawn:
    """Draw records of the log by a seed.

    Raises `NotFound` if there are none, and `VerificationError` if a checkpoint is not signed.
    """
    public_key = log_public_key(home)
    segments = [
        (each, parse_checkpoint(each.checkpoint(), public_key))
        for each in stored_segments(home.predictions, stage, model)
        if each.has_table()
    ]
    total = sum(checkpoint.rows for _, checkpoint in segments)
    if not total:
        raise NotFound("the sealed log has no records to draw from")
    numbers = drawn_numbers(seed.encode(), total, count)
    return Drawn(seed, total, tuple(places_of(numbers, segments)))


def replay(
    home: Home, places: Iterable[tuple[StoredSegment, Sequence[int]]], load: LoadRelease
) -> Iterator[ReplayedAnswer]:
    """Replay records by segment and place. Every segment is verified before it is read.

    Raises `VerificationError` if a segment or an input differs from what was signed.
    """
    public_key = log_public_key(home)
    loaded: dict[str, ReplayModel | GoldenPathError] = {}
    inputs = Inputs((home.keys,))
    try:
        for segment, rows in places:
            checkpoint = verified(segment, public_key)
            table = read_columns(segment, SCHEMA.names).take(pa.array(rows))
            if checkpoint.release not in loaded:
                loaded[checkpoint.release] = _loaded(load, checkpoint)
            yield from _replayed(table, checkpoint, loaded[checkpoint.release], inputs)
    finally:
        inputs.close()


def _loaded(load: LoadRelease, checkpoint: Checkpoint) -> ReplayModel | GoldenPathError:
    try:
        return load(checkpoint.release, checkpoint.model)
    except VerificationError:
        raise  # a release that is not what was signed is no answer
    except GoldenPathError as error:  # it says why its predictions are not replayed
        return error


def _replayed(
    table: pa.Table,
    checkpoint: Checkpoint,
    release: ReplayModel | GoldenPathError,
    inputs: Inputs,
) -> Iterator[ReplayedAnswer]:
    records: Sequence[Recorded] = table.drop_columns(["t_start"]).to_pylist()
    if isinstance(release, GoldenPathError):
        yield from (_not_replayed(record, release.message) for record in records)
        return
    names = feature_names(table)
    expected = [feature.name for feature in release.contract.features]
    if names != expected:
        yield from (_not_replayed(each, "the release has other features") for each in records)
        return
    answered = [place for place, each in enumerate(records) if each["input_ciphertext"] is not None]
    rows = np.full((len(answered), len(names)), _UNOPENED, np.float32)
    inputs.read(table.take(pa.array(answered, pa.int64())), checkpoint, rows)
    is_open = [not bool(np.isinf(row).all()) for row in rows]
    opened = [place for place, is_known in zip(answered, is_open, strict=True) if is_known]
    yield from _compare(release, [records[place] for place in opened], rows[is_open])
    for place, record in enumerate(records):
        if record["input_ciphertext"] is None:
            yield _not_replayed(record, f"it was refused: {record['refusal']}")
        elif place not in set(opened):
            yield _not_replayed(record, "its inputs were erased or have expired: no key opens them")


def _compare(
    release: ReplayModel, records: Sequence[Recorded], rows: Rows
) -> Iterator[ReplayedAnswer]:
    if not records:
        return
    try:
        given = release.model.predict(rows).reshape(len(rows), -1)
        again = release.model.predict(rows).reshape(len(rows), -1)
    except VerificationError:
        raise
    except GoldenPathError as error:
        yield from (_not_replayed(each, f"the model gave no answer: {error}") for each in records)
        return
    causes = release.causes
    if not np.array_equal(given, again, equal_nan=True):
        causes = ("the model is not deterministic: two replays differ", *causes)
    yield from compare_answers(records, given, release.contract, release.parts, causes=causes)


def _not_replayed(record: Recorded, reason: str) -> ReplayedAnswer:
    name, release = str(record["prediction_id"]), str(record["release_digest"])
    return ReplayedAnswer(name, release, "not replayed", (), (reason,))


def counts_of(answers: Iterable[ReplayedAnswer]) -> Mapping[str, Mapping[str, int]]:
    """Return the number of answers by release and state."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for answer in answers:
        counts[answer.release][answer.state] += 1
    return {release: dict(states) for release, states in counts.items()}
