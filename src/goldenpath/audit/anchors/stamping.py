"""Asks a time-stamping authority about a record. Without an answer the record has no stamp."""

from collections.abc import Callable

from goldenpath.audit.anchors.time_stamp import QUERY_TYPE, check_stamp, stamp_request
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.http.posting import MOST_ANSWER, Poster


class TimeStamper:
    """One authority. It delays a record by some seconds at most, and never stops one."""

    def __init__(
        self, url: str, certificates: bytes, poster: Poster, say: Callable[[str], None]
    ) -> None:
        """`certificates` is the PEM file of the authority. Raises `InvalidInput` for the address.

        `say` gets a sentence when stamps begin to fail.
        """
        if not url.startswith(("http://", "https://")):
            raise InvalidInput(f"{url!r} is no address of a time-stamping authority")
        self._url = url
        self._certificates = certificates
        self._poster = poster
        self._say = say
        self._said = ""

    def __call__(self, content: bytes) -> bytes | None:
        """Return the answer about these bytes; None if there is none that counts."""
        try:
            reply = self._asked(content)
        except GoldenPathError as error:
            message = f"the heads of the logs get no time stamp: {error.message}"
            if message != self._said:  # once, until it works again
                self._said = message
                self._say(message)
            return None
        self._said = ""
        return reply

    def _asked(self, content: bytes) -> bytes:
        request = stamp_request(content)
        status, reply = self._poster.exchange(
            self._url, request.encoded, {"content-type": QUERY_TYPE}
        )
        if status != 200 or len(reply) >= MOST_ANSWER:
            raise Unavailable(f"the authority answered with status {status}")
        check_stamp(reply, content, self._certificates, request.nonce)
        return reply
