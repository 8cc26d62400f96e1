"""Referrers in a registry: by the referrers API, and by the fallback tag.

The fallback tag is an index under the tag `sha256-<hex>` of the subject (distribution
specification, "Referrers tag schema"). Registries differ from the specification in both, so both
are read, and a pushed referrer counts only once one of them lists it.

Many clients write the fallback tag, and few registries support a conditional write, so entries can
get lost. Three measures prevent that. Processes of one machine take a lock. `If-Match` is sent if
the registry returned an entity tag. After a write we wait, read the tag again, and add every entry
of this process that somebody overwrote. The wait is much longer than another client needs between
its read and its write.
"""

import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from urllib.parse import urljoin, urlsplit

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable, VerificationError
from goldenpath.files import take_lock
from goldenpath.oci.descriptor import IMAGE_INDEX, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Index
from goldenpath.oci.referrer_tag import fallback_tag
from goldenpath.oci.stores.registry_refusal import RETRIED, refusal
from goldenpath.oci.stores.transport import Response, Transport, content, finish

MAX_PAGES = 1000
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*rel="?next"?')
_API_ATTEMPTS = 2
"""Attempts to ask the API. Few, since the fallback tag is read in any case."""
_ANY = frozenset(range(200, 600))
_MAX_WRITES = 20
"""Writes of the tag before we give up, if others keep overwriting it."""
_MIN_PAUSE = 0.03
_PAUSE_FACTOR = 3
"""The pause before the tag is read again, as a multiple of the slowest read and write."""
_REFUSED = frozenset({400, 403, 405, 409, 412, 422})
"""Statuses with which registries refuse to change a tag."""
_IMMUTABLE = (
    "allow the tags sha256-* of this repository to change, or use a registry with the referrers API"
)


class Referrers:
    """The referrers of one repository. Safe to share between threads."""

    def __init__(self, transport: Transport, repository: str, locks: Path | None) -> None:
        """The folder `locks` holds the lock files of this machine; None means no locking."""
        self._transport = transport
        self._repository = repository
        self._locks = locks
        self._lock = RLock()
        self._added: dict[Digest, dict[Digest, Descriptor]] = {}
        self._has_api = True

    def listed(self, subject: Digest) -> tuple[Descriptor, ...]:
        """Return what API and fallback tag list, each referrer once, in the order of digests.

        Raises `InvalidInput` if the tag is no index. Raises `Unavailable` if the API could not be
        asked and the tag lists nothing: there may be referrers that nobody saw.
        """
        failure: GoldenPathError | None = None
        by_api: tuple[Descriptor, ...] = ()
        try:
            by_api = self._from_api(subject)
        except Unavailable as error:
            failure = error
        by_tag = self._read(subject)[0]
        if failure is not None:
            # Evidence that could not be listed is not the same as no evidence.
            if not by_tag:
                raise failure
            # Clients write the tag only where there is no API, so this answer was not the API's.
            self._has_api = False
        once = {descriptor.digest: descriptor for descriptor in (*by_tag, *by_api)}
        return tuple(once[digest] for digest in sorted(once))

    def add(self, subject: Digest, descriptor: Descriptor, *, is_listed: bool) -> None:
        """Make sure that a pushed referrer is found again.

        `is_listed` is whether the registry promised to list it by its API (`OCI-Subject`). Raises
        `InvalidInput` if the registry can hold no referrers, `Unavailable` if others keep
        overwriting the tag.
        """
        # Some registries promise it and have no API, or one that lists nothing.
        if is_listed and self._finds(subject, descriptor):
            return
        self._add_to_tag(subject, descriptor)

    def _finds(self, subject: Digest, descriptor: Descriptor) -> bool:
        for attempt in range(1, _API_ATTEMPTS + 1):
            try:
                if any(each.digest == descriptor.digest for each in self._from_api(subject)):
                    return True
            except (InvalidInput, Unavailable):
                return False
            if not self._has_api or attempt == _API_ATTEMPTS:
                return False
            self._transport.pause(attempt)
        return False

    def _from_api(self, subject: Digest) -> tuple[Descriptor, ...]:
        """Return what the API lists; empty if the registry does not have it.

        Raises `Unavailable` if the registry is too busy to say.
        """
        listed: list[Descriptor] = []
        path = f"/v2/{self._repository}/referrers/{subject.text}"
        for _ in range(MAX_PAGES):
            if not self._has_api:
                break
            answer = self._transport.send(
                "GET", path, scope=self._pull, accepted=_ANY, attempts=_API_ATTEMPTS, stay=True
            )
            if not self._is_list(answer, path):
                break
            listed.extend(Index.parse(content(answer, MAX_MANIFEST)).manifests)
            following = next_page(answer)
            if following is None:
                return tuple(listed)
            path = urljoin(urljoin(self._transport.base, path), following)
        else:
            raise VerificationError(f"registry sends too many pages for {path}")
        return tuple(listed)

    def _is_list(self, answer: Response, path: str) -> bool:
        """Whether an answer of the API is a list; if the registry has no API, that is remembered.

        Registries without the API answer with 404, another refusal, a redirect or a web page.
        """
        media_type = answer.headers.get("Content-Type", "").split(";")[0].strip()
        if answer.status == 200 and media_type == IMAGE_INDEX:
            return True
        if answer.status in RETRIED and media_type != "text/html":
            raise refusal("GET", urljoin(self._transport.base, path), answer)
        finish(answer)
        self._has_api = False
        return False

    def _add_to_tag(self, subject: Digest, descriptor: Descriptor) -> None:
        """List it under the fallback tag, and keep the entries of others."""
        with self._locked():
            added = self._added.setdefault(subject, {})
            added[descriptor.digest] = descriptor
            slowest = 0.0
            refused = ""
            for attempt in range(1, _MAX_WRITES + 1):
                began = time.monotonic()
                listed, entity, is_tag = self._read(subject)
                missing = [each for each in added.values() if each not in listed]
                if not missing:
                    return
                if attempt > 1 and not is_tag:
                    raise InvalidInput(
                        f"{self._host} lists no referrers of {subject}: it reads the tag "
                        f"{fallback_tag(subject)} as a digest, or drops it, and its referrers API "
                        "lists nothing",
                        hint="use a registry with the referrers API: this one cannot hold evidence",
                    )
                rest = [each for each in listed if each.digest not in added]
                kept = [each for each in listed if each.digest in added and each not in missing]
                index = Index((*rest, *kept, *missing))
                # A registry that refuses the entity tag that it just gave cannot compare: write
                # without a condition.
                condition = "" if entity == refused else entity
                if not self._write(fallback_tag(subject), index, condition, exists=is_tag):
                    refused = entity
                slowest = max(slowest, time.monotonic() - began)
                pause = max(_MIN_PAUSE, _PAUSE_FACTOR * slowest)
                self._transport.wait(pause * (1 + random.random() * attempt))  # noqa: S311
        raise Unavailable(
            f"tag {fallback_tag(subject)} was overwritten by others {_MAX_WRITES} times in a row"
        )

    def _read(self, subject: Digest) -> tuple[tuple[Descriptor, ...], str, bool]:
        """Return the entries of the tag, its entity tag, and whether the tag exists."""
        answer = self._transport.send(
            "GET",
            self._path(fallback_tag(subject)),
            scope=self._pull,
            headers={"Accept": IMAGE_INDEX},
            accepted=frozenset({200, 404}),
        )
        if answer.status == 404:
            finish(answer)
            return (), "", False
        body = content(answer, MAX_MANIFEST)
        if Digest.of(body) == subject:
            # GitLab reads the tag as the digest while there is no such tag.
            return (), "", False
        media_type = answer.headers.get("Content-Type", "").split(";")[0].strip()
        if media_type != IMAGE_INDEX:
            raise InvalidInput(
                f"tag {fallback_tag(subject)} of {self._repository} is not an index of referrers: "
                f"expected {IMAGE_INDEX}, got {media_type[:200]!r}"
            )
        return Index.parse(body).manifests, answer.headers.get("ETag", ""), True

    def _write(self, tag: str, index: Index, entity: str, *, exists: bool) -> bool:
        """Write the tag; False if the registry says that somebody else wrote it meanwhile."""
        answer = self._transport.send(
            "PUT",
            self._path(tag),
            scope=f"repository:{self._repository}:pull,push",
            headers={"Content-Type": IMAGE_INDEX, **({"If-Match": entity} if entity else {})},
            body=index.render(),
            accepted=frozenset({200, 201, 202}) | _REFUSED,
        )
        if answer.status in _REFUSED:
            if answer.status == 412 and entity:
                finish(answer)
                return False
            error = refusal("PUT", urljoin(self._transport.base, self._path(tag)), answer)
            raise InvalidInput(error.message, hint=_IMMUTABLE if exists else error.hint)
        finish(answer)
        return True

    @property
    def _host(self) -> str:
        return urlsplit(self._transport.base).netloc

    @property
    def _pull(self) -> str:
        return f"repository:{self._repository}:pull"

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


def next_page(answer: Response) -> str | None:
    """Return the URL of the next page of a list; None after the last one (RFC 8288)."""
    link = _NEXT.search(answer.headers.get("Link", ""))
    return link[1] if link else None
