"""What the clock of an HTTP server shows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.http.proxies import ClientPools

_SECONDS = 5.0


def server_date(
    url: str, environment: Mapping[str, str], ca_file: str | None = None
) -> datetime | None:
    """Return the `Date` of any answer, also of a refusal; None if there is none to be had.

    `environment` names proxies.
    """
    pool = ClientPools(
        environment,
        timeout=urllib3.Timeout(connect=_SECONDS, read=_SECONDS),
        ca_certs=ca_file,
    )
    try:
        answer = pool.request(
            "GET",
            url,
            headers={"User-Agent": "goldenpath"},
            retries=urllib3.Retry(total=0, redirect=False),
            redirect=False,
            preload_content=False,
        )
        answer.close()
        date = parsedate_to_datetime(answer.headers["date"])
    except (HTTPError, OSError, ValueError, KeyError, TypeError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
