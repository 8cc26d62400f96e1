"""A segment of the prediction log: a Parquet file, and the signed checkpoint beside it.

The checkpoint is an in-toto statement about the digest of the Parquet file, in a Sigstore bundle.
It names the checkpoint before it of the same replica, how far into the spool it goes, and what was
lost, so that nothing can be changed, dropped or put in between unseen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.release.attest.bundle import Bundle, sign_statement
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.statement import CHECKPOINT, Statement

VERSION = 1
SUFFIX = ".checkpoint.json"
BEGINNING = "sha256:" + "0" * 64
"""What the first checkpoint of a replica names as the one before."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed about one segment. Times RFC 3339 in UTC."""

    stage: str
    model: str
    slot: str
    replica: str
    release: str
    number: int
    """Counts the segments of this replica from 0."""
    previous: str
    """Digest of the whole file of the checkpoint before."""
    content: str
    """Digest of the Parquet file."""
    rows: int
    """Records, a refusal being one."""
    requests: int
    refused: int
    first_sequence: int
    """Of the first request; -1 if the segment only says that some were lost."""
    last_sequence: int
    lost: int
    """Requests answered without a record, as the server counted them."""
    lost_rows: int
    lost_spans: str
    """Which, as `first+how many`, parted by blanks."""
    first_time: str
    last_time: str
    sealed_at: str
    spool: str
    """Name of the spool file that it was made from, from `begin` to `end`."""
    begin: int
    end: int
    is_last: bool
    """Whether that file was complete."""
    torn: int
    version: int = VERSION


def render_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """The signed file."""
    predicate: dict[str, JsonValue] = asdict(checkpoint)
    statement = Statement((Digest(checkpoint.content),), CHECKPOINT, predicate)
    return sign_statement(statement, signer).render()


def parse_checkpoint(content: bytes, public_key: bytes | None) -> Checkpoint:
    """Reads a checkpoint; with `public_key` (DER) only if that key signed it.

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
    """A checkpoint whose signature held, and the digest of its file."""

    checkpoint: Checkpoint
    digest: str


def broken_links(
    chain: Sequence[CheckpointLink], *, begins_anywhere: bool = False
) -> Iterator[str]:
    """Where segments of one replica, in their order, do not follow on from the one before."""
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
    """How a checkpoint contradicts the place where its file lies; nothing if it does not."""
    found = (checkpoint.stage, checkpoint.model, checkpoint.replica)
    if found == (stage, model, replica):
        return ""
    return f"expected a segment of {stage}/{model} {replica}, got one of {'/'.join(found)}"


def require_content(name: str, content: bytes, checkpoint: Checkpoint) -> None:
    """Raises `VerificationError` if a table is not what its checkpoint was signed about."""
    found = Digest.of(content).text
    if found != checkpoint.content:
        raise VerificationError(
            f"segment {name} has the wrong digest: expected {checkpoint.content}, got {found}"
        )


def _from_json(value: Mapping[str, JsonValue]) -> Checkpoint:
    if value.get("version") != VERSION:
        raise InvalidInput(f"checkpoint has version {value.get('version')!r}: expected {VERSION}")
    try:
        checkpoint = Checkpoint(**value)  # type: ignore[arg-type]
    except TypeError as error:
        raise InvalidInput("checkpoint has a member too many or too few") from error
    for name, kind in Checkpoint.__annotations__.items():
        if type(value[name]) is not kind:
            raise InvalidInput(f"checkpoint has a {name} that is not {kind.__name__}")
    return checkpoint


def folder_of(predictions: Path, stage: str, model: str) -> Path:
    """Where the segments of a model in a stage are."""
    return predictions / checked_name(stage) / checked_name(model)


def checked_name(name: str) -> str:
    """A name that is one part of a path. Raises `InvalidInput` for anything else."""
    if not name or name.startswith(".") or set(name) & set("/\\\0") or len(name) > 200:
        raise InvalidInput(f"{name[:80]!r} cannot be the name of a file")
    return name


def checkpoints(predictions: Path, stage: str = "*", model: str = "*") -> Iterator[Path]:
    """Every checkpoint file, by hour, replica and number."""
    yield from sorted(
        predictions.glob(f"{stage}/{model}/*{SUFFIX}"),
        key=lambda path: (path.parts[-3:-1], _order(path.name)),
    )


def _order(name: str) -> tuple[str, int]:
    stem, _, number = name.removesuffix(SUFFIX).rpartition("-")
    return stem, int(number) if number.isdigit() else -1


def table_of(checkpoint: Path) -> Path:
    """The Parquet file that a checkpoint file stands beside."""
    return checkpoint.with_name(checkpoint.name.removesuffix(SUFFIX) + ".parquet")


def replica_of(checkpoint: Path) -> str:
    """The replica that a checkpoint's file name names: `<hour>-<replica>-<number>`."""
    return _order(checkpoint.name)[0].partition("-")[2]
