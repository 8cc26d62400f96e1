"""What a person signs about a retraining, which of it counts, and where it is shown."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.registers.register_gathering import gather_register
from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.report import render_markdown, report
from goldenpath.cli.register_page import register_text
from goldenpath.digest import Digest
from goldenpath.release.attest.attach import attach, attach_ssh
from goldenpath.release.attest.policy import SignedStatement
from goldenpath.release.attest.statement import RENEWAL, Statement
from goldenpath.release.renewal import (
    Renewal,
    RenewalCause,
    SignedRenewal,
    renewal_statement,
    renewals_of,
)
from goldenpath.train.moved_pin import MovedPin
from tests.audit.made import bundle_of, make_release
from tests.audit.registers.asking import PROJECT, records_of
from tests.promote.road import MODEL, Road

CAUSE = RenewalCause(
    "drift-1", "prod", "new code", "status", "sha256:" + "ab" * 32,
    "2026-11-22T09:30:00.000000Z", "new code in status: 12 % of 1500 rows",
)  # fmt: skip
PIN = MovedPin("clients", "a.parquet", "sha256:" + "0" * 64, "b.parquet", "sha256:" + "1" * 64)
RENEWED = Renewal(MODEL, "2026-09-30", "a" * 40, f"renew/{MODEL}", (PIN,), cause=CAUSE)
"""The releases of a road are from the commit of forty letters a."""
SENTENCE = (
    "trained again with data up to 2026-09-30, because of finding drift-1 (new code of status in "
    "prod)"
)


class RenewedRelease:
    """A release of a road, and what is signed about it."""

    def __init__(self, folder: Path) -> None:
        self.road = Road(folder)
        self.digest = self.road.release(extra={"goldenpath.toml": PROJECT})
        self.image = self.road.store.resolve(self.digest.text)

    def sign(self, statement: Statement, by: str = "data-scientist") -> str:
        """A listed person signs; returns the digest of the statement."""
        key = self.road.people[by].key
        now = self.road.now
        return attach_ssh(self.road.store, self.image, statement, key, now=now).digest.text

    def signed(self) -> tuple[SignedRenewal, ...]:
        """What counts a minute later."""
        moment = self.road.now + timedelta(minutes=1)
        return renewals_of(records_of(self.road, moment).statements(self.digest))


@pytest.fixture
def release(tmp_path: Path) -> RenewedRelease:
    return RenewedRelease(tmp_path)


def test_a_renewal_is_read_again_as_it_was_signed(release: RenewedRelease) -> None:
    statement = release.sign(renewal_statement(RENEWED, release.digest))

    assert release.signed() == (SignedRenewal("data-scientist", statement, RENEWED),)
    assert RENEWED.sentence == SENTENCE


def test_a_reason_stands_where_no_finding_was_the_cause() -> None:
    asked = Renewal(MODEL, "2026-09-30", "a" * 40, "b", (PIN,), reason="a yearly retraining")

    assert asked.sentence.endswith("up to 2026-09-30, because of a yearly retraining")


def test_a_renewal_of_another_commit_does_not_count(release: RenewedRelease) -> None:
    other = Renewal(MODEL, "2026-09-30", "b" * 40, "b", (PIN,), cause=CAUSE)
    release.sign(renewal_statement(other, release.digest))

    assert release.signed() == ()


def test_a_machine_cannot_sign_one_and_a_later_form_is_passed_over(
    release: RenewedRelease,
) -> None:
    road = release.road
    statement = renewal_statement(RENEWED, release.digest)
    attach(road.store, release.image, statement, road.signer, now=road.now)
    release.sign(Statement((release.digest,), RENEWAL, {"version": 2, "commit": "a" * 40}))

    assert release.signed() == ()


def test_the_last_one_stands_in_the_register(release: RenewedRelease) -> None:
    road = release.road
    road.promote(release.digest, "dev")
    before = gather_register(records_of(road, road.now), road.home)
    statement = release.sign(renewal_statement(RENEWED, release.digest))
    after = gather_register(records_of(road, road.now + timedelta(minutes=1)), road.home)

    assert before.systems[0].renewed.value.startswith("no: nobody signed a renewal")
    assert after.systems[0].renewed.source == statement
    assert f"renewed        {SENTENCE}; signed by data-scientist" in register_text(after)


def test_it_stands_in_the_report(tmp_path: Path) -> None:
    bundle = bundle_of(make_release(tmp_path))
    signed = SignedStatement(
        renewal_statement(RENEWED, bundle.digest), "validator", Digest.of(b"one"), "person"
    )
    verified = replace(bundle.verified, statements=(*bundle.verified.statements, signed))

    page = render_markdown(report(replace(bundle, verified=verified), current_map()))

    assert f"validator signed: {SENTENCE}. Statement {Digest.of(b'one')}." in page
    assert "validator signed: trained again" not in render_markdown(report(bundle, current_map()))
