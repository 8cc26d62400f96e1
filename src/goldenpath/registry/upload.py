"""Sends one blob in chunks, each of which can be sent again (distribution specification, push)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlencode, urljoin, urlsplit

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stream import Meter
from goldenpath.registry.transport import Response, Transport, finish

PART = 8 * 1024 * 1024
"""Bytes kept in memory until the registry has them."""
_LARGEST_PART = 256 * 1024 * 1024
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")
_STREAM = {"Content-Type": "application/octet-stream"}


class Upload:
    """One upload session."""

    def __init__(self, transport: Transport, path: str, scope: str) -> None:
        self._transport = transport
        self._path = path
        self._scope = scope
        self._location = ""
        self._part = PART
        self._meter = Meter()

    def start(self, digest: Digest | None = None, mounts: Sequence[str] = ()) -> bool:
        """Opens the session; True if the registry took the blob from another repository."""
        for source in mounts if digest else ():
            query = urlencode({"mount": str(digest), "from": source})
            answer = self._send("POST", f"{self._path}?{query}", {201, 202})
            if answer.status == 201:
                return True
            # Refused: the answer is an ordinary session, good for one more upload.
            self._follow(answer)
        if not self._location:
            self._follow(self._send("POST", self._path, {202}))
        return False

    def write(self, chunks: Iterable[bytes], digest: Digest | None = None) -> "Upload":
        """Sends everything and closes the session under the digest it turned out to have.

        If the source of `chunks` fails, the session is given up and nothing is kept.
        """
        sent = 0
        try:
            parts = _parts(self._meter.through(chunks), self._part)
            part = next(parts, b"")
            while len(part) >= self._part or (sent and part):
                sent = self._patch(part, sent)
                part = b""
                part = next(parts, b"")
            self._close(part, sent, digest or self._meter.digest)
        except BaseException:
            self._give_up()
            raise
        return self

    def described(self, media_type: str) -> Descriptor:
        """What was sent."""
        return Descriptor(media_type, self._meter.digest, self._meter.size)

    def _patch(self, part: bytes, start: int) -> int:
        end = start + len(part)
        rest = part
        for attempt in range(1, self._transport.patience.attempts + 1):
            headers = {**_STREAM, "Content-Range": f"{end - len(rest)}-{end - 1}"}
            try:
                # 416: the registry has more or less of this part than we think.
                answer = self._send("PATCH", self._location, {202, 204, 416}, headers, rest)
            except Unavailable:
                self._transport.pause(attempt)
            else:
                if answer.status != 416:
                    self._follow(answer)
                    return end
            rest = self._missing(part, start)
            if not rest:
                return end
        raise Unavailable("the registry does not take up a broken upload")

    def _missing(self, part: bytes, start: int) -> bytes:
        """The end of `part` that the registry does not have yet."""
        answer = self._send("GET", self._location, {204, 200})
        self._follow(answer)
        known = _RANGE.fullmatch(answer.headers.get("Range", ""))
        received = int(known[1]) + 1 if known and known[1] != "0" else 0
        if not start <= received <= start + len(part):
            raise Unavailable(f"the registry lost an upload: it has {received} bytes of {start}")
        return part[received - start :]

    def _close(self, part: bytes, start: int, digest: Digest) -> None:
        for attempt in range(1, self._transport.patience.attempts + 1):
            sign = "&" if urlsplit(self._location).query else "?"
            url = f"{self._location}{sign}{urlencode({'digest': digest.text})}"
            try:
                if self._send("PUT", url, {201, 204, 404}, _STREAM, part).status != 404:
                    return
            except Unavailable:
                self._transport.pause(attempt)
            if self._is_there(digest):
                return
            if not start:
                self._location = ""
                self.start()
        raise Unavailable(f"the registry does not finish the upload of {digest}")

    def _is_there(self, digest: Digest) -> bool:
        path = self._path.removesuffix("uploads/") + digest.text
        return self._send("HEAD", path, {200, 404}).status == 200

    def _give_up(self) -> None:
        if self._location:
            try:
                self._send("DELETE", self._location, {202, 204, 404, 405})
            except (InvalidInput, Unavailable):
                # The registry forgets the session by itself; why we gave up matters more.
                return

    def _send(
        self,
        method: str,
        url: str,
        takes: set[int],
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        answer = self._transport.send(
            method,
            url,
            scope=self._scope,
            headers=headers,
            body=body,
            takes=frozenset(takes),
            again=body is None,
        )
        finish(answer)
        return answer

    def _follow(self, answer: Response) -> None:
        location = answer.headers.get("Location")
        if location:
            self._location = urljoin(urljoin(self._transport.base, self._path), location)
        if not self._location:
            raise InvalidInput("registry opened an upload without saying where")
        least = answer.headers.get("OCI-Chunk-Min-Length", "")
        if least.isdigit():
            self._part = min(max(self._part, int(least)), _LARGEST_PART)


def _parts(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    waiting: list[bytes] = []
    have = 0
    for chunk in chunks:
        waiting.append(chunk)
        have += len(chunk)
        if have >= size:
            part, waiting, have = b"".join(waiting), [], 0
            yield part
    if have:
        yield b"".join(waiting)
