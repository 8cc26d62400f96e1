"""Heads of the logs on a branch of their own: what they show, and who may write them."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath import compose
from goldenpath.audit.anchors.anchors_branch import BRANCH, read_anchors
from goldenpath.audit.anchors.held_heads import HeldHeads
from goldenpath.audit.anchors.witness_writer import WitnessWriter
from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.events.chain import START, link
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.compose.gitops_access import witnessed_at
from goldenpath.digest import Digest
from goldenpath.errors import NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.merkle_tree import leaf_hash, tree_head
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.first_seen import FirstSeen
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.keys import generate_key
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import GITOPS_VARIABLE, TRUST_VARIABLE, project_environment
from tests.audit.platform import FOUNDED, Grounds
from tests.prepared import let_git_hurry

NOW = FOUNDED + timedelta(hours=1)
DECLINED = "a case was declined"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine whose logs are held by its own witness key."""

    grounds: Grounds

    @property
    def home(self) -> Home:
        return self.grounds.home

    def platform(self) -> Platform:
        return follow(self.grounds.repository, self.home.trust, NOW).platform

    def branch(self) -> Repository:
        return Repository(str(self.home.gitops), self.home.anchors_cache, branch=BRANCH)

    def writer(self, key: SshKey | None = None) -> WitnessWriter:
        return WitnessWriter(self.home, self.branch(), key or SshKey.load(self.home.witness_key))

    def anchor(self) -> str:
        """One commit of the witness, by a writer that has just started."""
        return self.writer().anchor(self.platform(), "", NOW)

    def held(self) -> HeldHeads:
        return read_anchors(self.branch(), self.platform().witnesses).held("witness")

    def faults(self) -> tuple[str, ...]:
        return check_logs(self.home, self.held()).states.faults


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    grounds = Grounds(tmp_path, project_environment(os.environ, "python3"))
    let_git_hurry(grounds.home.gitops)
    log = EventLog(grounds.home.events)
    log.append(Event("2026-11-22T08:00:00.000000Z", "platform.started", "system"))
    details = {"message": DECLINED}
    log.append(
        Event("2026-11-22T08:00:01.000000Z", "platform.alarm", "system", details={**details})
    )
    generate_key(grounds.home.log_key)
    yield Machine(grounds)


def hash_again(home: Home) -> None:
    """Somebody who may write to the home writes another alarm, and every hash after it."""
    (file,) = home.events.glob("*.jsonl")
    head, lines = START, []
    for line in file.read_bytes().replace(DECLINED.encode(), b"all is well").splitlines():
        event = Event.from_json(json.loads(line)["event"])
        made = link(head, event)
        head = type(head)(head.count + 1, Digest.of(made).text)
        lines.append(made)
    file.write_bytes(b"\n".join(lines) + b"\n")


def test_a_commit_holds_the_heads_the_key_and_first_seen_times(machine: Machine) -> None:
    commit = machine.anchor()

    held = machine.held()
    (head,) = held.heads
    (file,) = machine.home.events.glob("*.jsonl")
    leaves = [leaf_hash(line) for line in file.read_bytes().splitlines()]
    assert head.commit == commit
    assert head.events == EventLog(machine.home.events).check().head
    assert head.tree == f"sha256:{tree_head(leaves).hex()}"
    assert len(held.log_keys) == 1
    read = read_anchors(machine.branch(), machine.platform().witnesses)
    root = follow(machine.grounds.repository, machine.home.trust, NOW).commit
    assert read.seen()[root] == FOUNDED
    assert machine.faults() == ()
    assert "first 2 events are held by commit" in check_logs(machine.home, held).states.events.held


def test_a_fresh_machine_takes_the_time_of_a_witness(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = follow(machine.grounds.repository, machine.home.trust, NOW)
    monkeypatch.setenv(GITOPS_VARIABLE, str(machine.home.gitops))
    monkeypatch.setenv(TRUST_VARIABLE, known.commit)
    (commit,) = machine.grounds.repository.commits([known.commit])
    alone, helped = Home(tmp_path / "alone"), Home(tmp_path / "helped")

    compose.trusted(alone)
    machine.anchor()
    compose.trusted(helped)

    assert FirstSeen.beside(alone.trust).sighting(commit).seen > NOW
    assert FirstSeen.beside(helped.trust).sighting(commit).seen == FOUNDED
    strange = replace(known.platform, commit_keys=())
    assert witnessed_at(helped, strange) == {}, "a platform without witnesses believes none"


def test_what_is_not_new_is_not_written_again(machine: Machine) -> None:
    writer, platform = machine.writer(), machine.platform()
    assert writer.anchor(platform, "", NOW)

    assert writer.anchor(platform, "", NOW) == ""

    EventLog(machine.home.events).append(
        Event("2026-11-22T09:00:00.000000Z", "platform.stopped", "system")
    )
    assert writer.anchor(platform, "", NOW)
    assert [each.events.count for each in machine.held().heads] == [2, 3]


def test_a_log_that_was_hashed_again_is_found(machine: Machine) -> None:
    commit = machine.anchor()
    hash_again(machine.home)
    assert check_logs(machine.home).states.faults == (), "the log itself shows nothing"

    assert any(commit[:12] in fault and "is another" in fault for fault in machine.faults())

    machine.anchor()  # the machine goes on with the rewritten log
    assert any(commit[:12] in fault for fault in machine.faults())


def test_an_end_that_was_cut_off_is_found(machine: Machine) -> None:
    commit = machine.anchor()
    (file,) = machine.home.events.glob("*.jsonl")
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])

    assert f"ends at event 1: commit {commit[:12]}" in machine.faults()[0]


def test_a_fresh_key_of_the_prediction_log_counts_nowhere(machine: Machine) -> None:
    machine.anchor()
    machine.home.log_key.unlink()
    machine.home.log_key.with_suffix(".pub").unlink()
    generate_key(machine.home.log_key)
    machine.anchor()

    assert "no commit of the branch anchors lists the key" in " ".join(machine.faults())


def test_nobody_else_buries_or_forges_heads(machine: Machine) -> None:
    commit = machine.anchor()
    rollout = SshKey.load(machine.home.rollout_key)
    branch = machine.branch()
    forged = {"machines/witness/heads.json": b"{}", "machines/witness/log-keys/x.pem": b"no key"}
    for who in (Identity("rollout", rollout), machine.grounds.engineer):
        head = branch.fetch()
        branch.commit(head, forged, "anchors: forged\n", "witness", key=who.key, now=NOW)

    assert [each.commit for each in machine.held().heads] == [commit]
    assert machine.faults() == ()
    assert machine.anchor(), "a witness goes on after what others pushed"


def test_the_witness_key_writes_nothing_else(machine: Machine) -> None:
    witness = Identity("witness", SshKey.load(machine.home.witness_key))
    machine.grounds.commit({"README": b"hello"}, "main: by the witness\n", NOW, witness)

    with pytest.raises(VerificationError, match="does not list"):
        machine.platform()


def test_a_key_that_is_not_listed_holds_nothing(machine: Machine, tmp_path: Path) -> None:
    stranger = SshKey.generate(tmp_path / "stranger")

    with pytest.raises(NotFound, match="does not list the witness key"):
        machine.writer(stranger).anchor(machine.platform(), "", NOW)


@pytest.mark.parametrize("is_removed", [True, False], ids=["removed", "rewritten"])
def test_a_branch_that_is_removed_or_rewritten_is_found(machine: Machine, is_removed: bool) -> None:
    machine.anchor()
    git = ["git", f"--git-dir={machine.home.gitops}"]
    if is_removed:
        subprocess.run([*git, "branch", "-D", BRANCH], check=True, capture_output=True)
    else:
        subprocess.run([*git, "branch", "-f", BRANCH, "main"], check=True, capture_output=True)

    faults = machine.faults()

    assert any(word in faults[0] for word in ("is gone from", "was rewritten"))
    assert len(machine.held().heads) == 1, "our own copy is still a witness"
