"""A report as of a time uses the platform file of then, and nothing that came later."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from goldenpath.audit.answers.evidence_gathering import Sources, gather
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.countersign import base_of, sign_change
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL
from tests.audit.made import PROMOTED
from tests.audit.platform import Grounds
from tests.audit.served import Served, serve_once

BEFORE, CHANGED, AFTER = (PROMOTED + timedelta(hours=each) for each in (2, 3, 4))


def sources(served: Served, grounds: Grounds, now: datetime) -> Sources:
    trusted = follow(grounds.repository, served.home.trust, now)
    return Sources(LayoutStore(served.home.registry), grounds.repository, trusted, served.home)


def list_others(grounds: Grounds, folder: Path, people: Sequence[Person]) -> None:
    """A change of trust that two people signed: these people are listed instead."""
    trusted = follow(grounds.repository, grounds.home.trust, CHANGED)
    wanted = platform_files(replace(trusted.platform, people=tuple(people)))
    read, commit = grounds.repository.read, trusted.commit
    files = {path: content for path, content in wanted.items() if read(commit, path) != content}
    base = base_of(grounds.repository, commit)
    agreed = sign_change(base, files, "validator", SshKey.load(folder / "validator"))
    grounds.commit(files, f"people: list others\n\n{agreed}", CHANGED)


def test_who_was_listed_then_counts_and_who_is_listed_now_does_not(tmp_path: Path) -> None:
    served, grounds = serve_once(tmp_path)
    digest = served.made.image.digest
    then = gather(sources(served, grounds, BEFORE), digest, BEFORE)
    assert {each.signer for each in then.of_type(APPROVAL)} == {"validator", "manager"}

    platform = sources(served, grounds, BEFORE).trusted.platform
    rest = [each for each in platform.people if each.name != "validator"]
    list_others(grounds, tmp_path, rest)

    now = sources(served, grounds, AFTER)
    assert "validator" not in {each.name for each in now.trusted.platform.people}
    assert {each.signer for each in gather(now, digest, AFTER).of_type(APPROVAL)} == {"manager"}
    again = gather(now, digest, BEFORE)
    assert {each.signer for each in again.of_type(APPROVAL)} == {"validator", "manager"}
    assert again.root == then.root, "the same bundle, so the same bytes"


def test_a_person_who_was_listed_later_counts_for_nothing_before(tmp_path: Path) -> None:
    served, grounds = serve_once(tmp_path)
    digest = served.made.image.digest
    platform = sources(served, grounds, BEFORE).trusted.platform
    renamed = [
        replace(each, name="auditor") if each.name == "validator" else each
        for each in platform.people
    ]
    list_others(grounds, tmp_path, renamed)
    now = sources(served, grounds, AFTER)

    assert "auditor" in {each.signer for each in gather(now, digest, AFTER).of_type(APPROVAL)}
    before = {each.signer for each in gather(now, digest, BEFORE).of_type(APPROVAL)}
    assert before == {"validator", "manager"}
