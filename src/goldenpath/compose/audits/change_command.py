"""The bank's own check of the ID of a change, by a command of this machine."""

import os
import shlex

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.processes.tool import run_tool
from goldenpath.promote.manifests.restrictions import is_change_id
from goldenpath.settings import CHANGE_VARIABLE

SECONDS = 30.0


def check_change(change: str, stage: str, digest: Digest) -> str:
    """Ask the command whether a change covers a release, and return a note about that.

    Without a command only the form counts, and the note says so. Raises `VerificationError` if the
    command refuses, `Unavailable` if it does not end.
    """
    if not change:
        return ""
    command = os.environ.get(CHANGE_VARIABLE)
    if not command:
        return f"the change {change} was not checked: {CHANGE_VARIABLE} names no command"
    if not is_change_id(change):
        raise InvalidInput(f"{change[:80]!r} is no ID of a change")
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise InvalidInput(f"{CHANGE_VARIABLE} cannot be split into arguments: {error}") from error
    if not arguments:
        raise InvalidInput(f"{CHANGE_VARIABLE} names no command")
    result = run_tool([*arguments, change, stage, digest.text], seconds=SECONDS)
    if result.exit_code != 0:
        reason = result.complaint or f"exit code {result.exit_code}"
        raise VerificationError(f"the change {change} was refused: {reason}")
    return f"the change {change} was checked by {arguments[0]}"
