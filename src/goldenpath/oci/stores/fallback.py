"""Referrers in a registry without the referrers API: the fallback tag.

The fallback tag is an index under the tag `sha256-<hex>` of the subject (distribution
specification, "Referrers tag schema"). Many clients write it, and few registries support a
conditional write, so entries can get lost. Three measures prevent that. Processes of one machine
take a lock. `If-Match` is sent if the registry returned an entity tag. After a write we wait, read
the tag again, and add every entry of this process that somebody overwrote. The wait is much longer
than another client needs between its read and its write.
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import take_lock
from goldenpath.oci.descriptor import IMAGE_INDEX, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Index
from goldenpath.oci.stores.transport import Transport, content, finish

_MAX_WRITES = 20
"""Writes of the tag before we give up, if others keep overwriting it."""
_MIN_PAUSE = 0.03
_PAUSE_FACTOR = 3
"""The pause before the tag is read again, as a multiple of the slowest read and write."""
_PUT = frozenset({200, 201, 202, 412})


class Fallback:
    """The fallback tags of one repository. Safe to share between threads."""

    def __init__(self, transport: Transport, repository: str, locks: Path | None) -> None:
        """The folder `locks` holds the lock files of this machine; None means no locking."""
        self._transport = transport
        self._repository = repository
        self._locks = locks
        self._lock = RLock()
        self._added: dict[Digest, dict[Digest, Descriptor]] = {}

    def listed(self, subject: Digest) -> tuple[Descriptor, ...]:
        """Return what the tag of `subject` lists. Raises `InvalidInput` if it is not an index."""
        return self._read(_tag(subject))[0]

    def add(self, subject: Digest, descriptor: Descriptor) -> None:
        """List `descriptor` and keep the entries of others. Raises `Unavailable`."""
        tag = _tag(subject)
        with self._locked():
            added = self._added.setdefault(subject, {})
            added[descriptor.digest] = descriptor
            slowest = 0.0
            refused = ""
            for attempt in range(1, _MAX_WRITES + 1):
                began = time.monotonic()
                listed, entity = self._read(tag)
                missing = [each for each in added.values() if each not in listed]
                if not missing:
                    return
                rest = [each for each in listed if each.digest not in added]
                kept = [each for each in listed if each.digest in added and each not in missing]
                index = Index((*rest, *kept, *missing))
                # A registry that refuses the entity tag that it just gave cannot compare: write
                # without a condition.
                if not self._write(tag, index, "" if entity == refused else entity):
                    refused = entity
                slowest = max(slowest, time.monotonic() - began)
                pause = max(_MIN_PAUSE, _PAUSE_FACTOR * slowest)
                self._transport.wait(pause * (1 + random.random() * attempt))  # noqa: S311
        raise Unavailable(f"tag {tag} was overwritten by others {_MAX_WRITES} times in a row")

    def _read(self, tag: str) -> tuple[tuple[Descriptor, ...], str]:
        answer = self._transport.send(
            "GET",
            self._path(tag),
            scope=f"repository:{self._repository}:pull",
            headers={"Accept": IMAGE_INDEX},
            accepted=frozenset({200, 404}),
        )
        if answer.status == 404:
            finish(answer)
            return (), ""
        body = content(answer, MAX_MANIFEST)
        media_type = answer.headers.get("Content-Type", "").split(";")[0].strip()
        if media_type != IMAGE_INDEX:
            raise InvalidInput(
                f"tag {tag} of {self._repository} is not an index of referrers: "
                f"expected {IMAGE_INDEX}, got {media_type[:200]!r}"
            )
        return Index.parse(body).manifests, answer.headers.get("ETag", "")

    def _write(self, tag: str, index: Index, entity: str) -> bool:
        """Write the tag; False if the registry says that somebody else wrote it meanwhile."""
        answer = self._transport.send(
            "PUT",
            self._path(tag),
            scope=f"repository:{self._repository}:pull,push",
            headers={"Content-Type": IMAGE_INDEX, **({"If-Match": entity} if entity else {})},
            body=index.render(),
            accepted=_PUT,
        )
        finish(answer)
        return answer.status != 412

    def _path(self, tag: str) -> str:
        return f"/v2/{self._repository}/manifests/{tag}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:
            handle = self._lock_file()
            try:
                yield
            finally:
                if handle is not None:
                    os.close(handle)

    def _lock_file(self) -> int | None:
        if self._locks is None:
            return None
        name = Digest.of(f"{self._transport.base} {self._repository}".encode()).hex
        # Without a writable folder there is no lock, but the push goes on: the tag is still read
        # again after each write.
        with suppress(OSError):
            self._locks.mkdir(parents=True, exist_ok=True)
            path = self._locks / f"{name}.lock"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            take_lock(handle)
            return handle
        return None


def _tag(subject: Digest) -> str:
    return f"sha256-{subject.hex}"
