"""`make release`: wheel, bill, signed statements and offline bundle of the commit that is here."""

import tempfile
from pathlib import Path

import click

from goldenpath.canonical import canonical_json
from goldenpath.cli.ending import ending
from goldenpath.cli.output import note
from goldenpath.compose.process_context import home
from goldenpath.compose.signing import signer
from goldenpath.digest import Digest
from goldenpath.files import write_whole
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.keys import public_pem
from goldenpath.release.attest.statement import PROVENANCE, Statement
from releasing.offline_bundle import bundle_name, fetch_wheels, pack_bundle, requirements
from releasing.own_bill import own_bill
from releasing.own_statements import own_statements
from releasing.runtime_lock import direct_names, runtime_pins
from releasing.wheel_build import BuiltWheel, SourceCommit, build_wheel, source_commit

ROOT = Path(__file__).parent.parent


@click.command()
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    envvar="GOLDENPATH_SIGNING_KEY",
    required=True,
    help="The key that signs: PEM, or the public part of what GOLDENPATH_SIGNING_COMMAND signs by.",
)
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="dist",
    show_default=True,
    help="The folder that gets the files.",
)
@click.option("--offline/--no-offline", default=True, help="Make the offline bundle, too.")
def command(key: Path, folder: Path, offline: bool) -> None:
    """Make a release of the commit that is checked out."""
    commit = source_commit(ROOT)
    note(f"building {commit.id[:12]} twice")
    wheel = build_wheel(ROOT, commit)
    for name, content in _published(wheel, commit, key, offline=offline).items():
        write_whole(folder / name, content, 0o644)
        click.echo(f"{Digest.of(content).hex}  {name}")


def _published(
    wheel: BuiltWheel, commit: SourceCommit, key: Path, *, offline: bool
) -> dict[str, bytes]:
    """Every file of the release by name; `SHA256SUMS` lists them and is signed itself."""
    pins, stem = runtime_pins(ROOT), f"goldenpath-{wheel.version}"
    signing = signer(home(), key)
    bill = own_bill(wheel, commit, pins, direct_names(ROOT))
    beside = {
        f"{stem}.cdx.json": canonical_json(bill),
        "requirements.txt": requirements(wheel, pins),
    }
    digests = {name: Digest.of(content) for name, content in beside.items()}
    lock = Digest.of((ROOT / "requirements" / "dev.txt").read_bytes())
    statements = own_statements(wheel, commit, bill, lock, others=digests)
    signed = {
        f"{stem}.{kind}.sigstore.json": sign_statement(each, signing).render()
        for kind, each in statements.items()
    }
    files = {wheel.name: wheel.content, **beside, **signed, "release.pub": public_pem(signing)}
    if offline:
        note(f"fetching {len(pins)} wheels")
        with tempfile.TemporaryDirectory() as place:
            wheels = fetch_wheels(pins, Path(place) / "wheelhouse")
            inside = {**beside, **signed, "LICENSE": (ROOT / "LICENSE").read_bytes()}
            statement = f"{stem}.release.sigstore.json"
            packed = pack_bundle(wheel, commit, wheels, inside, statement=statement)
        files[f"{bundle_name(wheel)}.tar"] = packed
    sums = "".join(
        f"{Digest.of(each).hex}  {name}\n" for name, each in sorted(files.items())
    ).encode()
    about = Statement((Digest.of(sums),), PROVENANCE, statements["provenance"].predicate)
    files["SHA256SUMS"] = sums
    return {**files, "SHA256SUMS.sigstore.json": sign_statement(about, signing).render()}


if __name__ == "__main__":
    with ending():
        command(standalone_mode=False)
