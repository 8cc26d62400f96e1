"""The clock of the machine that keeps the gitops repository, as far as it can be asked."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from goldenpath.http.server_date import server_date
from goldenpath.promote.repository.address import Address
from goldenpath.promote.workspace.clock_check import OtherClock
from goldenpath.settings import CA_VARIABLE

_WHOSE = "that of the gitops repository"


def remote_clock(url: str, environment: Mapping[str, str]) -> OtherClock | None:
    """Return what the clock of a repository's server shows; None if it cannot be asked.

    A folder is asked by the time of a new file, which a file server sets; HTTP by the `Date` of an
    answer. SSH has no date.
    """
    folder = Path(url)
    if folder.is_dir():
        return _clock_of_folder(folder)
    if not url.startswith(("http://", "https://")):
        return None
    asked = f"{str(Address(url)).rstrip('/')}/info/refs?service=git-upload-pack"
    # Where it does not answer, the push shows what is wrong.
    date = server_date(asked, environment, environment.get(CA_VARIABLE) or None)
    return None if date is None else OtherClock(_WHOSE, date)


def _clock_of_folder(folder: Path) -> OtherClock | None:
    with suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        file.write(b".")
        file.flush()
        written = os.fstat(file.fileno()).st_mtime
        return OtherClock(_WHOSE, datetime.fromtimestamp(written, UTC))
    return None
