"""Posts one message to a receiver: bounded, without redirects, with TLS by known authorities."""

from collections.abc import Mapping
from pathlib import Path

import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.errors import Unavailable
from goldenpath.http.proxies import ClientPools

MOST_ANSWER = 64 * 1024
"""Bytes of an answer that are read; the rest is left."""
_ONCE = urllib3.Retry(total=0, redirect=False)


class Poster:
    """A client for one receiver. The caller decides when to try again."""

    def __init__(
        self,
        environment: Mapping[str, str],
        ca_file: Path | None = None,
        *,
        client: tuple[str, str] | None = None,
        seconds: float = 10.0,
    ) -> None:
        """`environment` names proxies, `client` are files of a certificate and its key.

        `seconds` limits connecting, and each read.
        """
        self._pool = ClientPools(
            environment,
            timeout=urllib3.Timeout(connect=seconds, read=seconds),
            ca_certs=str(ca_file) if ca_file else None,
            cert_file=client[0] if client else None,
            key_file=client[1] if client else None,
        )

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Return the status and the first words of the answer. Raises `Unavailable`."""
        status, content = self.exchange(url, body, headers)
        return status, " ".join(content.decode("utf-8", "replace").split())[:200]

    def exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Return the status and the beginning of the answer. Raises `Unavailable`."""
        try:
            answer = self._pool.request(
                "POST",
                url,
                body=body,
                headers={"User-Agent": "goldenpath", **headers},
                retries=_ONCE,
                redirect=False,
                preload_content=False,
            )
            content = answer.read(MOST_ANSWER)
            answer.close()
        except (HTTPError, OSError, ValueError) as error:
            raise Unavailable(f"no answer: {type(error).__name__}") from error
        return answer.status, content
