"""Ends of findings on record: what the monitor repaired, what a person signed, and forged ones."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from goldenpath.audit.answers.finding_ends import finding_ends
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.finding_closure import NAMESPACE, FindingClosure
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey

TIME = "2026-11-22T12:00:00.000000Z"
CLOSURE = FindingClosure(
    "drift-1", "prod", "credit", "sha256:00", "2026-11-22T11:00:00.000000Z", TIME, "officer", "seen"
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SshKey]:
    folder: Path = tmp_path_factory.mktemp("keys")
    return {name: SshKey.generate(folder / name) for name in ("officer", "stranger")}


def person(keys: dict[str, SshKey]) -> Person:
    return Person("officer", ("risk-manager",), keys["officer"].public_line)


def closed(key: SshKey, closure: FindingClosure = CLOSURE, namespace: str = NAMESPACE) -> Event:
    return Event(
        TIME, "drift.closed", "officer", "prod", "credit", "sha256:00",
        details={
            "finding": "drift-1",
            "statement": closure.message.decode(),
            "signature": key.sign(closure.message, namespace),
        },
    )  # fmt: skip


def test_what_a_listed_person_signed_and_what_the_monitor_repaired_is_over(
    keys: dict[str, SshKey],
) -> None:
    repaired = Event(TIME, "drift.repaired", "system", details={"finding": "drift-2"})
    events = (closed(keys["officer"]), repaired, replace(repaired, kind="drift.alarm"))

    ends = finding_ends(events, (person(keys),))

    assert [(each.finding, each.by, each.fault) for each in ends] == [
        ("drift-1", "officer", ""),
        ("drift-2", "system", ""),
    ]


def test_a_closing_that_nobody_listed_signed_ends_nothing(keys: dict[str, SshKey]) -> None:
    good, listed = closed(keys["officer"]), (person(keys),)
    details = dict(good.details or {})
    other = closed(keys["officer"], structs.replace(CLOSURE, finding="drift-2"))
    late = person(keys)
    begun = (replace(late, valid_from=datetime(2026, 11, 23, tzinfo=UTC)),)
    over = (replace(late, valid_until=datetime(2026, 11, 22, tzinfo=UTC)),)
    forged = (
        (replace(good, details={"finding": "drift-1"}), listed, "nobody signed it"),
        (replace(good, details={**details, "signature": "x"}), listed, "nobody signed it"),
        (replace(good, details={**details, "statement": "{}"}), listed, "nobody signed it"),
        (closed(keys["officer"], namespace="git"), listed, "nobody signed it"),
        (closed(keys["stranger"]), listed, "lists no officer with the signing key"),
        (good, (), "lists no officer with the signing key"),
        (replace(other, details={**(other.details or {}), "finding": "drift-1"}), listed, "else"),
        (replace(good, stage="test"), listed, "something else"),
        (replace(good, digest="sha256:01"), listed, "something else"),
        (replace(good, actor="mallory"), listed, "something else"),
        (good, begun, "is valid only from"),
        (good, over, "expired"),
        *(
            (
                replace(
                    closed(keys["officer"], structs.replace(CLOSURE, closed_at=time)), time=time
                ),
                begun,
                "is no time of RFC 3339",
            )
            for time in ("yesterday", "2026-11-22T12:00:00")
        ),
    )

    for event, people, fault in forged:
        (end,) = finding_ends((event,), people)
        assert fault in end.fault, (event, end.fault)
