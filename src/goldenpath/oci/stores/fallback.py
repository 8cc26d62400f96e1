"""The fallback tag: referrers in a registry without the referrers API.

An index under the tag `sha256-<hex>` of the subject (distribution specification, "Referrers tag
schema"). Many write it and few registries can compare before they swap. Hence: processes of one
machine take turns; `If-Match` is sent where the registry gives an entity tag; and whoever wrote
looks again after a pause much longer than others need between reading and writing, and adds anew
what was overwritten, of this entry and of all that this process added before.
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

_MERGES = 20
"""How often the tag is written again because somebody else wrote it meanwhile."""
_LEAST_PAUSE = 0.03
_LONGER = 3
"""The pause before looking again, as a multiple of the time from reading to having written."""
_PUT = frozenset({200, 201, 202, 412})


class Fallback:
    """The fallback tags of one repository. Safe to share between threads."""

    def __init__(self, transport: Transport, repository: str, locks: Path | None) -> None:
        """In the folder `locks` processes of this machine take turns; None if there is none."""
        self._transport = transport
        self._repository = repository
        self._locks = locks
        self._turn = RLock()
        self._added: dict[Digest, dict[Digest, Descriptor]] = {}

    def listed(self, subject: Digest) -> tuple[Descriptor, ...]:
        """What the tag of `subject` lists. Raises `InvalidInput` if it is no index."""
        return self._read(_tag(subject))[0]

    def add(self, subject: Digest, descriptor: Descriptor) -> None:
        """Lists `descriptor`, and keeps what others list. Raises `Unavailable`."""
        tag = _tag(subject)
        with self._taking_turns():
            added = self._added.setdefault(subject, {})
            added[descriptor.digest] = descriptor
            slowest = 0.0
            refused = ""
            for attempt in range(1, _MERGES + 1):
                began = time.monotonic()
                listed, entity = self._read(tag)
                missing = [each for each in added.values() if each not in listed]
                if not missing:
                    return
                rest = [each for each in listed if each.digest not in added]
                kept = [each for each in listed if each.digest in added and each not in missing]
                index = Index((*rest, *kept, *missing))
                # One that refuses the very state that it just gave knows no conditions.
                if not self._write(tag, index, "" if entity == refused else entity):
                    refused = entity
                slowest = max(slowest, time.monotonic() - began)
                pause = max(_LEAST_PAUSE, _LONGER * slowest)
                self._transport.wait(pause * (1 + random.random() * attempt))  # noqa: S311
        raise Unavailable(f"tag {tag} is changed by others faster than it can be merged")

    def _read(self, tag: str) -> tuple[tuple[Descriptor, ...], str]:
        answer = self._transport.send(
            "GET",
            self._path(tag),
            scope=f"repository:{self._repository}:pull",
            headers={"Accept": IMAGE_INDEX},
            takes=frozenset({200, 404}),
        )
        if answer.status == 404:
            finish(answer)
            return (), ""
        body = content(answer, MAX_MANIFEST)
        media_type = answer.headers.get("Content-Type", "").split(";")[0].strip()
        if media_type != IMAGE_INDEX:
            raise InvalidInput(f"tag {tag} of {self._repository} is no index of referrers")
        return Index.parse(body).manifests, answer.headers.get("ETag", "")

    def _write(self, tag: str, index: Index, entity: str) -> bool:
        """False if the registry says that somebody else was quicker."""
        answer = self._transport.send(
            "PUT",
            self._path(tag),
            scope=f"repository:{self._repository}:pull,push",
            headers={"Content-Type": IMAGE_INDEX, **({"If-Match": entity} if entity else {})},
            body=index.render(),
            takes=_PUT,
        )
        finish(answer)
        return answer.status != 412

    def _path(self, tag: str) -> str:
        return f"/v2/{self._repository}/manifests/{tag}"

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        with self._turn:
            handle = self._lock()
            try:
                yield
            finally:
                if handle is not None:
                    os.close(handle)

    def _lock(self) -> int | None:
        if self._locks is None:
            return None
        name = Digest.of(f"{self._transport.base} {self._repository}".encode()).hex
        # A folder that cannot be written costs the turns, not the push: looking again stays.
        with suppress(OSError):
            self._locks.mkdir(parents=True, exist_ok=True)
            path = self._locks / f"{name}.lock"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            take_lock(handle)
            return handle
        return None


def _tag(subject: Digest) -> str:
    return f"sha256-{subject.hex}"
