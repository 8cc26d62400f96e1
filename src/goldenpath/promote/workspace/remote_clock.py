"""The clock of the machine that keeps the gitops repository, as far as it can be asked."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.http.proxies import ClientPools
from goldenpath.promote.repository.address import Address
from goldenpath.promote.workspace.clock_check import OtherClock
from goldenpath.settings import CA_VARIABLE

_SECONDS = 5.0
_WHOSE = "that of the gitops repository"


def remote_clock(url: str, environment: Mapping[str, str]) -> OtherClock | None:
    """Return what the clock of a repository's server shows; None if it cannot be asked.

    A folder is asked by the time of a new file, which a file server sets; HTTP by the `Date` of an
    answer. SSH has no date.
    """
    folder = Path(url)
    if folder.is_dir():
        return _clock_of_folder(folder)
    if url.startswith(("http://", "https://")):
        return _clock_of_server(str(Address(url)), environment)
    return None


def _clock_of_folder(folder: Path) -> OtherClock | None:
    with suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        file.write(b".")
        file.flush()
        written = os.fstat(file.fileno()).st_mtime
        return OtherClock(_WHOSE, datetime.fromtimestamp(written, UTC))
    return None


def _clock_of_server(url: str, environment: Mapping[str, str]) -> OtherClock | None:
    pool = ClientPools(
        environment,
        timeout=urllib3.Timeout(connect=_SECONDS, read=_SECONDS),
        ca_certs=environment.get(CA_VARIABLE) or None,
    )
    try:
        # Any answer has a date, also one that asks for a password.
        answer = pool.request(
            "GET",
            f"{url.rstrip('/')}/info/refs?service=git-upload-pack",
            headers={"User-Agent": "goldenpath"},
            retries=urllib3.Retry(total=0, redirect=False),
            redirect=False,
            preload_content=False,
        )
        answer.close()
        date = parsedate_to_datetime(answer.headers["date"])
    except (HTTPError, OSError, ValueError, KeyError, TypeError):
        return None  # the push shows what is wrong with the server
    return OtherClock(_WHOSE, date if date.tzinfo is not None else date.replace(tzinfo=UTC))
