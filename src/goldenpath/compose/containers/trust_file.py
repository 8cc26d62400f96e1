"""The trust file of a server or an initializer: a policy file, or a `platform.toml`.

The image of the initializer holds no server, so this module may not import one.
"""

from pathlib import Path

from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import MAX_TOML
from goldenpath.parsers.typed import read_bounded
from goldenpath.processes.launch import ReleaseTrust
from goldenpath.promote.gates.admission_policy import parse_admission
from goldenpath.release.attest.launch_trust import trust_of


def trust_file(file: Path | None) -> ReleaseTrust | None:
    """Return what a policy file or platform.toml requires; None if there is none."""
    if file is None:
        return None
    try:
        content = read_bounded(file, MAX_TOML)
    except OSError as error:
        raise InvalidInput(
            f"the trust file {file} cannot be read: {error.strerror}",
            hint="name a policy file or a platform.toml with --verify; docs/policy.md shows one",
        ) from error
    return trust_of(parse_admission(content, file.name).policy)
