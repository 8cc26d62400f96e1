"""How a verb reports a failure: one sentence, a hint and the exit code.

This is the edge of the program, so only this module catches everything. A full or read-only disk
can raise in any line, and the user must not see a traceback for it. Every command imports this
module, so what only a failure needs is imported late.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from click.exceptions import NoArgsIsHelpError

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable, VerificationError
from goldenpath.parsers.shown_text import shown_text

INTERRUPTED = 130
CLOSED = 141
"""The exit code that a shell reports for a program ended by SIGPIPE."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_WRONG = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})


@contextmanager
def ending() -> Iterator[None]:
    """End the process with the exit code of any error that the block raises, and report it."""
    output = sys.stdout
    try:
        yield
    except NoArgsIsHelpError as error:
        error.show()
        sys.exit(InvalidInput.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except SystemExit:
        # click silences the output for a reader that has gone and exits 1, our code for a bug.
        if sys.stdout is output:
            raise
        sys.exit(CLOSED)
    except BrokenPipeError:
        _give_up_output()
        sys.exit(CLOSED)
    except (GoldenPathError, click.ClickException, OSError) as error:
        sys.exit(_say(foreseen(error)))
    except Exception as error:
        sys.exit(_unforeseen(error))


def foreseen(error: Exception) -> GoldenPathError:
    """Return the error that explains any failure of a verb to the user."""
    match error:
        case GoldenPathError():
            return error
        case click.ClickException():
            from goldenpath.cli.usage import explained  # only a wrong command line pays for it

            return explained(error)
        case OSError():
            return outside(error)
        case _:
            return _damaged(error) if _is_damage(error) else _bug(error)


def outside(error: OSError) -> GoldenPathError:
    """Return the error that explains a failed system call to the user."""
    from goldenpath.home import HOME_VARIABLE

    what = error.strerror or str(error)
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "a file"
    message = f"{where} cannot be used: {what[:1].lower()}{what[1:]}"
    if error.errno in _FULL:
        return Unavailable(message, hint="make room on that disk, then run the command again")
    if error.errno in _FORBIDDEN:
        hint = f"give this user access to it, or name another home in {HOME_VARIABLE}"
        return Unavailable(message, hint=hint)
    if error.errno in _WRONG:
        return InvalidInput(
            message, hint=f"check the paths on the command line and {HOME_VARIABLE}"
        )
    return Unavailable(message)


def _was_interrupted(error: BaseException | None) -> bool:
    """Return whether Ctrl-C caused the error: extension modules raise their own errors for it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _is_damage(error: Exception) -> bool:
    """Return whether one of our own modules cannot be imported: its file is missing or changed."""
    return isinstance(error, ImportError) and (error.name or "").startswith("goldenpath.")


def _damaged(error: Exception) -> GoldenPathError:
    return VerificationError(
        f"the installed goldenpath is damaged: {error}",
        hint="install it again, and find out who changed it",
    )


def _unforeseen(error: Exception) -> int:
    if _was_interrupted(error):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    from goldenpath.settings import DEBUG_VARIABLE

    if DEBUG_VARIABLE in os.environ:
        raise error
    return _say(foreseen(error))


def _bug(error: Exception) -> GoldenPathError:
    import traceback

    from goldenpath.settings import DEBUG_VARIABLE

    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return GoldenPathError(
        f"this is a bug in goldenpath, at {place}: {type(error).__name__}: {error}",
        hint=f"report it with what {DEBUG_VARIABLE}=1 in front of the command shows",
    )


def _say(error: GoldenPathError) -> int:
    _give_up_output()
    click.echo(shown_text(f"error: {error.message}"), err=True)
    if error.hint:
        click.echo(shown_text(f"hint: {error.hint}"), err=True)
    return error.exit_code


def _give_up_output() -> None:
    """Flush the output, or drop it: the interpreter must not fail on it when it exits."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
