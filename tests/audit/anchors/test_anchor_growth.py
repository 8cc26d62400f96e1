"""The branch `anchors` after many starts: each record is small, and everything stays held."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from goldenpath.audit.anchors.anchor_record import (
    MAX_SEGMENTS,
    AnchoredSegment,
    AnchorRecord,
    render_record,
)
from goldenpath.audit.anchors.anchors_branch import read_anchors
from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.events.chain import START
from goldenpath.digest import Digest
from goldenpath.observe.log.segment import BEGINNING, SUFFIX, Checkpoint, folder_of
from goldenpath.promote.repository.git_objects import MAX_FILE
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import CHECKPOINT, Statement
from goldenpath.settings import project_environment
from tests.audit.anchors.test_anchors_branch import NOW, Machine
from tests.audit.platform import Grounds
from tests.prepared import let_git_hurry
from tests.sizes import at_size

CONTENT = Digest.of(b"table").text
STARTS = at_size(50, 5_000)
"""At the full size four times as many are 20,000 starts."""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    grounds = Grounds(tmp_path, project_environment(os.environ, "python3"))
    let_git_hurry(grounds.home.gitops)
    generate_key(grounds.home.log_key)
    yield Machine(grounds)


def start_servers(machine: Machine, first: int, last: int) -> None:
    """Each start leaves one replica that has ended: its only segment is its last one."""
    signer = PemSigner.load(machine.home.log_key)
    folder = folder_of(machine.home.predictions, "prod", "credit")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, last):
        time = "2026-11-22T08:00:00.000000Z"
        checkpoint = Checkpoint(
            stage="prod", model="credit", slot="stable", replica=f"r{number:06}",
            release=CONTENT, number=0, previous=BEGINNING, content=CONTENT, rows=1,
            requests=1, refused=0, first_sequence=0, last_sequence=0, lost=0, lost_rows=0,
            lost_spans="", first_time=time, last_time=time, sealed_at=time,
            spool=f"prod.credit.r{number:06}.0001.spool", begin=0, end=1, is_last=True, torn=0,
            end_of_writer="closed",
        )  # fmt: skip
        statement = Statement((Digest(CONTENT),), CHECKPOINT, asdict(checkpoint))
        name = f"2026112208-{checkpoint.replica}-0{SUFFIX}"
        (folder / name).write_bytes(sign_statement(statement, signer).render())


def newest_record(machine: Machine) -> bytes:
    """The record in the newest commit."""
    branch = machine.branch()
    content = branch.read(branch.fetch(), "machines/witness/heads.json")
    assert content is not None
    return content


def test_a_record_does_not_grow_with_the_starts_before_it(machine: Machine) -> None:
    sizes, last = [], 0
    for starts in (STARTS, 4 * STARTS):
        start_servers(machine, last, starts)
        machine.anchor()
        start_servers(machine, starts, starts + 1)
        machine.anchor()
        last = starts + 1
        sizes.append(len(newest_record(machine)))

    assert sizes[0] == sizes[1] < 1_500
    held = {each.replica for each in machine.held().segments}
    assert len(held) == last, "and each replica is held"


def test_more_replicas_than_a_record_takes_need_several_commits(machine: Machine) -> None:
    start_servers(machine, 0, MAX_SEGMENTS + 5)
    machine.anchor()

    records = read_anchors(machine.branch(), machine.platform().witnesses).records
    assert [len(each.record.segments) for each in records] == [MAX_SEGMENTS, 5]
    assert len(newest_record(machine)) < MAX_FILE / 2
    assert machine.writer().anchor(machine.platform(), "", NOW)
    records = read_anchors(machine.branch(), machine.platform().witnesses).records
    assert [len(each.record.segments) for each in records] == [MAX_SEGMENTS, 5, 0], (
        "a writer that has just started repeats nothing"
    )


def test_records_that_list_every_replica_are_still_read(machine: Machine) -> None:
    """Version 0.1 wrote them, also larger than other files of the repository may be."""
    listed = tuple(
        AnchoredSegment("prod", "credit", f"old{number:06}", 0, CONTENT, CONTENT)
        for number in range(5_000)
    )
    tree = f"sha256:{Digest.of(b'').hex}"
    branch, key = machine.branch(), SshKey.load(machine.home.witness_key)
    head = None
    for count in (1, 2):
        old = AnchorRecord(1, NOW, "", count, START.digest, tree, listed)
        files = render_record("witness", old)
        assert len(files["machines/witness/heads.json"] or b"") > MAX_FILE
        head = branch.commit(head, files, "anchors: old\n", "witness", key=key, now=NOW)
    start_servers(machine, 0, 1)
    machine.anchor()

    read = read_anchors(machine.branch(), machine.platform().witnesses)
    assert read.faults == ()
    assert len(read.newest("witness")) == 5_001
    assert [len(each.record.segments) for each in read.records] == [5_000, 5_000, 1]
    faults = check_logs(machine.home, machine.held()).states.faults
    assert any("old004999" in fault for fault in faults), "what is gone is named"


def test_a_replica_that_changes_after_it_was_held_is_held_again(machine: Machine) -> None:
    """Somebody rewrites the only segment of a replica: both heads are held, and differ."""
    start_servers(machine, 0, 2)
    machine.anchor()
    (path, _) = sorted(machine.home.predictions.glob(f"*/*/*{SUFFIX}"))
    path.write_bytes(path.read_bytes() + b"\n")
    before = len(machine.held().heads)
    machine.anchor()

    trees = {
        segment.tree
        for each in read_anchors(machine.branch(), machine.platform().witnesses).records
        for segment in each.record.segments
        if segment.replica == "r000000"
    }
    assert len(trees) == 2 and len(machine.held().heads) == before + 1
