"""A segment of the prediction log: a Parquet file, and the signed checkpoint beside it.

The checkpoint is an in-toto statement about the digest of the Parquet file, in a Sigstore bundle.
It names the previous checkpoint of the replica, the end offset in the spool, and the lost requests.
So every change, deletion or insertion is visible.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.release.attest.bundle import Bundle, sign_statement
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.statement import CHECKPOINT, Statement
from goldenpath.stored_formats import CHECKPOINT_FILE

SUFFIX = ".checkpoint.json"
BEGINNING = "sha256:" + "0" * 64
"""The `previous` of the first checkpoint of a replica."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The signed description of one segment. Times are RFC 3339 in UTC."""

    stage: str
    model: str
    slot: str
    replica: str
    release: str
    number: int
    """Number of the segment of this replica, from 0."""
    previous: str
    """Digest of the previous checkpoint file."""
    content: str
    """Digest of the Parquet file."""
    rows: int
    """The number of records. A refusal is one record."""
    requests: int
    refused: int
    first_sequence: int
    """Number of the first request. -1 if the segment only counts lost requests."""
    last_sequence: int
    lost: int
    """Requests answered without a record, counted by the server."""
    lost_rows: int
    lost_spans: str
    """The lost request numbers as `first+count`, separated by spaces."""
    first_time: str
    last_time: str
    sealed_at: str
    spool: str
    """Name of its spool file. `begin` and `end` are offsets in that file."""
    begin: int
    end: int
    is_last: bool
    """Whether the spool file was complete."""
    torn: int
    version: int = CHECKPOINT_FILE.version
    end_of_writer: str = ""
    """`goes on` in another file, `closed` in order, `open` without a word; empty: not ended."""
    unknown: int = 0
    """Requests that a writer with an open end may have answered beyond what is known; -1 if even
    their number is unknown."""
    records: str = ""
    """The tree head over the records, see `record_tree`. Empty if an earlier version sealed it."""


_SINCE_3 = frozenset({"records"})
_LACKING = {
    1: frozenset({"end_of_writer", "unknown"}) | _SINCE_3,
    2: _SINCE_3,
    3: frozenset(),
}
"""The members that a version has not."""


def render_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed checkpoint file."""
    predicate: dict[str, JsonValue] = asdict(checkpoint)
    statement = Statement((Digest(checkpoint.content),), CHECKPOINT, predicate)
    return sign_statement(statement, signer).render()


def parse_checkpoint(content: bytes, public_key: bytes | None) -> Checkpoint:
    """Parse a checkpoint. With `public_key` (DER), check that this key signed it.

    Raises `VerificationError` if it did not, `InvalidInput` if a member is wrong.
    """
    envelope = Bundle.parse(content).envelope
    if public_key is not None and not any(
        is_signed(public_key, envelope.signed, signature.value) for signature in envelope.signatures
    ):
        raise VerificationError("checkpoint is not signed by the key of the log")
    statement = Statement.parse(envelope.payload)
    if statement.predicate_type != CHECKPOINT:
        raise VerificationError(f"statement is a {statement.predicate_type}, not a checkpoint")
    checkpoint = _from_json(statement.predicate)
    if statement.subjects != (Digest(checkpoint.content),):
        raise VerificationError("checkpoint is about another segment than it describes")
    return checkpoint


@dataclass(frozen=True, slots=True)
class CheckpointLink:
    """A checkpoint with a verified signature, and the digest of its file."""

    checkpoint: Checkpoint
    digest: str


def broken_links(
    chain: Sequence[CheckpointLink], *, begins_anywhere: bool = False
) -> Iterator[str]:
    """Return where segments of one replica do not follow the previous one."""
    number, previous = 0, BEGINNING
    if begins_anywhere and chain:
        number, previous = chain[0].checkpoint.number, chain[0].checkpoint.previous
    for link in chain:
        checkpoint = link.checkpoint
        name = f"{checkpoint.replica} segment {checkpoint.number}"
        if checkpoint.number != number:
            yield f"{name}: expected segment {number}"
        elif checkpoint.previous != previous:
            yield f"{name}: does not follow the checkpoint before"
        number, previous = checkpoint.number + 1, link.digest


def misplaced(checkpoint: Checkpoint, stage: str, model: str, replica: str) -> str:
    """Return how a checkpoint contradicts the place of its file. Empty if it does not."""
    place = (checkpoint.stage, checkpoint.model, checkpoint.replica)
    if place == (stage, model, replica):
        return ""
    return f"expected a segment of {stage}/{model} {replica}, got one of {'/'.join(place)}"


def require_content(name: str, content: bytes, checkpoint: Checkpoint) -> None:
    """Raise `VerificationError` if a table differs from the digest in its checkpoint."""
    digest = Digest.of(content).text
    if digest != checkpoint.content:
        raise VerificationError(
            f"segment {name} has the wrong digest: expected {checkpoint.content}, got {digest}"
        )


def _from_json(value: Mapping[str, JsonValue]) -> Checkpoint:
    version = value.get("version")
    CHECKPOINT_FILE.require(version, "checkpoint")
    lacking = _LACKING[cast("int", version)]
    members = Checkpoint.__annotations__
    if value.keys() != members.keys() - lacking:
        raise InvalidInput("checkpoint has a member too many or too few")
    for name, member in value.items():
        if type(member) is not members[name]:
            raise InvalidInput(f"checkpoint has a {name} that is not {members[name].__name__}")
    return Checkpoint(**value)  # type: ignore[arg-type]


def folder_of(predictions: Path, stage: str, model: str) -> Path:
    """Return the folder of the segments of a model in a stage."""
    return predictions / checked_name(stage) / checked_name(model)


def checked_name(name: str) -> str:
    """Return a name that is one part of a path. Raises `InvalidInput` for any other."""
    if not name or name.startswith(".") or set(name) & set("/\\\0") or len(name) > 200:
        raise InvalidInput(f"{name[:80]!r} cannot be the name of a file")
    return name


def checkpoints(predictions: Path, stage: str = "*", model: str = "*") -> Iterator[Path]:
    """Return every checkpoint file, by hour, replica and number."""
    yield from sorted(
        predictions.glob(f"{stage}/{model}/*{SUFFIX}"),
        key=lambda path: (path.parts[-3:-1], _order(path.name)),
    )


def _order(name: str) -> tuple[str, int]:
    stem, _, number = name.removesuffix(SUFFIX).rpartition("-")
    return stem, int(number) if number.isdigit() else -1


def table_of(checkpoint: Path) -> Path:
    """Return the path of the Parquet file of a checkpoint."""
    return checkpoint.with_name(checkpoint.name.removesuffix(SUFFIX) + ".parquet")


def replica_of(checkpoint: Path) -> str:
    """Return the replica in the name of a checkpoint file: `<hour>-<replica>-<number>`."""
    return _order(checkpoint.name)[0].partition("-")[2]
