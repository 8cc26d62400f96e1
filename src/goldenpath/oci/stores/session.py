"""One upload session of a registry: opens it, sends parts, asks what arrived, and closes it."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urljoin, urlsplit

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.oci.stores.transport import Body, Response, Transport, finish

OCTETS = {"Content-Type": "application/octet-stream"}
_MAX_MIN_PART = 256 * 1024 * 1024
"""Bytes of the largest minimum part that we accept, since a part is kept in memory."""
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")


class Session:
    """One upload session below `path`; the registry changes `location` with every answer."""

    def __init__(self, transport: Transport, path: str, scope: str) -> None:
        self.limits = transport.limits
        self.pause = transport.pause
        self.location = ""
        self.min_part = 0
        """Bytes of the smallest part that the registry accepts, except for the last part."""
        self._closes_with_content = True
        self._transport = transport
        self._path = path
        self._scope = scope

    def start(self, digest: Digest | None = None, mounts: Sequence[str] = ()) -> bool:
        """Open the session; True if the registry mounted the blob from another repository."""
        self.location = ""
        for source in mounts if digest else ():
            query = urlencode({"mount": str(digest), "from": source})
            answer = self.send("POST", f"{self._path}?{query}", {201, 202})
            if answer.status == 201:
                return True
            # The registry could not mount the blob and opened an ordinary session instead.
            self._follow(answer)
        if not self.location:
            self._follow(self.send("POST", self._path, {202}))
        return False

    def received(self) -> int | None:
        """Return the bytes that the registry has; None if it no longer knows the session."""
        answer = self.send("GET", self.location, {200, 204, 400, 404})
        if answer.status in (400, 404):
            return None
        self._follow(answer)
        last = _RANGE.fullmatch(answer.headers.get("Range", ""))
        # Registries answer `0-0` for an empty session.
        return int(last[1]) + 1 if last and last[1] != "0" else 0

    def patch(self, body: Body, start: int, end: int) -> bool:
        """Send the bytes from `start` up to `end`; False if the registry expects other bytes."""
        headers = {**OCTETS, "Content-Range": f"{start}-{end - 1}"}
        headers["Content-Length"] = str(end - start)
        answer = self.send("PATCH", self.location, {202, 204, 404, 416}, headers, body=body)
        if answer.status in (404, 416):
            return False
        self._follow(answer)
        return True

    def finish(self, digest: Digest, body: Body, start: int, end: int) -> bool:
        """Send the last bytes and close; False if the registry no longer knows the session."""
        has_content = end > start
        if has_content and not self._closes_with_content:
            if not self.patch(body, start, end):
                return False
            body, start = None, end
        sign = "&" if urlsplit(self.location).query else "?"
        url = f"{self.location}{sign}{urlencode({'digest': digest.text})}"
        headers = {**OCTETS, "Content-Length": str(end - start)}
        if start and end > start:
            headers["Content-Range"] = f"{start}-{end - 1}"
        status = self.send("PUT", url, {201, 204, 404, 416}, headers, body=body).status
        if status == 404 and has_content:
            # Some registries take content only before the request that closes the session.
            self._closes_with_content = False
        return status in (201, 204)

    def has_blob(self, digest: Digest) -> bool:
        """Whether the repository has the blob."""
        path = self._path.removesuffix("uploads/") + digest.text
        answer = self.send("HEAD", path, {200, 404, 405})
        if answer.status == 405:
            answer = self.send("GET", path, {200, 404})
        return answer.status == 200

    def cancel(self) -> None:
        """Tell the registry to discard what it received."""
        if self.location:
            try:
                self.send("DELETE", self.location, {202, 204, 404, 405})
            except (InvalidInput, Unavailable):
                # The registry discards the session by itself some day. The error that made us
                # cancel matters more than this one.
                return

    def send(
        self,
        method: str,
        url: str,
        accepted: set[int],
        headers: Mapping[str, str] | None = None,
        *,
        body: Body = None,
    ) -> Response:
        """Send a request and return the answer.

        A request with a body is not retried, since the registry may have received a part of it.
        """
        answer = self._transport.send(
            method,
            url,
            scope=self._scope,
            headers=headers,
            body=body,
            accepted=frozenset(accepted),
            repeatable=body is None,
        )
        finish(answer)
        return answer

    def _follow(self, answer: Response) -> None:
        location = answer.headers.get("Location")
        if location:
            self.location = urljoin(urljoin(self._transport.base, self._path), location)
        if not self.location:
            raise InvalidInput("registry opened an upload without a Location header")
        minimum = answer.headers.get("OCI-Chunk-Min-Length", "")
        if minimum.isdigit():
            self.min_part = min(int(minimum), _MAX_MIN_PART)
