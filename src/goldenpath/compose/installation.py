"""The running installation, and the signed statement against which it is verified."""

import sys
from pathlib import Path

import goldenpath
from goldenpath.audit.installation.installed_files import find_installation
from goldenpath.audit.installation.release_statement import MAX_STATEMENT, verify_release
from goldenpath.audit.installation.self_verification import SelfVerification, verify_installation
from goldenpath.compose.signing import public_key
from goldenpath.errors import InvalidInput


def self_verification(statement: Path | None, key: Path | None) -> SelfVerification:
    """Verify the files of this program. Raises `InvalidInput` for a statement without a key."""
    if (statement is None) != (key is None):
        raise InvalidInput(
            "a statement and the key that signed it belong together: expected both or none",
            hint="goldenpath verify-self --statement FILE --key FILE.pub",
        )
    released, signer = None, ""
    if statement is not None and key is not None:
        with statement.open("rb") as file:
            content = file.read(MAX_STATEMENT)
        released, signer = verify_release(content, public_key(key.name, key)), key.name
    running = Path(goldenpath.__file__).parent
    return verify_installation(
        find_installation(running), released, signer, bytecode_folder=sys.pycache_prefix
    )
