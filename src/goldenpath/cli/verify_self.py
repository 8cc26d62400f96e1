"""`goldenpath verify-self`: check that the installed goldenpath is the released one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.installation.self_verification import SelfVerification
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import READABLE
from goldenpath.errors import VerificationError


@click.command()
@click.option("--statement", type=READABLE, help="The signed statement that came with a release.")
@click.option("--key", type=READABLE, help="The public key (PEM) of whoever released it.")
@output_option
def verb(statement: Path | None, key: Path | None, output: Format) -> None:
    """Verify the installed files of goldenpath itself; exit 4 if one is not as released.

    Without --statement and --key the files are compared with the list installed with them.
    """
    verification = compose.self_verification(statement, key)
    show(
        {"holds": verification.holds, **_fields(verification)},
        "\n".join(_lines(verification)),
        output,
    )
    if not verification.holds:
        sys.exit(VerificationError.exit_code)


def _fields(verification: SelfVerification) -> dict[str, object]:
    names = ("version", "root", "basis", "verified", "faults", "unknown")
    return {name: getattr(verification, name) for name in names}


def _lines(verification: SelfVerification) -> Iterator[str]:
    yield f"goldenpath {verification.version} in {verification.root}"
    yield f"verified   {verification.verified} files, against {verification.basis}"
    for fault in verification.faults:
        expected = f": expected {fault.expected}" if fault.expected else ""
        yield f"{fault.kind:<10} {fault.path}{expected}{f', got {fault.got}' if fault.got else ''}"
    for file in verification.unknown:
        yield f"unknown    {file}"
    yield "holds" if verification.holds else "does NOT hold"
    yield "check it without us: cosign verify-blob-attestation, as docs/releasing.md shows"
