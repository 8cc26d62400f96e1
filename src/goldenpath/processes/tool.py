"""Runs another program to its end, such as git or ssh-keygen, with bounded time and output.

A program that stays is a `Child` of the supervisor, or is started in the background here.
"""

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldenpath.errors import Unavailable

MAX_OUTPUT = 16 * 1024 * 1024
"""Bytes that a program may print on both outputs together."""
_CHUNK = 1 << 16
_SHOWN = 2000
"""Letters of an error output that go into a message."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The end of a program: its exit code (negative for a signal) and what it printed."""

    exit_code: int
    output: bytes
    errors: bytes

    @property
    def text(self) -> str:
        """The standard output as text, without blanks around it."""
        return self.output.decode("utf-8", "replace").strip()

    @property
    def complaint(self) -> str:
        """The end of the error output, for a message."""
        return self.errors.decode("utf-8", "replace").strip()[-_SHOWN:]


def run_tool(
    command: Sequence[str],
    *,
    stdin: bytes = b"",
    seconds: float = 60.0,
    limit: int = MAX_OUTPUT,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> ToolResult:
    """Run a program and return its result, whatever its exit code is.

    Without `environment` it inherits ours. Raises `Unavailable` if it cannot be started, is not
    done after `seconds`, or prints more than `limit` bytes; it is killed then.
    """
    # It stays in our session, so that it can ask for a passphrase on the terminal.
    name = Path(command[0]).name
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if environment is None else dict(environment),
            cwd=folder,
        )
    except FileNotFoundError as error:
        # The system reports a missing folder and a missing program by the same error.
        if folder is not None and not folder.is_dir():
            raise Unavailable(f"{name} cannot be started: the folder {folder} is gone") from error
        raise Unavailable(f"{name} is not installed", hint=f"install {name}") from error
    except OSError as error:
        raise Unavailable(f"{name} cannot be started: {error.strerror}") from error
    with process:
        try:
            give_up = time.monotonic() + seconds
            output, errors = _exchange(process, stdin, limit, give_up)
            # A program may close its outputs and go on, so that the end of both is not its end.
            process.wait(max(give_up - time.monotonic(), 0.1))
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            process.kill()
            raise Unavailable(
                f"{name} is not done after {seconds:g} seconds", hint="run the command again"
            ) from error
        except OverflowError as error:
            process.kill()
            raise Unavailable(f"{name} printed too much: expected at most {limit} bytes") from error
        # Ctrl-C too must not leave the program running.
        except BaseException:
            process.kill()
            raise
    return ToolResult(process.returncode, output, errors)


def start_in_background(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    """Start a program that outlives this process; it prints into `log`, which is emptied first.

    It gets a session of its own, so that closing the terminal does not end it.
    """
    with log.open("wb") as output:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
        )


def _exchange(
    process: "subprocess.Popen[bytes]", stdin: bytes, limit: int, give_up: float
) -> tuple[bytes, bytes]:
    """Write the input and read both outputs to their end.

    Raises `TimeoutError` if the time is up, and `OverflowError` if the outputs are too long.
    """
    assert process.stdin and process.stdout and process.stderr  # noqa: S101 - pipes were asked for
    unsent = memoryview(stdin)
    read = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        # A program that prints before it reads would otherwise block us, and we it.
        os.set_blocking(process.stdin.fileno(), False)
        for pipe in read:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            left = give_up - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    unsent = unsent[_written(key.fd, unsent) :]
                    is_done = not unsent
                else:
                    chunk = os.read(key.fd, _CHUNK)
                    read[key.fd] += chunk
                    is_done = not chunk
                if is_done:
                    selector.unregister(key.fileobj)
                    if key.fileobj is process.stdin:
                        process.stdin.close()
            if sum(map(len, read.values())) > limit:
                raise OverflowError
    output, errors = map(bytes, read.values())
    return output, errors


def _written(descriptor: int, unsent: memoryview) -> int:
    try:
        return os.write(descriptor, unsent[:_CHUNK])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(unsent)  # it does not read its input, which is no fault
