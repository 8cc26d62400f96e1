"""Runs the files of tests side by side, in forks of the process that collected them.

Who collects imports 400 files of tests and the whole product, which takes ten seconds. Here one
process does that, and its forks share what it imported. A fork takes the next file when it is done
with one. A fork that dies fails the test that it ran, and every test that nobody ran has failed.
"""

import atexit
import gc
import marshal
import os
import selectors
import signal
import struct
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import cast

import pytest

from tests import verbs

_TURN, _LENGTH = struct.Struct("<H"), struct.Struct("<I")
_PIECE = 1 << 16
Message = Mapping[str, object]
"""A report of a test as pytest writes it."""


def add_option(parser: pytest.Parser) -> None:
    """The number of forks; without it everything runs in this process."""
    parser.addoption(
        "--workers", type=int, default=0, help="run the files of tests in as many processes"
    )


def run_side_by_side(session: pytest.Session, count: int) -> None:
    """Run all tests in `count` forks, and report them here as if they had run here."""
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    groups = groupby(session.items, key=lambda item: item.nodeid.partition("::")[0])
    files = [list(items) for _, items in groups]
    turns = _turns(len(files))
    base = _base_folder(session.config)
    gc.freeze()
    forks = [
        _forked(partial(_work, session, files, turns, base / f"w{number}"))
        for number in range(count)
    ]
    os.close(turns)
    reported = set[str]()
    try:
        _follow(session, forks, reported)
    except BaseException:
        _end(forks)
        raise
    _fail_the_rest(session, reported)


def _turns(files: int) -> int:
    """A pipe from which each reader takes the number of the next file."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(map(_TURN.pack, range(files))))
    os.close(writing)
    return reading


def _base_folder(config: pytest.Config) -> Path:
    folder: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    return folder


@dataclass
class Fork:
    """One process that runs tests, as its parent sees it."""

    process: int
    reading: int
    pending: bytearray = field(default_factory=bytearray)

    def messages(self, piece: bytes) -> Iterator[Message]:
        """What is whole with the next piece of what it wrote."""
        self.pending += piece
        while len(self.pending) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self.pending)[0]
            if len(self.pending) < end:
                return
            message = marshal.loads(self.pending[_LENGTH.size : end])  # noqa: S302 - ours
            del self.pending[:end]
            yield message


def _forked(work: Callable[[int], None]) -> Fork:
    reading, writing = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads of numpy, which knows forks
        process = os.fork()
    if process:
        os.close(writing)
        return Fork(process, reading)
    status = 1
    try:
        os.close(reading)
        atexit._clear()
        work(writing)
        atexit._run_exitfuncs()
        status = 0
    except KeyboardInterrupt:
        status = 2
    finally:
        os._exit(status)


def _follow(session: pytest.Session, forks: Sequence[Fork], reported: set[str]) -> None:
    """Take in what the forks report until all have ended."""
    hook = session.config.hook
    with selectors.DefaultSelector() as waiting:
        for fork in forks:
            waiting.register(fork.reading, selectors.EVENT_READ, fork)
        while waiting.get_map():
            for key, _ in waiting.select():
                fork = cast("Fork", key.data)
                piece = os.read(fork.reading, _PIECE)
                for message in fork.messages(piece):
                    report = hook.pytest_report_from_serializable(
                        config=session.config, data=message
                    )
                    _report(session, report, reported)
                if not piece:
                    waiting.unregister(fork.reading)
                    os.waitpid(fork.process, 0)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)


def _report(session: pytest.Session, report: pytest.TestReport, reported: set[str]) -> None:
    hook = session.config.hook
    if report.when == "setup":
        hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
    hook.pytest_runtest_logreport(report=report)
    if report.when == "teardown":
        reported.add(report.nodeid)
        hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)


def _end(forks: Sequence[Fork]) -> None:
    """Have the forks tidy up, as after Ctrl-C, and wait for them."""
    for fork in forks:
        try:
            os.kill(fork.process, signal.SIGINT)
            os.close(fork.reading)
            os.waitpid(fork.process, 0)
        except (ProcessLookupError, ChildProcessError, OSError):
            continue


def _fail_the_rest(session: pytest.Session, reported: set[str]) -> None:
    """A test that nobody finished has failed: its process has died."""
    for item in session.items:
        if item.nodeid not in reported:
            report = pytest.TestReport(
                item.nodeid, item.location, {}, "failed",
                "the process of this test ended before the test did", "call",
            )  # fmt: skip
            session.config.hook.pytest_runtest_logreport(report=report)


def _work(
    session: pytest.Session,
    files: Sequence[Sequence[pytest.Item]],
    turns: int,
    folder: Path,
    sending: int,
) -> None:
    """Run file after file in this fork, and send what pytest reports."""
    _settle(session.config, folder)
    verbs.prepare()
    session.config.pluginmanager.register(_Sender(session.config, sending))
    coming = _items(files, turns)
    item = next(coming, None)
    try:
        while item is not None and not (session.shouldfail or session.shouldstop):
            following = next(coming, None)
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            item = following
    finally:
        session._setupstate.teardown_exact(None)


def _items(files: Sequence[Sequence[pytest.Item]], turns: int) -> Iterator[pytest.Item]:
    while turn := os.read(turns, _TURN.size):
        yield from files[_TURN.unpack(turn)[0]]


def _settle(config: pytest.Config, folder: Path) -> None:
    """Give this fork what forks must not share: a folder, the captured output, the terminal."""
    factory = config._tmp_path_factory  # type: ignore[attr-defined]
    folder.mkdir(mode=0o700)
    factory._basetemp = factory._given_basetemp = folder
    capture = config.pluginmanager.get_plugin("capturemanager")
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    assert capture is not None and terminal is not None
    capture.stop_global_capturing()
    capture.start_global_capturing()
    capture.suspend_global_capture()
    terminal._tw._file = Path(os.devnull).open("w")  # noqa: SIM115 - for the whole process


class _Sender:
    """Sends the reports of this process to its parent."""

    def __init__(self, config: pytest.Config, sending: int) -> None:
        self._config = config
        self._sending = sending

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send one report, whole."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        content = marshal.dumps(data)
        left = memoryview(_LENGTH.pack(len(content)) + content)
        while left:
            left = left[os.write(self._sending, left) :]
