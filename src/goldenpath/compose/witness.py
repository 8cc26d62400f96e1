"""What others hold about the logs of this machine, and how this machine gets it held."""

import threading
from collections.abc import Callable

from goldenpath.audit.anchors.anchors_branch import read_anchors
from goldenpath.audit.anchors.held_heads import NOT_HELD, HeldHeads
from goldenpath.audit.anchors.witness_writer import WitnessWriter
from goldenpath.compose.gitops_access import anchors_repository, gitops, trusted
from goldenpath.compose.process_context import now
from goldenpath.errors import GoldenPathError, NotFound, Unavailable, VerificationError
from goldenpath.home import Home
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import last_trusted
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key
from goldenpath.release.attest.signatures.sshsig import SshKey

LONGEST_STOP = 30.0
"""Seconds that the end of `up` waits for the last heads to be written."""


def held(home: Home, platform: Platform | None = None) -> HeldHeads:
    """Return the heads of both logs of this machine that signed commits hold.

    Without `platform`, the one that is trusted now says who the witnesses are, or the last one
    that was, if git cannot be asked.
    """
    try:
        known = platform or _platform(home)
    except NotFound:  # no platform was set up: nobody holds anything
        return NOT_HELD
    machine = machine_of(home, known)
    if machine is None:
        return NOT_HELD
    return read_anchors(anchors_repository(home), known.witnesses).held(machine.name)


def _platform(home: Home) -> Platform:
    try:
        return trusted(home).platform
    except (Unavailable, VerificationError):
        return last_trusted(gitops(home), home.trust).platform


def witness_key(home: Home) -> SshKey:
    """Return the witness key of this machine, which is made on first use."""
    if home.witness_key.exists():
        return SshKey.load(home.witness_key)
    home.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SshKey.generate(home.witness_key)


def machine_of(home: Home, platform: Platform) -> Person | None:
    """Return the witness that is this machine, by its public key."""
    public = home.witness_key.with_name(home.witness_key.name + ".pub")
    try:
        lines = [public.read_text("ascii").strip()]
    except (FileNotFoundError, UnicodeDecodeError):
        lines = [SshKey.load(home.witness_key).public_line] if home.witness_key.exists() else []
    for witness in platform.witnesses:
        if any(is_same_key(witness.ssh_key, line) for line in lines):
            return witness
    return None


class HoldsHeads:
    """Writes heads to the branch `anchors` in a thread: nothing that serves waits for it."""

    def __init__(
        self,
        home: Home,
        say: Callable[[str], None],
        followed: Callable[[], tuple[Platform | None, str]],
    ) -> None:
        """`followed` returns the platform in force and the commit of it."""
        self._writer = WitnessWriter(home, anchors_repository(home), witness_key(home))
        self._say = say
        self._followed = followed
        self._thread: threading.Thread | None = None
        self._said = ""

    def __call__(self, is_last: bool) -> None:
        """Write the heads of now; at the end of `up`, wait until they are written."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            if not is_last:
                return  # a slow remote: the next time has everything
            thread.join(LONGEST_STOP)
            if thread.is_alive():
                self._tell("the last heads of the logs were not written: git did not answer")
                return
        self._thread = threading.Thread(target=self._write, name="anchors", daemon=True)
        self._thread.start()
        if is_last:
            self._thread.join(LONGEST_STOP)

    def _write(self) -> None:
        platform, commit = self._followed()
        if platform is None:
            return
        try:
            self._writer.anchor(platform, commit, now())
        except GoldenPathError as error:
            self._tell(f"heads of the logs: {error.message}")
        else:
            self._said = ""

    def _tell(self, message: str) -> None:
        if message != self._said:  # once, until it works again
            self._said = message
            self._say(message)
