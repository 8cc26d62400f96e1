"""The catalogue as the verbs use it: MLflow in a process of its own.

The process starts when the catalogue is opened, and loads while the caller does something else.
The first job waits until it is loaded.
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
"""Seconds in which the process has to end by itself."""


class Catalogue:
    """An open catalogue; use it in a `with` statement.

    `uri` names an MLflow server or a database. In `folder` an MLflow client would store artifacts
    that somebody logs by hand; we log none.
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
        """Register a release and return its version. Twice is the same as once.

        Raises `Unavailable` if the catalogue cannot be reached or refuses.
        """
        return self._ask(Job(entry=entry))

    def set_alias(self, model: str, stage: str, digest: str) -> Version:
        """Point the alias `stage` at a release, as git does.

        Raises `NotFound` for an unregistered release.
        """
        return self._ask(Job(alias=Alias(model, stage, digest)))

    def take_alias(self, model: str, stage: str) -> Version:
        """Remove the alias of a stage without a release; return the version that it named."""
        return self._ask(Job(alias=Alias(model, stage, "")))

    def close(self) -> None:
        """Let the process end by itself, or kill it after ten seconds."""
        for stream in (self._process.stdin, self._process.stdout):
            # If the process is gone, `_ask` has reported it already.
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
            # It may be killed at any time: the next registration completes half a one, and the
            # database rolls back what was not committed.
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
            "the process of the catalogue ended before it answered", hint=f"see {self._log}"
        )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # cannot happen: the process was started with pipes
        raise Unavailable("the catalogue has no pipe")
    return stream
