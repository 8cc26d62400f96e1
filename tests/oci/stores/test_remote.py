"""The store over HTTP: the contract with three registries, and each fault on its own."""

import base64
import json
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import IMAGE_INDEX, Descriptor
from goldenpath.oci.store import CHUNK, Store, read
from goldenpath.oci.stores.auth import Keychain
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.oci.stores.remote import RemoteStore
from goldenpath.oci.stores.streaming import note_name
from goldenpath.oci.stores.transport import RetryLimits, Transport
from goldenpath.oci.stores.upload import PART
from goldenpath.oci.stream import verified
from tests.oci.contract import BLOB, StoreContract, put, put_manifest
from tests.oci.stores.fake_registry import State, fake_registry
from tests.oci.stores.real import docker_registry

LARGE = bytes(range(256)) * (PART // 256 * 2) + b"end"


def transport(address: str, *files: Path, waits: list[float] | None = None) -> Transport:
    """Return a transport to a registry on this machine that records its waits, and never sleeps."""
    noted = [] if waits is None else waits
    return Transport(
        f"http://{address}",
        keychain=Keychain(files),
        limits=RetryLimits(connect=5, read=20, attempts=4),
        sleep=noted.append,
    )


def remote(address: str, repository: str = "ml/credit", *files: Path) -> RemoteStore:
    """A store on a registry of this machine."""
    return RemoteStore(transport(address, *files), repository)


@pytest.fixture
def fake() -> Iterator[State]:
    """A fake registry."""
    with fake_registry() as state:
        yield state


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real registry."""
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as address:
        yield address


class TestRegistryWithReferrers(StoreContract):
    @pytest.fixture
    def store(self, fake: State) -> Store:
        return remote(fake.address)


class TestRegistryWithoutReferrers(StoreContract):
    @pytest.fixture
    def store(self, fake: State) -> Store:
        fake.faults.has_referrers = False
        return remote(fake.address)


@pytest.mark.interop
class TestDockerRegistry(StoreContract):
    @pytest.fixture
    def store(self, docker: str) -> Store:
        return remote(docker, f"ml/{uuid4().hex}")


@pytest.mark.interop
def test_docker_registry_takes_large_blobs_in_parts_and_gives_ranges(docker: str) -> None:
    store = remote(docker, f"ml/{uuid4().hex}")

    descriptor = store.add(BLOB, iter([LARGE[:1000], LARGE[1000:]]))

    assert read(store, descriptor, len(LARGE)) == LARGE
    other = RemoteStore(transport(docker), "ml/other", mounts=[store._repository])
    other.push(descriptor, iter(()))
    assert other.exists(descriptor)


@pytest.mark.interop
def test_all_evidence_goes_to_docker_registry_and_back(docker: str) -> None:
    source = MemoryStore()
    image = put_manifest(source, b"image")
    note = put_manifest(source, b"note", image, "text/note")
    reply = put_manifest(source, b"reply", note, "text/reply")
    store, back = remote(docker, f"ml/{uuid4().hex}"), MemoryStore()

    copy(source, store, image)
    copied = copy(store, back, image)

    assert copied.manifests == (image.digest, note.digest, reply.digest)
    assert back.referrers(image.digest) == source.referrers(image.digest)


def test_a_retry_waits_as_long_as_the_registry_asks(fake: State) -> None:
    waits: list[float] = []
    store = RemoteStore(transport(fake.address, waits=waits), "ml/credit")
    descriptor = put(store, b"content")
    fake.faults.refuse, fake.faults.status = 3, 429

    assert read(store, descriptor, 100) == b"content"
    assert waits == [0.0, 0.0, 0.0]


def test_the_wait_that_a_registry_asks_for_is_bounded(fake: State) -> None:
    waits: list[float] = []
    store = RemoteStore(transport(fake.address, waits=waits), "ml/credit")
    descriptor = put(store, b"content")
    for asked, waited in (("7", 7.0), ("86400", 60.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0)):
        fake.faults.refuse, fake.faults.status, fake.faults.later = 1, 429, asked

        assert read(store, descriptor, 100) == b"content"
        assert waits.pop() == waited


def test_retries_end(fake: State) -> None:
    fake.faults.refuse = 1000

    with pytest.raises(Unavailable, match="503"):
        remote(fake.address).resolve("v1")


def test_an_unreachable_registry_is_reported_after_all_attempts() -> None:
    waits: list[float] = []
    with pytest.raises(Unavailable, match="cannot be reached"):
        RemoteStore(transport("127.0.0.1:9", waits=waits), "ml/credit").resolve("v1")
    assert len(waits) == 3
    assert waits == sorted(waits)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_is_resumed(fake: State, ranges: bool) -> None:
    store = remote(fake.address)
    descriptor = put(store, LARGE)
    fake.faults.break_reads, fake.faults.has_ranges = 3, ranges

    assert read(store, descriptor, len(LARGE)) == LARGE


def test_a_broken_upload_is_resumed(fake: State) -> None:
    store = remote(fake.address)
    fake.faults.break_writes = 2

    descriptor = store.add(BLOB, (LARGE[at : at + CHUNK] for at in range(0, len(LARGE), CHUNK)))

    assert read(store, descriptor, len(LARGE)) == LARGE
    assert sum(method == "PATCH" for method, _, _ in fake.asked) > 3


def test_wrong_bytes_are_refused_without_a_retry(fake: State) -> None:
    store = remote(fake.address)
    descriptor = put(store, b"content")
    fake.faults.wrong_bytes = True
    fake.asked.clear()

    with pytest.raises(VerificationError):
        read(store, descriptor, 100)
    assert len(fake.asked) == 1


def test_another_manifest_under_a_digest_is_refused(fake: State) -> None:
    store = remote(fake.address)
    right, wrong = put_manifest(store, b"right"), put_manifest(store, b"wrong")
    fake.manifests[f"ml/credit@{right.digest}"] = fake.manifests[f"ml/credit@{wrong.digest}"]

    with pytest.raises(VerificationError):
        store.resolve(right.digest.text)


def test_an_upload_whose_source_fails_is_cancelled(fake: State) -> None:
    def failing() -> Iterator[bytes]:
        yield LARGE
        raise VerificationError("the source is damaged")

    with pytest.raises(VerificationError, match="damaged"):
        remote(fake.address).add(BLOB, failing())

    assert fake.uploads == {}
    assert fake.blobs == {}


def test_a_blob_of_another_repository_is_mounted(fake: State) -> None:
    descriptor = put(remote(fake.address, "ml/old"), b"content")
    store = RemoteStore(transport(fake.address), "ml/new", mounts=["ml/none", "ml/old"])

    store.push(descriptor, iter(()))

    assert read(store, descriptor, 100) == b"content"


def test_referrers_come_in_pages(fake: State) -> None:
    store = remote(fake.address)
    subject = put_manifest(store, b"subject")
    made = {put_manifest(store, str(n).encode(), subject, "text/n").digest for n in range(7)}

    assert {d.digest for d in store.referrers(subject.digest)} == made


def test_the_fallback_tag_is_an_index_with_types_and_annotations(fake: State) -> None:
    fake.faults.has_referrers = False
    store = remote(fake.address)
    subject = put_manifest(store, b"subject")
    note = put_manifest(store, b"note", subject, "text/note")
    put_manifest(store, b"note", subject, "text/note")

    media_type, content = fake.manifests[f"ml/credit@sha256-{subject.digest.hex}"]

    assert media_type == "application/vnd.oci.image.index.v1+json"
    assert json.loads(content)["manifests"] == [
        {
            "mediaType": note.media_type,
            "digest": note.digest.text,
            "size": note.size,
            "artifactType": "text/note",
            "annotations": {"about": "note"},
        }
    ]
    assert store.tags() == ()


def test_a_fallback_tag_that_is_something_else_is_left_alone(fake: State) -> None:
    fake.faults.has_referrers = False
    store = remote(fake.address)
    subject, other = put_manifest(store, b"subject"), put_manifest(store, b"other")
    store.tag(f"sha256-{subject.digest.hex}", other)

    with pytest.raises(InvalidInput, match="is not an index of referrers"):
        put_manifest(store, b"note", subject, "text/note")


def _overwritten(state: State, subject: Descriptor, waits: list[float]) -> Callable[[float], None]:
    """Return a sleep during which another writer overwrites the tag with an outdated index."""

    def sleep(seconds: float) -> None:
        if not waits:
            index = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []})
            key = f"ml/credit@sha256-{subject.digest.hex}"
            state.manifests[key] = (IMAGE_INDEX, index.encode())
        waits.append(seconds)

    return sleep


def test_an_overwritten_entry_is_added_again(fake: State) -> None:
    fake.faults.has_referrers = False
    subject = put_manifest(remote(fake.address), b"subject")
    waits: list[float] = []
    sleep = _overwritten(fake, subject, waits)
    wire = Transport(f"http://{fake.address}", keychain=Keychain(()), sleep=sleep)

    note = put_manifest(RemoteStore(wire, "ml/credit"), b"note", subject, "text/note")

    assert len(waits) == 2
    assert [each.digest for each in remote(fake.address).referrers(subject.digest)] == [note.digest]


def test_a_conditional_write_names_the_entity_tag_that_was_read(fake: State) -> None:
    fake.faults.has_referrers, fake.faults.compares = False, True
    store = remote(fake.address)
    subject = put_manifest(store, b"subject")

    made = {put_manifest(store, str(n).encode(), subject, "text/n").digest for n in range(3)}

    conditions = [headers["If-Match"] for _, _, headers in fake.asked if "If-Match" in headers]
    assert len(conditions) == 2
    assert {d.digest for d in store.referrers(subject.digest)} == made


def _note(address: str, repository: str, writer: int) -> None:
    store = RemoteStore(Transport(f"http://{address}", keychain=Keychain(())), repository)
    subject = put_manifest(store, b"subject")
    for number in range(3):
        put_manifest(store, f"{writer}.{number}".encode(), subject, "text/note")


@pytest.mark.interop
def test_processes_that_race_for_the_fallback_tag_of_docker_registry_lose_nothing(
    docker: str,
) -> None:
    name, context = f"ml/{uuid4().hex}", multiprocessing.get_context("spawn")
    subject = put_manifest(remote(docker, name), b"subject")
    writers = [context.Process(target=_note, args=(docker, name, each)) for each in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(remote(docker, name).referrers(subject.digest)) == 6


def _config(folder: Path, address: str, user: str) -> Path:
    file = folder / "config.json"
    auth = base64.b64encode(user.encode()).decode()
    file.write_text(json.dumps({"auths": {f"https://{address}/v2/": {"auth": auth}}}))
    return file


def test_a_token_is_requested_with_the_credentials_of_docker(fake: State, tmp_path: Path) -> None:
    fake.faults.token, fake.faults.user = "opensesame", "me:secret"
    store = remote(fake.address, "ml/credit", _config(tmp_path, fake.address, "me:secret"))

    descriptor = put(store, b"content")

    assert read(store, descriptor, 100) == b"content"
    tokens = [path for _, path, _ in fake.asked if path.startswith("/token")]
    assert len(tokens) == 2
    assert "scope=repository%3Aml%2Fcredit%3Apull%2Cpush" in tokens[0]


def test_an_expired_token_is_requested_again(fake: State) -> None:
    fake.faults.token = "first"
    store = remote(fake.address)
    descriptor = put(store, b"content")
    fake.faults.token = "second"

    assert read(store, descriptor, 100) == b"content"


def test_name_and_password_are_enough_for_a_registry_without_tokens(
    fake: State, tmp_path: Path
) -> None:
    fake.faults.basic = "me:secret"
    store = remote(fake.address, "ml/credit", _config(tmp_path, fake.address, "me:secret"))

    assert read(store, put(store, b"content"), 100) == b"content"
    with pytest.raises(InvalidInput, match="refused access"):
        remote(fake.address).resolve("v1")


def test_without_good_credentials_access_is_refused(fake: State, tmp_path: Path) -> None:
    fake.faults.token, fake.faults.user = "opensesame", "me:secret"

    for files in ((), (_config(tmp_path, fake.address, "me:wrong"),)):
        with pytest.raises(InvalidInput, match="refused access"):
            put(remote(fake.address, "ml/credit", *files), b"content")


def test_another_host_never_sees_the_token(fake: State) -> None:
    with fake_registry() as elsewhere:
        descriptor = put(remote(elsewhere.address), b"content")
        put(remote(fake.address), b"content")
        fake.faults.blob_host, fake.faults.token = elsewhere.address, "opensesame"
        elsewhere.asked.clear()

        assert read(remote(fake.address), descriptor, 100) == b"content"

        assert [method for method, _, _ in elsewhere.asked] == ["GET"]
        assert all("Authorization" not in headers for _, _, headers in elsewhere.asked)


def test_a_mirror_is_read_first_and_the_origin_continues(fake: State) -> None:
    with fake_registry() as mirror:
        descriptor = put(remote(fake.address), LARGE)
        put(remote(mirror.address), LARGE)
        absent = put(remote(fake.address), b"only at the origin")
        mirror.faults.break_reads = 1000
        store = RemoteStore(
            transport(fake.address), "ml/credit", mirrors=[transport(mirror.address)]
        )

        assert read(store, descriptor, len(LARGE)) == LARGE
        assert read(store, absent, 100) == b"only at the origin"
        ranges = [headers.get("Range") for _, path, headers in fake.asked if "blobs/sha" in path]
        assert ranges[0] is not None


def test_an_absent_repository_has_no_tags_and_no_manifests(fake: State) -> None:
    store = remote(fake.address, "ml/none")

    assert store.tags() == ()
    with pytest.raises(NotFound):
        store.resolve("v1")
    with pytest.raises(InvalidInput):
        store.resolve("../../../etc")


def laid_out(folder: Path, content: bytes) -> tuple[LayoutStore, Descriptor]:
    """Return a store whose content can be read again, and one blob in it."""
    store = LayoutStore(folder)
    return store, store.add(BLOB, [content])


def test_a_broken_upload_of_a_large_blob_is_resumed(fake: State, tmp_path: Path) -> None:
    source, descriptor = laid_out(tmp_path, LARGE)
    store = remote(fake.address)
    fake.faults.break_writes = 2

    store.push(descriptor, source.fetch(descriptor))

    assert read(store, descriptor, len(LARGE)) == LARGE
    sizes = [int(headers["Content-Length"]) for method, _, headers in fake.asked if method == "PUT"]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3


def test_a_registry_that_discards_a_broken_upload_gets_everything_again(
    fake: State, tmp_path: Path
) -> None:
    source, descriptor = laid_out(tmp_path, LARGE)
    store = remote(fake.address)
    fake.faults.break_writes, fake.faults.forgets = 1, True

    store.push(descriptor, source.fetch(descriptor))

    assert read(store, descriptor, len(LARGE)) == LARGE


def test_another_process_resumes_a_push(fake: State, tmp_path: Path) -> None:
    source, descriptor = laid_out(tmp_path / "layout", LARGE)
    notes = tmp_path / "notes"
    fake.faults.break_writes = 4
    with pytest.raises(Unavailable):
        RemoteStore(transport(fake.address), "ml/credit", uploads=notes).push(
            descriptor, source.fetch(descriptor)
        )
    [left] = notes.iterdir()
    assert left.stat().st_mode & 0o077 == 0
    fake.asked.clear()

    RemoteStore(transport(fake.address), "ml/credit", uploads=notes).push(
        descriptor, source.fetch(descriptor)
    )

    assert not any(notes.iterdir())
    [size] = [int(asked["Content-Length"]) for method, _, asked in fake.asked if method == "PUT"]
    assert size < len(LARGE) / 8
    assert read(remote(fake.address), descriptor, len(LARGE)) == LARGE


def test_an_outdated_upload_note_does_no_harm(fake: State, tmp_path: Path) -> None:
    source, descriptor = laid_out(tmp_path / "layout", LARGE)
    name = note_name(f"http://{fake.address}", "ml/credit", descriptor.digest)
    (tmp_path / name).write_text(f"http://{fake.address}/v2/ml/credit/blobs/uploads/gone")
    store = RemoteStore(transport(fake.address), "ml/credit", uploads=tmp_path)

    store.push(descriptor, source.fetch(descriptor))

    assert store.exists(descriptor)
    assert not (tmp_path / name).exists()


def test_a_damaged_source_never_reaches_the_registry_whole(fake: State, tmp_path: Path) -> None:
    source, descriptor = laid_out(tmp_path, LARGE)
    blob = tmp_path / "blobs" / "sha256" / descriptor.digest.hex
    blob.write_bytes(LARGE[:-1] + b"?")
    store = remote(fake.address)

    with pytest.raises(VerificationError, match="wrong digest"):
        store.push(descriptor, source.fetch(descriptor))

    assert not store.exists(descriptor)


def test_a_killed_pull_is_resumed(fake: State, tmp_path: Path) -> None:
    store = remote(fake.address)
    descriptor = put(store, LARGE)
    layout = LayoutStore(tmp_path)

    def dying() -> Iterator[bytes]:
        yield LARGE[: PART + 7]
        raise Unavailable("the machine goes down")

    with pytest.raises(Unavailable):
        layout.push(descriptor, verified(descriptor, dying(), lambda start: [LARGE[start:]]))
    [left] = (tmp_path / "goldenpath" / "partial").iterdir()
    have = left.stat().st_size
    fake.asked.clear()

    LayoutStore(tmp_path).push(descriptor, store.fetch(descriptor))

    assert have == PART + 7
    assert [asked["Range"] for _, _, asked in fake.asked] == [f"bytes={have}-"]
    assert read(LayoutStore(tmp_path), descriptor, len(LARGE)) == LARGE


@pytest.mark.parametrize("left", [LARGE[:1000] + b"?" * 1000, LARGE + b"more", LARGE])
def test_a_damaged_partial_file_is_written_again(fake: State, tmp_path: Path, left: bytes) -> None:
    store = remote(fake.address)
    descriptor = put(store, LARGE)
    put(LayoutStore(tmp_path), b"first")
    (tmp_path / "goldenpath" / "partial" / f"sha256-{descriptor.digest.hex}").write_bytes(left)
    layout = LayoutStore(tmp_path)

    layout.push(descriptor, store.fetch(descriptor))

    assert read(layout, descriptor, len(LARGE)) == LARGE
    assert not any((tmp_path / "goldenpath" / "partial").iterdir())
