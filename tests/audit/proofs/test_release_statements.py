"""Which statements about a release go into a bundle; what does not is named."""

from datetime import UTC, datetime

from goldenpath.audit.proofs.release_statements import LARGEST, MOST, MOST_BYTES, select_statements
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import Descriptor
from goldenpath.release.attest.documents import Document, Documents
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.release.attest.statement import METRICS, Statement

RELEASE = Digest.of(b"release")


def selected(
    *sizes: int, signed_at: datetime | None = datetime(2026, 1, 1, tzinfo=UTC)
) -> list[int]:
    """The sizes of the statements that are kept; each of the others has to be named."""
    documents, statements = [], []
    for number, size in enumerate(sizes):
        listed = Descriptor.of("x", str(number).encode())
        documents.append(Document(listed, b"{}", (b"x" * size,)))
        statement = Statement((RELEASE,), METRICS, {}, signed_at)
        statements.append(SignedStatement(statement, "release", listed.digest, "machine"))
    selection = select_statements(
        Verified(RELEASE, tuple(statements), ()), Documents(b"{}", tuple(documents))
    )
    assert len(selection.kept) + len(selection.left_out) == len(sizes)
    return [len(content) for each in selection.kept for content in each.files.values()]


def test_a_statement_that_is_too_large_is_left_out_and_named() -> None:
    assert selected(10, LARGEST, LARGEST + 1) in ([10, LARGEST], [LARGEST, 10])


def test_all_statements_together_stay_below_the_size_of_a_bundle() -> None:
    assert sum(selected(*[LARGEST] * 9)) <= MOST_BYTES
    assert len(selected(*[10] * (MOST + 5))) == MOST


def test_a_statement_without_a_time_is_left_out_and_named() -> None:
    assert selected(10, signed_at=None) == []
