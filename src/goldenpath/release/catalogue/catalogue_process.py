"""The catalogue as the verbs see it: a process of its own that holds MLflow.

It starts when it is opened and loads while the caller does something else; the first job waits
for the rest of that.
"""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from goldenpath.errors import NotFound, Unavailable
from goldenpath.release.catalogue.entry import Alias, CatalogueEntry, Job, JobAnswer, Version

_CLOSING = 10.0
"""Seconds that the process gets to end by itself."""


class Catalogue:
    """An open catalogue; use it in a `with` statement.

    `uri` is an MLflow server or a database URI; `folder` is where an MLflow client would put
    artifacts that somebody logs by hand (we log none).
    """

    def __init__(self, uri: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "catalogue.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "goldenpath.release.catalogue", uri, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
            )

    def register(self, entry: CatalogueEntry) -> Version:
        """The version of this release; doing it twice is doing it once.

        Raises `Unavailable` if the catalogue cannot be reached or refuses.
        """
        return self._ask(Job(entry=entry))

    def set_alias(self, model: str, stage: str, digest: str) -> Version:
        """Lets the alias `stage` follow git. Raises `NotFound` for an unregistered release."""
        return self._ask(Job(alias=Alias(model, stage, digest)))

    def take_alias(self, model: str, stage: str) -> Version:
        """Takes an alias away that a stage has no use for; the version is the one it named."""
        return self._ask(Job(alias=Alias(model, stage, "")))

    def close(self) -> None:
        """Lets the process end by itself; whoever does not want its answers any more kills it."""
        for stream in (self._process.stdin, self._process.stdout):
            # What a process that is gone did not read was reported by `_ask`.
            with suppress(BrokenPipeError):
                _pipe(stream).close()
        try:
            self._process.wait(_CLOSING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Catalogue":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            # Nobody waits for what it loads or writes: half a registration is completed by the
            # next one, and its database takes back what was not committed.
            self._process.kill()
        self.close()

    def _ask(self, job: Job) -> Version:
        requests, answers = _pipe(self._process.stdin), _pipe(self._process.stdout)
        try:
            requests.write(msgspec.json.encode(job) + b"\n")
            requests.flush()
            line = answers.readline()
        except OSError as error:
            raise self._gone() from error
        if not line:
            raise self._gone()
        answer = msgspec.json.decode(line, type=JobAnswer)
        if answer.failure is not None and answer.failure.is_missing:
            raise NotFound(answer.failure.error, hint="register the release first, by building it")
        if answer.failure is not None or answer.version is None:
            reason = answer.failure.error if answer.failure else "the catalogue gave no version"
            raise Unavailable(reason)
        return answer.version

    def _gone(self) -> Unavailable:
        return Unavailable(
            "the process of the catalogue ended before it answered", hint=f"its log: {self._log}"
        )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # subprocess.PIPE was asked for
        raise Unavailable("the catalogue has no pipe")
    return stream
