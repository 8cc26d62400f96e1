"""Pruning a layout: what is needed stays whole, at whatever point the process is killed."""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import IMAGE_INDEX, Descriptor
from goldenpath.oci.manifest import Index
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.oci.upkeep.layout_census import take_census
from goldenpath.oci.upkeep.layout_pruning import GRACE, Unneeded, move_listed, prune, unneeded
from tests.oci.contract import put, put_manifest

WEEK = 7 * 24 * 3600.0


def release(store: LayoutStore, name: str, statements: int = 2) -> Descriptor:
    """A release with a blob that all share, statements, and one about a statement."""
    image = put_manifest(store, name.encode())
    notes = [put_manifest(store, b"%s %d" % (name.encode(), n), image) for n in range(statements)]
    put_manifest(store, b"about a statement of " + name.encode(), notes[0])
    store.tag(name, image)
    store.tag(f"sha256-{image.digest.hex}.sig", put_manifest(store, b"signature " + name.encode()))
    return image


def grow_old(root: Path, seconds: float = WEEK) -> None:
    then = time.time() - seconds
    for path in (root / "blobs" / "sha256").iterdir():
        os.utime(path, (then, then))


def removed(root: Path, going: Iterable[Descriptor]) -> Unneeded:
    digests = {each.digest for each in going}
    found = {each.digest: each.manifests for each in take_census(root).roots}
    return prune(root, {each: found[each] for each in digests}, time.time())


def content_of(root: Path, image: Descriptor) -> Mapping[Digest, tuple[Digest, ...]]:
    """Everything that a copy of a release takes along, which verifies each byte of it."""
    store, taken = LayoutStore(root), MemoryStore()
    copied = copy(store, taken, image)
    return {each: tuple(d.digest for d in taken.referrers(each)) for each in copied.manifests}


def files_of(root: Path) -> set[str]:
    return {path.name for path in (root / "blobs" / "sha256").iterdir()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "registry"


def test_a_release_goes_with_all_that_is_about_it_and_the_other_stays_whole(root: Path) -> None:
    store = LayoutStore(root)
    kept = release(store, "kept")
    only_kept = files_of(root)
    gone = release(store, "gone")
    before = content_of(root, kept)
    grow_old(root)

    plan = removed(root, [gone])

    assert files_of(root) <= only_kept
    assert content_of(root, kept) == before
    after = LayoutStore(root)
    assert after.tags() == ("kept", f"sha256-{kept.digest.hex}.sig")
    assert not after.exists(gone)
    assert after.referrers(gone.digest) == ()
    assert gone.digest.hex not in (root / "goldenpath" / "subjects").read_text()
    assert gone.digest.hex in plan.files
    assert release(store, "gone") == gone, "the store that knew it pushes it whole again"
    assert len(LayoutStore(root).referrers(gone.digest)) == 2


def test_files_of_no_manifest_go_after_a_day_and_not_before(root: Path) -> None:
    store = LayoutStore(root)
    kept = release(store, "kept", statements=6)
    stray = put(store, b"of a push that was given up")
    assert stray.digest.hex in files_of(root)
    unused = set(unneeded(take_census(root), ()).files)
    assert len(unused) > 1, "older lists of referrers are of no use either"

    removed(root, [])
    assert files_of(root) >= unused, "a push may be under way"

    grow_old(root, GRACE + 60)
    before = content_of(root, kept)
    removed(root, [])
    assert files_of(root).isdisjoint(unused)
    assert content_of(root, kept) == before


def test_a_push_that_finds_its_content_makes_it_young(root: Path) -> None:
    store = LayoutStore(root)
    found, pushed, other = (put(store, each) for each in (b"found", b"pushed", b"other"))
    release(store, "kept")
    grow_old(root)

    assert store.exists(found)
    put(store, b"pushed")
    removed(root, [])

    assert {found.digest.hex, pushed.digest.hex} <= files_of(root)
    assert other.digest.hex not in files_of(root)


def test_a_release_with_a_statement_since_the_decision_stays(root: Path) -> None:
    store = LayoutStore(root)
    image = release(store, "wanted")
    grow_old(root)
    decided = {each.digest: each.manifests for each in take_census(root).roots}
    put_manifest(store, b"an approval", image)
    grow_old(root)

    plan = prune(root, decided, time.time())

    assert plan.roots == ()
    assert len(content_of(root, image)) == 6


def test_what_another_tool_listed_or_refers_to_a_kept_release_stays(root: Path) -> None:
    store = LayoutStore(root)
    kept, other = release(store, "kept"), release(store, "other")
    children = put(store, Index((kept, other)).render(), IMAGE_INDEX)
    store.tag("both", children)
    (root / "goldenpath" / "subjects").unlink()
    grow_old(root)
    before = content_of(root, kept), content_of(root, other)

    removed(root, [kept, other])

    assert (content_of(root, kept), content_of(root, other)) == before


def test_manifests_that_claim_each_other_are_not_lost(root: Path) -> None:
    store = LayoutStore(root)
    first, second = put_manifest(store, b"first"), put_manifest(store, b"second")
    store.tag(f"sha256-{first.digest.hex}", second)
    store.tag(f"sha256-{second.digest.hex}.sig", first)
    grow_old(root)

    removed(root, [])

    assert {first.digest.hex, second.digest.hex} <= files_of(root)


@pytest.mark.parametrize("damage", [b"{}", b"", b"[" * 100_000])
def test_a_manifest_that_cannot_be_read_ends_it_before_anything_goes(
    root: Path, damage: bytes
) -> None:
    store = LayoutStore(root)
    gone, kept = release(store, "gone"), release(store, "kept")
    decided = {each.digest: each.manifests for each in take_census(root).roots}
    grow_old(root)
    note = store.referrers(kept.digest)[0]
    (root / "blobs" / "sha256" / note.digest.hex).write_bytes(damage)
    before = files_of(root)

    with pytest.raises(VerificationError, match="nothing is removed"):
        prune(root, {gone.digest: decided[gone.digest]}, time.time())

    assert files_of(root) == before


def _prune_until(root: Path, going: Descriptor, event: int) -> int:
    """Prune in a child that is killed before its n-th change of a file; return its status."""
    child = os.fork()
    if child == 0:
        left = [event]

        def watch(name: str, arguments: tuple[object, ...]) -> None:
            is_change = name in ("os.rename", "os.remove", "os.truncate", "os.mkdir")
            if name == "open" and isinstance(arguments[2], int):
                is_change = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
            left[0] -= is_change
            if is_change and left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        try:
            removed(root, [going])
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(3)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_whoever_is_killed_at_any_point_leaves_kept_releases_whole(tmp_path: Path) -> None:
    expected: set[str] = set()
    store = LayoutStore(tmp_path / "first")
    kept, gone = release(store, "kept", statements=1), release(store, "gone", statements=1)
    grow_old(store.root)
    for event in range(1, 200):
        root = tmp_path / str(event)
        shutil.copytree(store.root, root)
        before = content_of(root, kept)

        status = _prune_until(root, gone, event)
        assert status in (0, signal.SIGKILL)

        assert content_of(root, kept) == before, event
        listed = {each.digest for each in take_census(root).roots}
        if gone.digest in listed:
            assert len(content_of(root, gone)) == 4, event
        removed(root, [each for each in (gone,) if each.digest in listed])
        assert content_of(root, kept) == before, event
        assert gone.digest.hex not in files_of(root), event
        expected = expected or files_of(root)
        assert files_of(root) == expected, event
        if status == 0:
            break
    assert status == 0
    assert event > 10, "nothing was killed"


def test_referrers_that_versions_of_0_1_listed_move_out_of_the_index(root: Path) -> None:
    store = LayoutStore(root)
    image = put_manifest(store, b"release")
    notes = [put_manifest(store, b"%d" % number, image) for number in range(3)]
    listed = [image.to_json(), *(each.to_json() for each in store.referrers(image.digest))]
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": listed}))

    move_listed(root)

    entries = json.loads((root / "index.json").read_bytes())["manifests"]
    assert len(entries) == 2
    found = {each.digest for each in LayoutStore(root).referrers(image.digest)}
    assert found == {each.digest for each in notes}
