"""Reads the parts of a release that gates look at: contract, documents and evaluation rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.store import Store
from goldenpath.project.contract import parse_contract
from goldenpath.project.spec import Contract
from goldenpath.project.statements import CARD
from goldenpath.release.artifact.pack import CONTRACT, PLATFORM_FOLDER
from goldenpath.release.artifact.unpack import open_release, open_small
from goldenpath.release.attest.policy import Verified
from goldenpath.release.evidence.attached_rows import fetch_rows
from goldenpath.release.evidence.training_statements import evaluation_of

if TYPE_CHECKING:
    from goldenpath.train.evaluation.evaluation_rows import Rows


@dataclass(frozen=True, slots=True)
class ReleaseParts:
    """The contract and the documents of a release."""

    contract: Contract
    documents: Mapping[str, bytes]


def open_whole(store: Store, digest: Digest) -> ReleaseParts:
    """Return the parts of a release after reading every byte of it."""
    return _parts(digest, open_release(store, digest).files)


def read_parts(store: Store, digest: Digest) -> ReleaseParts:
    """Return the parts of a release without reading its large files."""
    return _parts(digest, open_small(store, digest, CONTRACT))


def read_rows(store: Store, verified: Verified, contract: Contract | None = None) -> "Rows | None":
    """Return the evaluation rows that the signed metrics name; None if the store has none.

    Raises `InvalidInput` for rows that are impossible under the contract, if one is given.
    """
    evaluation = evaluation_of(verified)
    if evaluation is None:
        return None
    # Imported late, with numpy: without evaluation rows nobody needs it.
    from goldenpath.train.evaluation.evaluation_rows import (
        MAX_BYTES,
        parse_rows,
        refuse_other_task,
    )

    content = fetch_rows(store, evaluation.rows_digest, evaluation.rows_size, MAX_BYTES)
    if content is None:
        return None
    rows = parse_rows(content)
    if contract is not None:
        refuse_other_task(rows, contract)
    return rows


def _parts(digest: Digest, files: Mapping[str, bytes]) -> ReleaseParts:
    contract = files.get(CONTRACT)
    if contract is None:
        raise InvalidInput(f"{digest} is not a release: it has no {CONTRACT}")
    documents = {
        path.removeprefix(f"{PLATFORM_FOLDER}/"): content
        for path, content in files.items()
        if path.startswith(f"{PLATFORM_FOLDER}/")
    }
    if "card.md" in documents:
        documents[CARD] = documents.pop("card.md")
    return ReleaseParts(parse_contract(contract), documents)
