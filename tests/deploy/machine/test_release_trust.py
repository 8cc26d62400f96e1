"""What a server gets to verify: the rules of its release's entry, and times of its statements."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.deploy.machine.release_trust import NO_TRUST, EntryTrust
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import ReleaseTrust
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.platform.platform import FILE
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.launch_trust import policy_of, seen_of
from goldenpath.release.attest.statement import APPROVAL, DECISION, SCAN, SIGNED, Statement
from goldenpath.release.attest.verify import MAX_WORTHLESS, verify
from tests.deploy.platform import OneMachine
from tests.deploy.reconcile.test_admission import end_build_key, prod
from tests.promote.road import Road
from tests.release.attest.releases import new_signer
from tests.sizes import full_size


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Road, Digest, Digest]:
    """The build key ended after a release entered production; another one was built before, too."""
    road = Road(tmp_path_factory.mktemp("ended"))
    digest = road.release()
    road.bring_to_prod(digest)
    other = road.release(b"other")
    road.pass_time(days=2)
    end_build_key(road, road.now - timedelta(days=1))
    return road, digest, other


def entry_trust(road: Road, layout: Path | None = None) -> EntryTrust:
    history = StageHistory(road.repository, road.desk("validator").seen)
    return EntryTrust(history, layout or road.home.registry, lambda: road.now)


def trust(road: Road, digest: Digest, layout: Path | None = None) -> ReleaseTrust:
    return entry_trust(road, layout)(road.trusted(), prod(digest), digest)


def starts(road: Road, digest: Digest, got: ReleaseTrust, layout: Path | None = None) -> bool:
    """Whether a server would load the release: it knows no people, and reads all statements."""
    store = LayoutStore(layout or road.home.registry)
    seen = seen_of(got)
    return verify(store, digest, policy_of(got), now=road.now, seen=seen).holds


def kinds(road: Road, digest: Digest) -> dict[Digest, str]:
    known = verify(
        road.store, digest, policy_of(trust(road, digest)), people=road.trusted().platform.people,
        now=road.now,
    )  # fmt: skip
    return {each.envelope: each.statement.predicate_type for each in known.statements}


def test_while_no_key_has_ended_no_time_is_given(tmp_path: Path) -> None:
    road = Road(tmp_path)
    digest = road.release()
    road.bring_to_prod(digest)

    assert trust(road, digest).seen is None


def test_what_a_commit_names_and_what_its_decision_cites_has_the_time_of_the_commit(
    ended: tuple[Road, Digest, Digest],
) -> None:
    road, digest, _ = ended
    seen = seen_of(trust(road, digest))
    known = kinds(road, digest)

    assert seen is not None
    assert seen.keys() == known.keys()
    assert {DECISION, APPROVAL, SIGNED, SCAN} <= {known[each] for each in seen}
    assert all(at < road.now - timedelta(days=1) for at in seen.values())
    assert starts(road, digest, trust(road, digest))


def test_nothing_is_known_of_a_release_that_no_commit_names_and_it_does_not_start(
    ended: tuple[Road, Digest, Digest],
) -> None:
    road, digest, other = ended

    assert trust(road, other).seen == {}
    assert not starts(road, other, trust(road, other))
    # The times of one release say nothing about another one.
    assert not starts(road, other, trust(road, digest))


def test_a_statement_that_came_after_the_end_has_no_time(
    ended: tuple[Road, Digest, Digest], tmp_path: Path
) -> None:
    road, digest, _ = ended
    layout = Path(shutil.copytree(road.home.registry, tmp_path / "registry"))
    store = LayoutStore(layout)
    late = Statement((digest,), SCAN, {"files": 1, "found": []})
    before_its_end = road.now - timedelta(days=1, hours=6)
    attached = attach(store, store.resolve(digest.text), late, road.signer, now=before_its_end)

    got = trust(road, digest, layout)

    assert attached.digest.text not in (got.seen or {})
    assert starts(road, digest, got, layout)


def test_worthless_statements_bury_no_time(
    ended: tuple[Road, Digest, Digest], tmp_path: Path
) -> None:
    """A server keeps few statements of strangers, and to it a decision is one of those."""
    road, digest, _ = ended
    layout = Path(shutil.copytree(road.home.registry, tmp_path / "registry"))
    store, stranger = LayoutStore(layout), new_signer()
    image = store.resolve(digest.text)
    for number in range(MAX_WORTHLESS + 10):
        junk = Statement((digest,), SCAN, {"number": number})
        attach(store, image, junk, stranger, now=road.now)
    bury(layout)

    got = trust(road, digest, layout)

    assert got.seen == trust(road, digest).seen
    assert starts(road, digest, got, layout)
    known = kinds(road, digest)
    people = {each.text for each, kind in known.items() if kind in (APPROVAL, DECISION)}
    named = {each: at for each, at in (got.seen or {}).items() if each in people}
    assert not starts(road, digest, replace(got, seen=named), layout), "citations mattered"


def bury(layout: Path) -> None:
    """List what was attached last first."""
    import json

    index = layout / "index.json"
    content = json.loads(index.read_bytes())
    content["manifests"].reverse()
    index.write_text(json.dumps(content))


def test_a_damaged_decision_gives_what_it_cites_no_time(
    ended: tuple[Road, Digest, Digest], tmp_path: Path
) -> None:
    road, digest, _ = ended
    layout = Path(shutil.copytree(road.home.registry, tmp_path / "registry"))
    named = [each for each, kind in kinds(road, digest).items() if kind == DECISION]
    for each in named:
        manifest = Manifest.parse((layout / "blobs" / "sha256" / each.hex).read_bytes())
        blob = layout / "blobs" / "sha256" / manifest.layers[0].digest.hex
        blob.write_bytes(blob.read_bytes().replace(b"pass", b"fail"))

    got = trust(road, digest, layout)

    assert got.seen is not None
    cited = {each for each, kind in kinds(road, digest).items() if kind in (SIGNED, SCAN)}
    assert not {each.text for each in cited} & got.seen.keys()
    assert not starts(road, digest, got, layout)


def test_with_an_unreadable_registry_nothing_was_seen(
    ended: tuple[Road, Digest, Digest], tmp_path: Path
) -> None:
    road, digest, _ = ended
    (tmp_path / "index.json").write_bytes(b"{")

    assert trust(road, digest, tmp_path).seen == {}


@pytest.mark.parametrize("commit", ["f" * 40, "0" * 40])
def test_with_a_history_that_cannot_be_read_nothing_starts(
    ended: tuple[Road, Digest, Digest], commit: str
) -> None:
    road, digest, _ = ended
    unknown = Trusted(commit, road.trusted().platform)

    got = entry_trust(road)(unknown, prod(digest), digest)

    assert got == NO_TRUST
    assert not starts(road, digest, got)


@full_size("test_what_a_commit_names_and_what_its_decision_cites_has_the_time_of_the_commit")
def test_up_starts_again_what_entered_before_the_file_was_made_stricter(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    digest = here.release()
    here.deploy((digest, 100))
    with here.up() as up:
        up.until(lambda status: _phases(status) == ["ready"])
    platform = here.trusted().platform
    strict = replace(platform.demands, builder="https://ci.example/other")
    here.commit({FILE: platform_files(replace(platform, demands=strict))[FILE]})

    with here.up() as up:
        status = up.until(lambda status: _phases(status) == ["ready"])

    (mark,) = status.deployments[0].marks
    assert mark.kind == "today" and "required" in mark.message


def _phases(status: Status) -> list[str]:
    return [each.phase for each in status.deployments]


@pytest.mark.parametrize("hours", [0, 1])
def test_a_key_counts_as_ended_from_its_end_on(
    ended: tuple[Road, Digest, Digest], hours: int
) -> None:
    road, digest, _ = ended
    trusted = road.trusted()
    *others, last = trusted.platform.build_keys
    end: datetime = road.now + timedelta(hours=hours)
    keys = tuple(replace(each, valid_until=None, revoked_at=None) for each in others)
    platform = replace(trusted.platform, build_keys=(*keys, replace(last, valid_until=end)))

    got = entry_trust(road)(replace(trusted, platform=platform), prod(digest), digest)

    assert (got.seen is None) is (hours > 0)
