"""Who counts as an author: everybody who wrote a part, whoever committed last."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.promote.gates.authorship import ReleaseChange, author_refusal
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Person, SignedStatement, Verified
from goldenpath.release.attest.signatures.ssh_public_key import fingerprint
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL, PROVENANCE, Statement
from goldenpath.release.evidence.contributions import (
    Contributions,
    Contributor,
    ReleasePart,
    contributions_record,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MODEL = "credit-default"
STAGE = Stage("prod", ("approvals",), approvals=2, approver_roles=("validator",))
NAMES = ("ann", "bea", "cem", "dan")
PEOPLE = tuple(
    Person(name, ("validator",), SshKey.of(Ed25519PrivateKey.generate()).public_line)
    for name in NAMES
)
ANN, BEA, CEM, DAN = PEOPLE
NEW, OLD = Digest.of(b"new"), Digest.of(b"old")


def by(person: Person, author: str = "Somebody Else <else@example.org>") -> Contributor:
    return Contributor(author, fingerprint(person.ssh_key))


def written(**parts: tuple[str, tuple[Person, ...]]) -> Contributions:
    """Files by name, each with its content and everybody who ever changed it."""
    people = tuple(by(each) for each in PEOPLE)
    return Contributions(
        people,
        tuple(
            ReleasePart(f"src/{name}.py", content, tuple(PEOPLE.index(each) for each in writers))
            for name, (content, writers) in parts.items()
        ),
    )


def release(
    contributions: Contributions | JsonValue, *approvers: Person, digest: Digest = NEW
) -> Verified:
    record = (
        contributions_record(contributions)
        if isinstance(contributions, Contributions)
        else contributions
    )
    internal: dict[str, JsonValue] = {"author": "", "signer": "", "contributions": record}
    statements = [_provenance(internal, digest)]
    for person in approvers:
        scope: JsonValue = {"environment": "prod", "model": MODEL}
        approval = Statement((digest,), APPROVAL, {"decision": "approve", "scope": scope}, NOW)
        name = Digest.of(person.name.encode())
        statements.append(SignedStatement(approval, person.name, name, "person"))
    return Verified(digest, tuple(statements), ())


def _provenance(internal: dict[str, JsonValue], digest: Digest) -> SignedStatement:
    external: JsonValue = {
        "repository": "r", "commit": "c", "entry": "e", "parameters": {}, "seed": 1,
    }  # fmt: skip
    predicate: dict[str, JsonValue] = {
        "buildDefinition": {"externalParameters": external, "internalParameters": internal},
        "runDetails": {
            "builder": {"id": "b"},
            "metadata": {"startedOn": "", "finishedOn": ""},
        },
    }
    statement = Statement((digest,), PROVENANCE, predicate, NOW)
    return SignedStatement(statement, "build", Digest.of(b"provenance"), "machine")


def authors(now: Verified, before: Verified | None = None) -> list[str]:
    change = ReleaseChange(now, MODEL, STAGE, PEOPLE, before)
    return [person.name for person in PEOPLE if author_refusal(person, change)]


def test_who_wrote_a_part_is_an_author_whoever_committed_on_top() -> None:
    state = written(train=("1", (ANN,)), notes=("1", (BEA,)))

    assert authors(release(state)) == ["ann", "bea"]


def test_a_part_that_others_approved_before_counts_no_more() -> None:
    before = release(written(train=("1", (ANN,)), score=("1", (BEA,))), CEM, DAN, digest=OLD)
    after = release(written(train=("1", (ANN,)), score=("2", (BEA, CEM))))

    assert authors(after, before) == ["bea", "cem"]


@pytest.mark.parametrize(
    "approvers", [(), (CEM,), (ANN, CEM)], ids=["nobody", "too few", "the author and one other"]
)
def test_what_git_declared_before_counts_only_if_others_approved_it(
    approvers: tuple[Person, ...],
) -> None:
    state = written(train=("1", (ANN,)))

    assert authors(release(state), release(state, *approvers, digest=OLD)) == ["ann"]


@pytest.mark.parametrize(
    ("key", "value"), [("environment", "test"), ("model", "fraud")], ids=["stage", "model"]
)
def test_approvals_of_another_place_say_nothing_about_what_ran_here(key: str, value: str) -> None:
    state = written(train=("1", (ANN,)))
    before = release(state, CEM, DAN, digest=OLD)
    scope: dict[str, JsonValue] = {"environment": "prod", "model": MODEL, key: value}
    elsewhere = tuple(
        replace(each, statement=replace(
            each.statement, predicate={**each.statement.predicate, "scope": scope}))
        if each.kind == "person" else each
        for each in before.statements
    )  # fmt: skip

    assert authors(release(state), replace(before, statements=elsewhere)) == ["ann"]


def test_a_change_that_was_taken_back_and_made_again_is_of_all_who_made_it() -> None:
    """Ann wrote it, Bea took it back, which was approved, and Cem made it again."""
    taken_back = release(written(train=("0", (ANN, BEA))), CEM, DAN, digest=OLD)
    again = release(written(train=("1", (ANN, BEA, CEM))))

    assert authors(again, taken_back) == ["ann", "bea", "cem"]


def test_an_old_state_that_comes_back_is_new_against_what_came_between() -> None:
    """The release is of an earlier commit than the one that runs."""
    running = release(written(train=("2", (ANN, BEA))), CEM, DAN, digest=OLD)

    assert authors(release(written(train=("1", (ANN,)))), running) == ["ann"]


def test_whoever_removed_a_file_is_an_author_and_whoever_wrote_it_too() -> None:
    before = release(written(check=("1", (ANN,))), CEM, DAN, digest=OLD)

    assert authors(release(written(check=("", (ANN, BEA)))), before) == ["ann", "bea"]
    assert authors(release(written(check=("", (ANN, BEA))))) == [], "it is in no release"


def test_a_name_counts_only_without_a_listed_key() -> None:
    parts = (ReleasePart("train.py", "1", (0, 1)),)
    named = Contributions((Contributor("Ann <ann@x>"), by(BEA, "Cem <cem@x>")), parts)

    assert authors(release(named)) == ["ann", "bea"]


@pytest.mark.parametrize(
    "record",
    [
        {"version": 1, "people": [], "parts": [], "gap": "a shallow clone"},
        {"version": 2, "people": [], "parts": []},
        {"version": 1, "people": [], "parts": [{"path": "a", "content": "1", "by": [0]}]},
        {"version": 1, "people": [], "parts": [{"path": "a", "content": "1", "by": [-1]}]},
        {"version": 1},
        [],
        None,
    ],
)
def test_where_the_authors_cannot_be_found_out_everybody_may_be_one(record: JsonValue) -> None:
    assert authors(release(record)) == list(NAMES)


def test_every_provenance_of_a_release_counts() -> None:
    one, two = release(written(train=("1", (ANN,)))), release(written(train=("1", (BEA,))))

    assert authors(replace(one, statements=(*one.statements, *two.statements))) == ["ann", "bea"]
