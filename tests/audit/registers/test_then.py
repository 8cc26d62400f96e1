"""Every register as of a time goes by the people, keys and platform file of that time.

A person acts at two o'clock. At four a commit takes their key away from one o'clock on, or lists
them for the first time. Each register is asked as of three o'clock, and as of now.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from goldenpath import compose
from goldenpath.audit.alarms.closing import close_finding
from goldenpath.audit.answers.override_records import OverrideDesk, record_override
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.incident_records import (
    IncidentDesk,
    IncidentOpening,
    open_incident,
)
from goldenpath.cli.families import command_of
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.observe.drift.findings import save
from goldenpath.observe.log.log_reader import find_prediction
from goldenpath.promote.acts.founding import platform_files, with_person
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.countersign import base_of, sign_change
from goldenpath.promote.repository.identity import Identity
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL
from tests.audit.alarms.examples import finding
from tests.audit.platform import FOUNDED
from tests.audit.proofs.proven_home import ProvenHome, serve_a_home

ACTED = datetime(2026, 11, 22, 14, tzinfo=UTC)
ASKED = ACTED + timedelta(hours=1)
CHANGED = ACTED + timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acts as if they were listed."""

    proven: ProvenHome
    person: Person
    key: SshKey

    @property
    def home(self) -> Home:
        """Where the records are."""
        return self.proven.served.home

    @property
    def identity(self) -> Identity:
        """Who signs."""
        return Identity(self.person.name, self.key)

    @property
    def platform(self) -> Platform:
        """The platform file as if it listed the person."""
        trusted = follow(self.proven.grounds.repository, self.home.trust, ACTED)
        return with_person(trusted.platform, self.person)

    def open_incident(self) -> None:
        """Open an incident."""
        desk = IncidentDesk(self.identity, self.platform, ACTED, EventLog(self.home.events).append)
        open_incident(desk, IncidentOpening("wrong scores", ACTED, None, "prod", "credit"))

    def override(self) -> None:
        """Decide otherwise than an answer."""
        record = find_prediction(self.home, self.proven.served.prediction_id).record
        desk = OverrideDesk(self.identity, self.platform, ACTED, EventLog(self.home.events).append)
        record_override(desk, record, "credit officer", "knows the client")

    def close_finding(self) -> None:
        """Close a finding."""
        save(self.home.findings, finding(1))
        close_finding(
            self.home, finding(1).id, "the old codes again", acting=self.identity,
            platform=self.platform, now=ACTED, append=EventLog(self.home.events).append,
        )  # fmt: skip


def change(proven: ProvenHome, made: Callable[[Platform], Platform]) -> None:
    """Two people change the platform file."""
    grounds, folder = proven.grounds, proven.served.home.root.parent
    trusted = follow(grounds.repository, proven.served.home.trust, CHANGED)
    head = grounds.repository.fetch()
    assert head is not None
    files: dict[str, bytes | None] = {
        path: content
        for path, content in platform_files(made(trusted.platform)).items()
        if grounds.repository.read(head, path) != content
    }
    second = sign_change(
        base_of(grounds.repository, head, files),
        files,
        "validator",
        SshKey.load(folder / "validator"),
    )
    grounds.commit(files, f"platform: change\n\n{second}", CHANGED)


def listing(proven: ProvenHome, person: Person) -> None:
    """List a person as they are."""
    change(proven, lambda platform: with_person(platform, person))


def ask(home: Home, line: str, time: str) -> Any:
    """The answer of a register as of a time."""
    words = line.split()
    environment = {**os.environ, HOME_VARIABLE: str(home.root)}
    result = CliRunner().invoke(
        command_of(words[0]), [*words[1:], "--at", time, "--output", "json"], env=environment
    )
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def incident_counts(home: Home, time: str) -> bool:
    """Whether the incident is believed."""
    (incident,) = ask(home, "incident list", time)
    return not incident["fault"]


def override_counts(home: Home, time: str) -> bool:
    """Whether the override is counted."""
    return "1 of" in ask(home, "oversight list", time)["overrides"]


def closing_counts(home: Home, time: str) -> bool:
    """Whether the finding is closed in the list, and not open in the register."""
    (row,) = ask(home, "findings list", time)
    (system,) = ask(home, "register --model credit", time)["systems"]
    is_open = any(finding(1).sentence in each["message"] for each in system["findings"])
    assert is_open == bool(row["fault"])
    return not row["fault"]


ACTS: tuple[tuple[Callable[[Actor], None], Callable[[Home, str], bool]], ...] = (
    (Actor.open_incident, incident_counts),
    (Actor.override, override_counts),
    (Actor.close_finding, closing_counts),
)


@pytest.mark.parametrize(("act", "counts"), ACTS, ids=["incident", "oversight", "findings"])
def test_a_key_counts_as_it_did_then(
    tmp_path: Path, act: Callable[[Actor], None], counts: Callable[[Home, str], bool]
) -> None:
    proven = serve_a_home(tmp_path)
    home, key = proven.served.home, SshKey.generate(tmp_path / "officer")
    person = Person("officer", ("risk-manager",), key.public_line)
    act(Actor(proven, person, key))
    assert not counts(home, "now"), "nobody of that name is listed"

    listing(proven, person)
    assert counts(home, "now")
    assert not counts(home, ASKED.isoformat()), "the key was added later"

    listing(proven, replace(person, valid_until=ACTED - timedelta(hours=1)))
    assert not counts(home, "now"), "the key was revoked, from before the act on"


def test_a_key_that_was_revoked_later_still_counted_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven = serve_a_home(tmp_path)
    home, made = proven.served.home, proven.served.made
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    manager = next(each for each in made.people if each.name == "manager")
    key = SshKey.load(tmp_path / "manager")
    actor = Actor(proven, manager, key)
    for act, _ in ACTS:
        act(actor)
    assert all(counts(home, "now") for _, counts in ACTS)

    listing(proven, replace(manager, valid_until=FOUNDED))

    for _, counts in ACTS:
        assert counts(home, ASKED.isoformat())
        assert not counts(home, "now")
    for moment, count in ((ASKED, 1), (datetime.now(UTC), 0)):
        statements = compose.signed_records(home, moment).statements(made.image.digest)
        signers = [each.signer for each in statements.of_type(APPROVAL)]
        assert signers.count("manager") == count, "of approvals, and so of all statements"


def test_the_rules_of_retention_are_those_of_then(tmp_path: Path) -> None:
    proven = serve_a_home(tmp_path)
    home = proven.served.home

    def ending(platform: Platform) -> Platform:
        *others, last = platform.stages
        rules = replace(last.log, inputs=timedelta(days=30))
        return replace(platform, stages=(*others, replace(last, log=rules)))

    change(proven, ending)

    def days(time: str) -> int:
        classes = ask(home, "log retention", time)["classes"]
        wanted = ("prod", "inputs")
        return next(
            int(each["rule"]) for each in classes if (each["stage"], each["what"]) == wanted
        )

    assert (days(ASKED.isoformat()), days("now"), days("2100-01-01T00:00:00Z")) == (0, 30, 30)
