"""Reads a content from the first origin that has it, and goes on where a connection broke."""

from collections.abc import Iterator, Sequence

from urllib3.exceptions import HTTPError

from goldenpath.errors import NotFound, Unavailable, VerificationError
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import CHUNK
from goldenpath.oci.stores.transport import Response, Transport, finish


def download(
    origins: Sequence[Transport], path: str, scope: str, descriptor: Descriptor, *, seen: int = 0
) -> Iterator[bytes]:
    """The content after its first `seen` bytes, not yet verified.

    An origin that fails is left for the next one. Raises what the last origin raised.
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
    broken = 0
    while True:
        answer = _ask(origin, path, scope, descriptor, seen=seen)
        try:
            for chunk in _body(answer, seen):
                seen += len(chunk)
                broken = 0
                yield chunk
        except HTTPError as error:
            answer.close()
            broken += 1
            if broken >= origin.patience.attempts:
                raise Unavailable(f"{descriptor.digest} breaks off again and again") from error
            origin.pause(broken)
            continue
        answer.release_conn()
        return


def _ask(
    origin: Transport, path: str, scope: str, descriptor: Descriptor, *, seen: int
) -> Response:
    headers = {"Accept": f"{descriptor.media_type}, */*"}
    if seen:
        headers["Range"] = f"bytes={seen}-"
    takes = frozenset({200, 206, 404})
    answer = origin.send("GET", path, scope=scope, headers=headers, takes=takes)
    if answer.status == 404:
        finish(answer)
        raise NotFound(f"{descriptor.digest} is not in the registry")
    starts = answer.headers.get("Content-Range", "").startswith(f"bytes {seen}-")
    if answer.status == 206 and not starts:
        answer.close()
        raise VerificationError(f"registry sent another part of {descriptor.digest} than asked for")
    return answer


def _body(answer: Response, seen: int) -> Iterator[bytes]:
    # A registry that knows no ranges sends everything again.
    skip = seen if answer.status == 200 else 0
    while chunk := answer.read(CHUNK, decode_content=False):
        if skip >= len(chunk):
            skip -= len(chunk)
            continue
        yield chunk[skip:]
        skip = 0
