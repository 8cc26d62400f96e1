"""`goldenpath sign`: add one signature to an existing release."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.oci.names import find
from goldenpath.release.attest.attach import sign_image
from goldenpath.release.attest.bundle import key_hint


@click.command()
@click.argument("reference", metavar="RELEASE")
@click.option(
    "--signing-key",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key: PEM, or cosign's own file; that of the environment otherwise.",
)
@output_option
def verb(reference: str, file: Path | None, output: Format) -> None:
    """Sign RELEASE with another key: for a threshold, or after a key has changed."""
    home = compose.home()
    store, name = compose.locate(reference, home)
    image, signer = find(store, name), compose.signer(home, file)
    where = compose.docker_reference(reference, store, image, home)
    made = sign_image(store, image, where, signer, now=compose.now())
    record = {"digest": image.digest, "referrer": made.digest, "key": key_hint(signer.public_key())}
    show(record, f"{image.digest} signed, as {made.digest}", output)
