"""Libraries of others for the browser are unchanged, and named with version, hash and licence."""

from hashlib import sha256
from pathlib import Path

import goldenpath.console

VENDOR = Path(goldenpath.console.__file__).parent / "vendor"


def test_every_file_has_its_hash_and_its_library_a_licence() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    found = {
        each.relative_to(VENDOR).as_posix(): sha256(each.read_bytes()).hexdigest()
        for each in VENDOR.rglob("*")
        if each.is_file() and each.name != "SHA256SUMS"
    }

    assert found == listed
    for folder in VENDOR.iterdir():
        if folder.is_dir():
            assert (folder / "LICENSE").is_file()
            assert folder.name in (Path(__file__).parents[2] / "docs" / "console.md").read_text()
