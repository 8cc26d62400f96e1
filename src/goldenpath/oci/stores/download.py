"""Downloads content from the first origin that has it, and resumes after a broken connection."""

from collections.abc import Iterator, Sequence

from urllib3.exceptions import HTTPError

from goldenpath.errors import NotFound, Unavailable, VerificationError
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import CHUNK
from goldenpath.oci.stores.transport import Response, Transport, finish


def download(
    origins: Sequence[Transport], path: str, scope: str, descriptor: Descriptor, *, seen: int = 0
) -> Iterator[bytes]:
    """Yield the content after its first `seen` bytes, not yet verified.

    If an origin fails, the next one continues. Raises the error of the last origin.
    """
    if seen and seen == descriptor.size:
        return
    for origin in origins[:-1]:
        try:
            for chunk in _resumed(origin, path, scope, descriptor, seen=seen):
                seen += len(chunk)
                yield chunk
        except (NotFound, Unavailable):
            continue
        return
    yield from _resumed(origins[-1], path, scope, descriptor, seen=seen)


def _resumed(
    origin: Transport, path: str, scope: str, descriptor: Descriptor, *, seen: int
) -> Iterator[bytes]:
    failures = 0  # in a row, without a single byte between them
    while True:
        answer = _request(origin, path, scope, descriptor, seen=seen)
        try:
            for chunk in _body(answer, seen):
                seen += len(chunk)
                failures = 0
                yield chunk
        except HTTPError as error:
            answer.close()
            failures += 1
            if failures >= origin.limits.attempts:
                raise Unavailable(
                    f"download of {descriptor.digest} broke off {failures} times in a row"
                ) from error
            origin.pause(failures)
            continue
        answer.release_conn()
        return


def _request(
    origin: Transport, path: str, scope: str, descriptor: Descriptor, *, seen: int
) -> Response:
    headers = {"Accept": f"{descriptor.media_type}, */*"}
    if seen:
        headers["Range"] = f"bytes={seen}-"
    accepted = frozenset({200, 206, 404})
    answer = origin.send("GET", path, scope=scope, headers=headers, accepted=accepted)
    if answer.status == 404:
        finish(answer)
        raise NotFound(f"{descriptor.digest} is not in the registry")
    starts = answer.headers.get("Content-Range", "").startswith(f"bytes {seen}-")
    if answer.status == 206 and not starts:
        answer.close()
        raise VerificationError(
            f"registry sent the wrong part of {descriptor.digest}: expected bytes from {seen} on"
        )
    return answer


def _body(answer: Response, seen: int) -> Iterator[bytes]:
    # A registry without range requests sends everything again.
    skip = seen if answer.status == 200 else 0
    while chunk := answer.read(CHUNK, decode_content=False):
        if skip >= len(chunk):
            skip -= len(chunk)
            continue
        yield chunk[skip:]
        skip = 0
