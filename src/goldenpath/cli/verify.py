"""`goldenpath verify`: check the evidence of a release against a policy."""

import sys
from functools import partial
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.findings_page import findings_text
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.policy_file import chosen_policy
from goldenpath.cli.progress import moving
from goldenpath.errors import VerificationError
from goldenpath.oci.names import find
from goldenpath.release.attest.examination import judge
from goldenpath.release.attest.policy import Demand
from goldenpath.release.attest.verify import Reading, gather, require_all_read


@click.command()
@click.argument("reference", metavar="RELEASE")
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A policy file or a platform.toml; that of the gitops repository otherwise.",
)
@click.option("--blobs/--no-blobs", default=True, help="Also read every byte of the model.")
@click.option("--explain", is_flag=True, help="Print the checks as commands of other tools.")
@output_option
def verb(reference: str, file: Path | None, blobs: bool, explain: bool, output: Format) -> None:
    """Check signatures and evidence of RELEASE against a policy; exit 4 if it does not hold."""
    home = compose.home()
    store, name = compose.locate(reference, home)
    digest = find(store, name).digest
    chosen = chosen_policy(home, file)
    policy, people = chosen.admission.policy, chosen.admission.people
    now = compose.now()
    reading = Reading(Demand(digest, policy, people, now, chosen.times))
    watch = partial(moving, "reading")
    documents = gather(store, digest, reading=reading, blobs=blobs, watch=watch)
    judged = judge(digest, documents, policy, people, now=now, seen=chosen.times)
    verified = require_all_read(judged)
    if explain:
        from goldenpath.release.evidence.explain import explain as script

        text = script(verified, documents, policy, people, place=compose.place(reference, home))
        show({"script": text}, text, output)
    else:
        findings = verified.findings
        whose = chosen.whose
        record = {"holds": verified.holds, "digest": digest, "findings": findings, "times": whose}
        verdict = "holds" if verified.holds else "does NOT hold"
        show(record, f"{digest}\n{findings_text(findings)}\ntimes: {whose}\n{verdict}", output)
    if not verified.holds:
        sys.exit(VerificationError.exit_code)
