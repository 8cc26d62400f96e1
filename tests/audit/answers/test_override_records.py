"""Overrides: signed by a listed person, counted once for each answer, and forged ones."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.audit.answers.override_records import (
    OverrideDesk,
    overridden,
    read_overrides,
    record_override,
)
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.oversight import OverseenModel, OversightRegister
from goldenpath.audit.report.evidence_bundle import RecordedOverride
from goldenpath.cli.oversight_page import overrides_sentence
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.repository.identity import Identity
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.promote.example import platform

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RELEASE = Digest.of(b"release").text


class Desk:
    """A listed person, a stranger, and a real audit log."""

    def __init__(self, folder: Path) -> None:
        self.log = EventLog(folder / "events")
        self.keys = {name: SshKey.generate(folder / name) for name in ("officer", "stranger")}
        self.people = (Person("officer", ("risk-manager",), self.keys["officer"].public_line),)

    def post(self, answer: str, role: str = "credit officer", key: str = "officer") -> None:
        acting = Identity("officer", self.keys[key])
        listed = replace(platform(), people=self.people)
        record = {
            "prediction_id": answer, "stage": "prod", "model": "credit", "release_digest": RELEASE,
        }  # fmt: skip
        desk = OverrideDesk(acting, listed, NOW, self.log.append)
        record_override(desk, record, role, "knows the client")

    def read(self) -> tuple[RecordedOverride, ...]:
        return read_overrides(self.log.read(), self.people)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_override_is_signed_and_read_again(desk: Desk) -> None:
    desk.post("answer-1")

    (found,) = desk.read()

    assert (found.prediction, found.role, found.by, found.fault) == (
        "answer-1", "credit officer", "officer", "",
    )  # fmt: skip
    assert (found.stage, found.model, found.reason) == ("prod", "credit", "knows the client")


def test_an_answer_that_was_overridden_twice_counts_once(desk: Desk) -> None:
    for answer in ("answer-1", "answer-1", "answer-2"):
        desk.post(answer)

    assert overridden(desk.read()) == 2


def test_somebody_who_is_not_listed_cannot_post(desk: Desk) -> None:
    with pytest.raises(InvalidInput):
        desk.post("answer-1", key="stranger")

    assert desk.read() == ()


@pytest.mark.parametrize("role", ["", " \t"])
def test_an_override_needs_a_role(desk: Desk, role: str) -> None:
    with pytest.raises(InvalidInput):
        desk.post("answer-1", role)


@pytest.mark.parametrize("member", ["prediction", "statement", "signature", "model", "digest"])
def test_a_bent_record_does_not_count_and_is_shown(desk: Desk, member: str) -> None:
    desk.post("answer-1")
    (event,) = desk.log.read()
    assert overridden(read_overrides([event], desk.people)) == 1

    if member in ("model", "digest"):
        bent: Event = replace(event, **{member: "other"})  # type: ignore[arg-type]
    else:
        bent = replace(event, details={**(event.details or {}), member: "other"})

    (found,) = read_overrides([bent], desk.people)
    assert found.fault
    assert overridden([found]) == 0


def test_a_person_who_is_no_longer_known_proves_nothing(desk: Desk) -> None:
    desk.post("answer-1")

    (found,) = read_overrides(desk.log.read(), ())

    assert "lists no officer" in found.fault


def test_without_a_record_the_rate_is_not_known_and_never_zero(desk: Desk) -> None:
    model = OverseenModel("prod", "credit", {"autonomous by policy": 4}, 0, 0.0, 0)
    register = OversightRegister(NOW, NOW, (model,), (), "", ())

    def sentence(found: tuple[RecordedOverride, ...] | None) -> str:
        return overrides_sentence(register, found)

    assert sentence(()).startswith("not known")
    assert sentence(None).startswith("not known")
    desk.post("answer-1")
    assert "1 of 4 answers (25.00%)" in sentence(desk.read())
    forged = replace(desk.read()[0], fault="nobody signed it")
    assert "1 records do not count" in sentence((forged,))
    assert sentence((forged,)).startswith("not known")
