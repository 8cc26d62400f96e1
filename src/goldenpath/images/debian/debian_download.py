"""Gets Debian packages through the apt of this machine, and compares them with their pins.

apt checks signatures of its mirrors where it is set up to. That is welcome and not relied on: a
package is used only if its digest is the pinned one.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable, VerificationError
from goldenpath.files import publish
from goldenpath.images.debian.debian_pins import DebianPin
from goldenpath.processes.tool import run_tool

SECONDS = 300.0
MAX_PACKAGE = 64 * 1024 * 1024


def pinned_package(pin: DebianPin, cache: Path) -> bytes:
    """Return the file of a package, from `cache` or through apt.

    Raises `VerificationError` if it is another file, `NotFound` if no mirror has that version.
    """
    kept = cache / f"{pin.sha256}.deb"
    if kept.is_file():
        content = kept.read_bytes()
        if Digest.of(content) == pin.digest:
            return content
    content = _download(f"{pin.name}:{pin.architecture}={pin.version}", pin)
    if Digest.of(content) != pin.digest:
        raise VerificationError(
            f"package {pin.name} {pin.version} has the wrong digest: expected {pin.digest}, "
            f"got {Digest.of(content)}",
            hint="find out which mirror changed it; move the pins only if the change is right",
        )
    publish(kept, content)
    return content


def newest_package(name: str, architecture: str) -> tuple[str, bytes]:
    """Return version and file of the newest package that apt would install."""
    asked = run_tool(["apt-cache", "show", "--no-all-versions", f"{name}:{architecture}"])
    fields = dict(
        line.split(": ", 1) for line in asked.text.splitlines() if ": " in line and line[0] != " "
    )
    if asked.exit_code != 0 or "Version" not in fields:
        raise NotFound(f"apt knows no package {name}", hint="run apt-get update")
    version = fields["Version"]
    return version, _download(f"{name}:{fields['Architecture']}={version}", None)


def _download(what: str, pin: DebianPin | None) -> bytes:
    with TemporaryDirectory(prefix="goldenpath-apt-") as folder:
        done = run_tool(["apt-get", "download", "-qq", what], seconds=SECONDS, folder=Path(folder))
        files: Sequence[Path] = sorted(Path(folder).glob("*.deb"))
        if done.exit_code != 0 or len(files) != 1:
            if "was not found" in done.complaint or "Can't find" in done.complaint:
                raise NotFound(
                    f"no mirror of this machine has {what} any more"
                    if pin
                    else f"no mirror of this machine has {what}",
                    hint="mirrors drop superseded versions: run apt-get update, then move the pins "
                    "with goldenpath image pin",
                )
            raise Unavailable(f"apt-get could not download {what}: {done.complaint}")
        if files[0].stat().st_size > MAX_PACKAGE:
            raise VerificationError(f"{what} is larger than {MAX_PACKAGE} bytes")
        return files[0].read_bytes()
