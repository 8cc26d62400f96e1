"""The OCI image layout: the contract, concurrent writers, other tools, and killed writers."""

import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.store import Store, read
from goldenpath.oci.stores.layout import LayoutStore
from tests.oci.contract import BLOB, StoreContract, put, put_manifest


class TestLayoutStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return LayoutStore(tmp_path / "registry")


def test_reading_an_absent_store_creates_nothing(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "registry")

    assert store.tags() == ()
    with pytest.raises(NotFound):
        store.resolve("v1")
    assert not (tmp_path / "registry").exists()


def test_the_folder_follows_the_specification(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    manifest = put_manifest(store, b"layer")
    store.tag("v1", manifest)

    index = json.loads((tmp_path / "index.json").read_bytes())

    assert json.loads((tmp_path / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert [entry["digest"] for entry in index["manifests"]] == [manifest.digest.text]
    assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == "v1"
    assert (tmp_path / "blobs" / "sha256" / manifest.digest.hex).is_file()
    assert list((tmp_path / "goldenpath" / "partial").iterdir()) == []


def test_members_of_other_tools_stay_in_the_index(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    manifest = put_manifest(store, b"layer")
    index = json.loads((tmp_path / "index.json").read_bytes())
    index["manifests"][0]["platform"] = {"os": "linux", "architecture": "arm64"}
    (tmp_path / "index.json").write_text(json.dumps(index))

    store.tag("v1", manifest)
    put_manifest(store, b"other")

    entries = json.loads((tmp_path / "index.json").read_bytes())["manifests"]
    assert [entry.get("platform") for entry in entries if entry["digest"] == manifest.digest.text]


def test_an_index_above_the_size_limit_is_not_written(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    manifest = put_manifest(store, b"layer")
    file = tmp_path / "index.json"
    index = json.loads(file.read_bytes())
    index["manifests"][0]["annotations"] = {"note": "x" * (MAX_DOCUMENT - 500)}
    file.write_text(json.dumps(index))
    before = file.stat()

    with pytest.raises(InvalidInput, match="is full"):
        put_manifest(store, b"other")

    assert (file.stat().st_ino, file.stat().st_size) == (before.st_ino, before.st_size)
    assert LayoutStore(tmp_path).resolve(manifest.digest.text) == manifest


def test_manifests_of_another_writer_are_listed_at_once(tmp_path: Path) -> None:
    one, two = LayoutStore(tmp_path), LayoutStore(tmp_path)
    subject = put_manifest(one, b"subject")
    for number, (writer, reader) in enumerate(((one, two), (two, one)) * 3):
        note = put_manifest(writer, str(number).encode(), subject, "text/note")
        writer.tag("newest", note)
        assert reader.resolve("newest").digest == note.digest
        assert note.digest in [each.digest for each in reader.referrers(subject.digest)]


def test_referrers_that_another_tool_wrote_are_found(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    subject = put_manifest(store, b"subject")
    note = put_manifest(store, b"note", subject, "text/note")

    (tmp_path / "goldenpath" / "subjects").unlink()

    assert [d.digest for d in LayoutStore(tmp_path).referrers(subject.digest)] == [note.digest]


def test_an_incomplete_line_of_a_killed_writer_does_no_harm(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    subject = put_manifest(store, b"subject")
    with (tmp_path / "goldenpath" / "subjects").open("a") as file:
        file.write("0123456789abcdef")

    note = put_manifest(store, b"note", subject, "text/note")

    assert [d.digest for d in store.referrers(subject.digest)] == [note.digest]


def test_a_changed_blob_is_refused_and_a_short_one_written_again(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    descriptor = put(store, b"content")
    blob = tmp_path / "blobs" / "sha256" / descriptor.digest.hex

    blob.write_bytes(b"c0ntent")
    with pytest.raises(VerificationError, match="expected sha256:"):
        read(store, descriptor, 100)
    blob.write_bytes(b"con")
    put(store, b"content")

    assert read(store, descriptor, 100) == b"content"


def test_a_pipe_in_place_of_a_blob_does_not_stop_the_reader(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    descriptor = put(store, b"content")
    blob = tmp_path / "blobs" / "sha256" / descriptor.digest.hex
    blob.unlink()
    os.mkfifo(blob)

    with pytest.raises(VerificationError, match="not a regular file"):
        read(store, descriptor, 100)


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Unavailable, match="cannot be written"):
        put(LayoutStore(tmp_path / "file" / "registry"), b"content")


def test_a_failed_push_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> "list[bytes]":
        raise Unavailable("the line is dead")

    store = LayoutStore(tmp_path)
    with pytest.raises(Unavailable):
        store.push(Descriptor.of(BLOB, b"content"), (chunk for _ in [0] for chunk in broken()))

    assert list((tmp_path / "goldenpath" / "partial").iterdir()) == []


def test_old_partial_files_of_killed_writers_are_removed(tmp_path: Path) -> None:
    put(LayoutStore(tmp_path), b"content")
    partial = tmp_path / "goldenpath" / "partial"
    for name in ("abandoned", "young", "held"):
        (partial / name).write_bytes(b"half")
    for name in ("abandoned", "held"):
        os.utime(partial / name, (1, 1))

    with (partial / "held").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        put(LayoutStore(tmp_path), b"other")

    assert {path.name for path in partial.iterdir()} == {"young", "held"}


def _write_notes(root: Path, writer: int) -> None:
    store = LayoutStore(root)
    subject = put_manifest(store, b"subject")
    for number in range(10):
        put_manifest(store, f"{writer}.{number}".encode(), subject, "text/note")
        store.tag(f"t{writer}.{number}", subject)


def test_writers_in_other_processes_lose_nothing(tmp_path: Path) -> None:
    subject = put_manifest(LayoutStore(tmp_path), b"subject")
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_notes, args=(tmp_path, each)) for each in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    store = LayoutStore(tmp_path)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(store.referrers(subject.digest)) == 30
    assert len(store.tags()) == 30


_ENDLESS = """
import sys
from pathlib import Path
from goldenpath.oci.stores.layout import LayoutStore
from tests.oci.contract import put_manifest
store = LayoutStore(Path(sys.argv[1]))
subject = put_manifest(store, b"subject")
print("started", flush=True)
for number in range(100000):
    note = put_manifest(store, f"{sys.argv[2]}.{number}".encode(), subject, "text/note")
    print(note.digest, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_had_finished(tmp_path: Path) -> None:
    finished: list[str] = []
    for attempt in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", _ENDLESS, str(tmp_path), str(attempt)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "started\n"
        time.sleep(0.02 * attempt)
        writer.send_signal(signal.SIGKILL)
        output = writer.communicate()[0]
        # The last line may be cut; every whole one was a finished push.
        finished.extend(line[:71] for line in output.splitlines(keepends=True) if len(line) == 72)

    store = LayoutStore(tmp_path)
    subject = put_manifest(store, b"subject")
    listed = store.referrers(subject.digest)
    assert set(finished) <= {d.digest.text for d in listed}
    for descriptor in listed:
        assert read(store, descriptor, 10_000)
        put_manifest(store, descriptor.annotations["about"].encode(), subject, "text/note")
        assert store.exists(Descriptor(IMAGE_MANIFEST, descriptor.digest, descriptor.size))


def test_a_large_blob_is_copied_in_bounded_memory(tmp_path: Path) -> None:
    size = 1 << 28
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", size)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from goldenpath.oci.stores.folder import stream_regular\n"
        "from goldenpath.oci.stores.layout import LayoutStore\n"
        "folder = Path(sys.argv[1])\n"
        "store, other = LayoutStore(folder / 'one'), LayoutStore(folder / 'two')\n"
        "blob = store.add('application/octet-stream', stream_regular(folder / 'large'))\n"
        "other.push(blob, store.fetch(blob))\n"
        # getrusage would show the peak of the parent process, which forked this one.
        "status = Path('/proc/self/status').read_text()\n"
        "print(blob.size, status.partition('VmHWM:')[2].split()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )

    copied, kilobytes = map(int, done.stdout.split())
    assert copied == size
    assert kilobytes < 200_000


def entries_of(folder: Path, *, lists: bool | None = None) -> list[dict[str, object]]:
    """All entries of the index, or only the indexes of referrers, or only the others."""
    entries: list[dict[str, object]] = json.loads((folder / "index.json").read_bytes())["manifests"]
    return [each for each in entries if lists in (None, each["mediaType"] == IMAGE_INDEX)]


def size_of_index(folder: Path, statements: int) -> int:
    """Bytes of `index.json` with three releases and some statements about each."""
    store = LayoutStore(folder)
    for release in range(3):
        image = put_manifest(store, b"release %d" % release)
        for number in range(statements):
            put_manifest(store, b"%d about %d" % (number, release), image)
    return (folder / "index.json").stat().st_size


def test_the_index_grows_with_releases_and_not_with_statements(tmp_path: Path) -> None:
    few, many = size_of_index(tmp_path / "few", 3), size_of_index(tmp_path / "many", 12)

    assert many <= few + 3 * len("00"), "the sizes of three indexes have more digits"
    store = LayoutStore(tmp_path / "many")
    image = put_manifest(store, b"release 1")
    found = store.referrers(image.digest)
    assert len(found) == 12
    assert all(map(store.exists, found))
    assert store.tags() == ()


def test_referrers_that_an_older_version_listed_move_with_the_next_statement(
    tmp_path: Path,
) -> None:
    store = LayoutStore(tmp_path)
    image, other = put_manifest(store, b"release"), put_manifest(store, b"other release")
    notes = [put_manifest(store, b"note %d" % number, image) for number in range(3)]
    kept = put_manifest(store, b"note", other)
    moved = [each.to_json() for each in (*store.referrers(image.digest), kept)]
    listed = [*entries_of(tmp_path, lists=False), *moved]
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": listed}))
    older = LayoutStore(tmp_path)
    assert {each.digest for each in older.referrers(image.digest)} == {n.digest for n in notes}
    assert all(map(older.exists, notes))

    new = put_manifest(older, b"new note", image)

    after = {str(each["digest"]) for each in entries_of(tmp_path)}
    assert after.isdisjoint(each.digest.text for each in (*notes, new))
    assert after >= {image.digest.text, other.digest.text, kept.digest.text}
    found = {each.digest for each in LayoutStore(tmp_path).referrers(image.digest)}
    assert found == {each.digest for each in (*notes, new)}
    assert all(map(older.exists, (*notes, new, kept)))


def test_a_lost_or_damaged_index_of_referrers_hides_nothing(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    image = put_manifest(store, b"release")
    notes = {put_manifest(store, b"note %d" % number, image).digest for number in range(3)}
    (entry,) = entries_of(tmp_path, lists=True)
    blob = tmp_path / "blobs" / "sha256" / str(entry["digest"])[7:]
    for damage in (lambda: blob.write_bytes(b"{}"), blob.unlink):
        damage()
        damaged = LayoutStore(tmp_path)
        assert {each.digest for each in damaged.referrers(image.digest)} == notes

    notes.add(put_manifest(LayoutStore(tmp_path), b"later", image).digest)

    assert {each.digest for each in LayoutStore(tmp_path).referrers(image.digest)} == notes
    (entry,) = entries_of(tmp_path, lists=True)
    content = (tmp_path / "blobs" / "sha256" / str(entry["digest"])[7:]).read_bytes()
    assert {each["digest"] for each in json.loads(content)["manifests"]} == {
        each.text for each in notes
    }


def test_what_takes_the_tag_of_a_list_hides_nothing_and_stays(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    image = put_manifest(store, b"release")
    notes = {put_manifest(store, b"note %d" % number, image).digest for number in range(2)}
    other = put_manifest(store, b"another release")
    store.tag(f"sha256-{image.digest.hex}", other)
    taken = LayoutStore(tmp_path)
    assert {each.digest for each in taken.referrers(image.digest)} == notes

    later = put_manifest(taken, b"later", image)

    again = LayoutStore(tmp_path)
    assert {each.digest for each in again.referrers(image.digest)} == {*notes, later.digest}
    assert all(map(again.exists, (image, later, other)))
    assert again.tags() == ()


def writes_of_the_index(folder: Path, statements: int) -> int:
    """How often `index.json` changes for a release with these statements, pushed together."""
    store, seen = LayoutStore(folder), set[int]()
    image = put_manifest(store, b"earlier")
    index = folder / "index.json"
    seen.add(index.stat().st_mtime_ns)
    with store.together():
        image = put_manifest(store, b"release")
        for number in range(statements):
            put_manifest(store, b"%d" % number, image)
            seen.add(index.stat().st_mtime_ns)
        store.tag("v1", image)
        assert store.resolve("v1") == image
        assert store.exists(image)
    seen.add(index.stat().st_mtime_ns)
    found = LayoutStore(folder)
    assert len(found.referrers(found.resolve("v1").digest)) == statements
    return len(seen) - 1


def test_a_release_with_its_statements_is_one_write_of_the_index(tmp_path: Path) -> None:
    assert writes_of_the_index(tmp_path / "few", 3) == 1
    assert writes_of_the_index(tmp_path / "many", 12) == 1


def test_an_error_among_pushes_that_belong_together_lists_nothing(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    put_manifest(store, b"earlier")
    before = (tmp_path / "index.json").read_bytes()

    with pytest.raises(ZeroDivisionError), store.together():
        image = put_manifest(store, b"release")
        store.tag("v1", image)
        raise ZeroDivisionError

    assert (tmp_path / "index.json").read_bytes() == before
    assert not store.exists(image)
    assert put_manifest(store, b"release") == image
    assert store.exists(image)


def test_other_threads_list_at_once_while_one_pushes_together(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    with store.together(), ThreadPoolExecutor(1) as pool:
        own = put_manifest(store, b"release")
        other = pool.submit(put_manifest, store, b"other").result()
        listed = {str(entry["digest"]) for entry in entries_of(tmp_path)}

    assert listed == {other.digest.text}
    assert store.exists(own)


def test_a_nearly_full_index_is_told_once_for_each_store(tmp_path: Path) -> None:
    warnings: list[str] = []
    store = LayoutStore(tmp_path, warnings.append)
    put_manifest(store, b"first")
    assert warnings == []
    entry = {"digest": f"sha256:{'0' * 64}", "note": "x" * (MAX_DOCUMENT * 8 // 10)}
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))

    put_manifest(store, b"second")
    put_manifest(store, b"third")

    (warning,) = warnings
    assert "is 80 percent full" in warning
    assert "goldenpath registry prune" in warning


def test_notes_that_were_replaced_are_read_again(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path)
    image, gone = put_manifest(store, b"release"), put_manifest(store, b"gone")
    put_manifest(store, b"note", gone)
    assert len(store.referrers(gone.digest)) == 1
    notes = tmp_path / "goldenpath" / "subjects"
    kept = [line for line in notes.read_text().splitlines() if gone.digest.hex not in line]
    # In place, as if the new file had got the inode of an earlier one.
    notes.write_text("".join(f"{line}\n" for line in (*kept, *(f"{n:064} -" for n in range(9)))))

    later = put_manifest(store, b"later", image)

    assert {each.digest for each in store.referrers(image.digest)} == {later.digest}
