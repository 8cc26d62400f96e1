"""What others hold about the logs of this machine, and how this machine gets it held."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from goldenpath.audit.anchors.anchors_branch import read_anchors
from goldenpath.audit.anchors.held_heads import NOT_HELD, HeldHeads
from goldenpath.audit.anchors.stamping import TimeStamper
from goldenpath.audit.anchors.time_stamp import pinned_certificate
from goldenpath.audit.anchors.witness_writer import WitnessWriter
from goldenpath.compose.gitops_access import anchors_repository, gitops, trusted
from goldenpath.compose.process_context import now
from goldenpath.errors import (
    GoldenPathError,
    InvalidInput,
    NotFound,
    Unavailable,
    VerificationError,
)
from goldenpath.home import Home
from goldenpath.http.posting import Poster
from goldenpath.parsers.typed import read_bounded
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import last_trusted
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import (
    CA_VARIABLE,
    STAMP_CERTIFICATE_VARIABLE,
    STAMP_URL_VARIABLE,
    proxy_environment,
)

STAMP_SECONDS = 5.0
"""How long a time-stamping authority may take to connect, and for each read."""
MOST_CERTIFICATES = 64 * 1024
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


def stamp_certificates() -> bytes | None:
    """Return the PEM file of the time-stamping authority; None if none is pinned.

    Raises `InvalidInput` if it cannot be read or is none.
    """
    name = os.environ.get(STAMP_CERTIFICATE_VARIABLE)
    if not name:
        return None
    try:
        content = read_bounded(Path(name), MOST_CERTIFICATES)
    except (FileNotFoundError, Unavailable) as error:
        raise InvalidInput(
            f"{STAMP_CERTIFICATE_VARIABLE} names no file that can be read: {name}"
        ) from error
    pinned_certificate(content)
    return content


def time_stamper(say: Callable[[str], None]) -> Callable[[bytes], bytes | None]:
    """Return what stamps a record. Raises `InvalidInput` for wrong settings."""
    url, certificates = os.environ.get(STAMP_URL_VARIABLE), stamp_certificates()
    if not url:
        return lambda content: None
    if certificates is None:
        raise InvalidInput(
            f"{STAMP_URL_VARIABLE} is set without {STAMP_CERTIFICATE_VARIABLE}: no stamp could be "
            "checked",
            hint="name the PEM file with the certificate of the authority",
        )
    authorities = os.environ.get(CA_VARIABLE)
    poster = Poster(
        proxy_environment(os.environ),
        Path(authorities) if authorities else None,
        seconds=STAMP_SECONDS,
    )
    return TimeStamper(url, certificates, poster, say)


class HoldsHeads:
    """Writes heads to the branch `anchors` in a thread: nothing that serves waits for it."""

    def __init__(
        self,
        home: Home,
        say: Callable[[str], None],
        followed: Callable[[], tuple[Platform | None, str]],
    ) -> None:
        """`followed` returns the platform in force and the commit of it."""
        self._writer = WitnessWriter(
            home, anchors_repository(home), witness_key(home), time_stamper(say)
        )
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
