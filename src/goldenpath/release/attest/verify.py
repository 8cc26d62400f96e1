"""Verifies a digest: reads what a store holds about it and judges it.

Whoever may push to a registry can attach any number of worthless statements to a release. So each
one is judged by its signature before any limit cuts the list, and only those with a good one stay
in memory. Statements that somebody relies on are read first, by their digest. If time or bytes run
out, the answer is "could not find out" and never "no".
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.oci.descriptor import EMPTY, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store
from goldenpath.oci.stream import TrackProgress, untracked
from goldenpath.release.attest.controls import is_signed_for
from goldenpath.release.attest.documents import STATEMENTS, Document, Documents, cited_envelopes
from goldenpath.release.attest.examination import judge, with_citations
from goldenpath.release.attest.policy import Demand, Person, Policy, Verified

MAX_WORTHLESS = 200
"""Statements without a good signature that are kept, to report them."""
MAX_WORTHLESS_BYTES = 16 * 1024 * 1024
MAX_STATEMENT = 16 * 1024 * 1024
"""Bytes of the largest statement that is read."""
MAX_LAYERS = 2
"""Layers of a referrer that are read. A statement has one or two layers."""
_PAGE = 64
"""Referrers that are read before the limits are looked at."""


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """How much is read about one release."""

    seconds: float = 60.0
    bytes: int = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """How the statements about a release are read."""

    demand: Demand | None = None
    """Whose signatures count; None keeps every statement."""
    named: Collection[Digest] = ()
    """Statements that somebody relies on: they are read first, whatever the store lists."""
    limits: ReadingLimits = field(default_factory=ReadingLimits)
    workers: int = 1
    """Statements that are read at the same time, for a distant registry."""


def verify(
    store: Store,
    digest: Digest,
    policy: Policy,
    *,
    people: Sequence[Person] = (),
    now: datetime,
    blobs: bool = False,
    seen: Mapping[Digest, datetime] | None = None,
) -> Verified:
    """Return all statements that count about `digest`. With `blobs`, reads the whole image too.

    `seen` is when somebody else than its signer saw a statement; see `Demand`.

    Raises `NotFound` if the store has no such manifest, `Unavailable` if it fails a check and not
    all statements about it could be read.
    """
    demand = Demand(digest, policy, people, now, seen)
    documents = gather(store, digest, reading=Reading(demand), blobs=blobs)
    return require_all_read(judge(digest, documents, policy, people, now=now, seen=seen))


def require_all_read(verified: Verified) -> Verified:
    """Return what is verified. Raises `Unavailable` if a check failed and not all was read."""
    if not verified.holds and verified.unread:
        failed = "; ".join(each.message for each in verified.findings if each.status == "fail")
        raise unread_error(verified, failed)
    return verified


def unread_error(verified: Verified, failed: str) -> Unavailable:
    """Return the error for a check that failed, perhaps only because not all was read."""
    return Unavailable(
        f"it could not be found out whether {verified.subject.short} is valid: {verified.unread}; "
        f"by what was read, {failed}",
        hint="remove the worthless statements from the registry, and limit who may push to it",
    )


def gather(
    store: Store,
    digest: Digest,
    *,
    reading: Reading | None = None,
    blobs: bool = False,
    watch: TrackProgress = untracked,
) -> Documents:
    """Read what the store holds about `digest`, within limits; nothing of it is verified yet."""
    image, _ = _collect(store, store.resolve(digest.text), MAX_MANIFEST)
    statements = _StatementReader(store, reading or Reading())
    statements.read_named()
    statements.read_listed(digest)
    documents = Documents(
        image=image,
        referrers=tuple(statements.kept),
        unread=statements.unread,
    )
    return with_blobs(store, documents, watch=watch) if blobs else documents


def times_with_citations(
    store: Store, digest: Digest, seen: Mapping[Digest, datetime]
) -> Mapping[Digest, datetime]:
    """Return the times in `seen` that are about a release, with those of what decisions cite.

    Whoever verifies the release later may not keep the decisions, which people signed.
    """
    named = [each for each in store.referrers(digest) if each.digest in seen]
    times = {each.digest: seen[each.digest] for each in named}
    return with_citations((_document(store, each) for each in named), times)


def with_blobs(
    store: Store,
    documents: Documents,
    *,
    is_known_whole: bool = False,
    watch: TrackProgress = untracked,
) -> Documents:
    """Read every blob of the image to its end, and add the faults to the documents.

    Content never changes under its digest. So an image that was read before (`is_known_whole`) is
    not read again.
    """
    faults = () if is_known_whole else _faults(store, documents.image, watch)
    return replace(documents, blobs=len(_blobs(documents.image)), faults=faults)


class _StatementReader:
    """Reads statements page by page, and keeps those with a good signature."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading
        self._until = time.monotonic() + reading.limits.seconds
        self._bytes = 0
        self._worthless = self._worthless_bytes = 0
        self._seen: set[Digest] = set()
        self.kept: list[Document] = []
        self.unread = ""
        """Why not everything was read; empty if everything was."""

    def read_named(self) -> None:
        """Read the statements that are relied on, then those that decisions among them cite."""
        named = set(self._reading.named)
        while named:
            before = len(self.kept)
            self._read(filter(None, map(self._found, sorted(named - self._seen))))
            cited = {each for read in self.kept[before:] for each in cited_envelopes(read)}
            # An absent one is not asked for again, or this would never end.
            named = cited - self._seen - named

    def read_listed(self, subject: Digest) -> None:
        """Read the statements that the store lists, as far as the limits allow."""
        try:
            every = self._store.referrers(subject)  # one request for all kinds
        except (InvalidInput, VerificationError) as error:
            self.unread = f"its list of statements cannot be read: {error.message}"
            return
        # Registries list cosign's bundles under the type of their empty config.
        kinds = (*STATEMENTS, EMPTY)
        listed = [each for kind in kinds for each in every if each.artifact_type == kind]
        self._read(each for each in listed if each.digest not in self._seen)

    def _read(self, listed: Iterable[Descriptor]) -> None:
        rest = list(listed)
        for begin in range(0, len(rest), _PAGE):
            if time.monotonic() > self._until or self._bytes > self._reading.limits.bytes:
                self.unread = f"{len(rest) - begin} of its statements were not read"
                return
            for document in self._documents(rest[begin : begin + _PAGE]):
                self._seen.add(document.listed.digest)
                self._keep(document)

    def _keep(self, document: Document) -> None:
        size = len(document.manifest) + sum(map(len, document.layers))
        self._bytes += size
        demand = self._reading.demand
        if demand is None or is_signed_for(document, demand):
            self.kept.append(document)
            return
        self._worthless += 1
        self._worthless_bytes += size
        # Some are kept, so that the answer can name what did not count and why.
        if self._worthless <= MAX_WORTHLESS and self._worthless_bytes <= MAX_WORTHLESS_BYTES:
            self.kept.append(document)

    def _found(self, digest: Digest) -> Descriptor | None:
        try:
            return self._store.resolve(digest.text)
        # What is absent is no error here: the checks say what is missing. `Unavailable` is not
        # caught, because it is no "no".
        except (NotFound, VerificationError, InvalidInput):
            return None

    def _documents(self, listed: Sequence[Descriptor]) -> Iterator[Document]:
        if self._reading.workers == 1:
            yield from (_document(self._store, each) for each in listed)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self._reading.workers, thread_name_prefix="gather") as pool:
            yield from pool.map(lambda each: _document(self._store, each), listed)


def _document(store: Store, listed: Descriptor) -> Document:
    manifest, fault = _collect(store, listed, MAX_MANIFEST)
    layers: list[bytes] = []
    try:
        # The control "layers" refuses more of them; here they only must not cost anything.
        for layer in Manifest.parse(manifest).layers[:MAX_LAYERS]:
            content, wrong = _collect(store, layer, MAX_STATEMENT)
            layers.append(content)
            fault = fault or wrong
    except InvalidInput as error:
        fault = fault or error.message
    return Document(listed, manifest, tuple(layers), fault)


def _collect(store: Store, descriptor: Descriptor, limit: int) -> tuple[bytes, str]:
    """Return the content that the store returned, and what is wrong with it."""
    if descriptor.size > limit:
        return b"", f"{descriptor.digest} is too large: expected at most {limit} bytes"
    chunks: list[bytes] = []
    try:
        chunks.extend(store.fetch(descriptor))
    except (VerificationError, NotFound) as error:
        return b"".join(chunks), error.message
    return b"".join(chunks), ""


def _blobs(image: bytes) -> tuple[Descriptor, ...]:
    manifest = Manifest.parse(image)
    return (manifest.config, *manifest.layers)


def _faults(store: Store, image: bytes, watch: TrackProgress) -> tuple[str, ...]:
    faults, blobs = [], _blobs(image)
    with watch(sum(blob.size for blob in blobs)) as progress:
        for blob in blobs:
            try:
                for chunk in store.fetch(blob):
                    progress(len(chunk))
            except (VerificationError, NotFound) as error:
                faults.append(error.message)
    return tuple(faults)


__all__ = ["Reading", "ReadingLimits", "gather", "judge", "verify", "with_blobs"]
