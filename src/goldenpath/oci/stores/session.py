"""An upload session of a registry: where it is, what it has, how it ends."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urljoin, urlsplit

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.oci.stores.transport import Body, Response, Transport, finish

OCTETS = {"Content-Type": "application/octet-stream"}
_LARGEST_LEAST = 256 * 1024 * 1024
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")


class Session:
    """One session below `path`; `location` moves with every answer."""

    def __init__(self, transport: Transport, path: str, scope: str) -> None:
        self.patience = transport.patience
        self.pause = transport.pause
        self.location = ""
        self.least_part = 0
        """Bytes of the smallest part that the registry takes, save the last."""
        self._transport = transport
        self._path = path
        self._scope = scope

    def start(self, digest: Digest | None = None, mounts: Sequence[str] = ()) -> bool:
        """Opens the session; True if the registry took the blob from another repository."""
        self.location = ""
        for source in mounts if digest else ():
            query = urlencode({"mount": str(digest), "from": source})
            answer = self.send("POST", f"{self._path}?{query}", {201, 202})
            if answer.status == 201:
                return True
            # Refused: the answer is an ordinary session, good for one more upload.
            self._follow(answer)
        if not self.location:
            self._follow(self.send("POST", self._path, {202}))
        return False

    def received(self) -> int | None:
        """Bytes that the registry has; None if it knows the session no more."""
        answer = self.send("GET", self.location, {200, 204, 400, 404})
        if answer.status in (400, 404):
            return None
        self._follow(answer)
        known = _RANGE.fullmatch(answer.headers.get("Range", ""))
        return int(known[1]) + 1 if known and known[1] != "0" else 0

    def patch(self, body: Body, start: int, end: int) -> bool:
        """Sends the bytes from `start` up to `end`; False if the registry has others."""
        headers = {**OCTETS, "Content-Range": f"{start}-{end - 1}"}
        headers["Content-Length"] = str(end - start)
        answer = self.send("PATCH", self.location, {202, 204, 404, 416}, headers, body=body)
        if answer.status in (404, 416):
            return False
        self._follow(answer)
        return True

    def finish(self, digest: Digest, body: Body, start: int, end: int) -> bool:
        """Sends the last bytes and closes; False if the registry knows the session no more."""
        sign = "&" if urlsplit(self.location).query else "?"
        url = f"{self.location}{sign}{urlencode({'digest': digest.text})}"
        headers = {**OCTETS, "Content-Length": str(end - start)}
        if start and end > start:
            headers["Content-Range"] = f"{start}-{end - 1}"
        return self.send("PUT", url, {201, 204, 404, 416}, headers, body=body).status in (201, 204)

    def holds(self, digest: Digest) -> bool:
        """Whether the repository has the blob."""
        path = self._path.removesuffix("uploads/") + digest.text
        return self.send("HEAD", path, {200, 404}).status == 200

    def give_up(self) -> None:
        """Tells the registry to forget what it got."""
        if self.location:
            try:
                self.send("DELETE", self.location, {202, 204, 404, 405})
            except (InvalidInput, Unavailable):
                # The registry forgets the session by itself; why we gave up matters more.
                return

    def send(
        self,
        method: str,
        url: str,
        takes: set[int],
        headers: Mapping[str, str] | None = None,
        *,
        body: Body = None,
    ) -> Response:
        """The answer; a request with a body is sent once, since half of it may have arrived."""
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
            self.location = urljoin(urljoin(self._transport.base, self._path), location)
        if not self.location:
            raise InvalidInput("registry opened an upload without saying where")
        least = answer.headers.get("OCI-Chunk-Min-Length", "")
        if least.isdigit():
            self.least_part = min(int(least), _LARGEST_LEAST)
