"""`goldenpath verify`: check the evidence of a release against a policy."""

import sys
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.findings_page import findings_text
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import moving
from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.names import find
from goldenpath.parsers.toml_parser import MAX_TOML
from goldenpath.parsers.typed import read_bounded
from goldenpath.promote.gates.admission_policy import admission_of, parse_admission
from goldenpath.promote.workspace.statement_times import OWN_TIME
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
    times: Mapping[Digest, datetime] | None = None
    whose = OWN_TIME
    if file is None:
        trusted = compose.trusted(home)
        admission = admission_of(trusted.platform)
        times, whose = compose.statement_times(home, trusted)
    else:
        admission = parse_admission(read_bounded(file, MAX_TOML), file.name)
    policy, people = admission.policy, admission.people
    now = compose.now()
    reading = Reading(Demand(digest, policy, people, now, times))
    watch = partial(moving, "reading")
    documents = gather(store, digest, reading=reading, blobs=blobs, watch=watch)
    judged = judge(digest, documents, policy, people, now=now, seen=times)
    verified = require_all_read(judged)
    if explain:
        from goldenpath.release.evidence.explain import explain as script

        text = script(verified, documents, policy, people, place=compose.place(reference, home))
        show({"script": text}, text, output)
    else:
        findings = verified.findings
        record = {"holds": verified.holds, "digest": digest, "findings": findings, "times": whose}
        verdict = "holds" if verified.holds else "does NOT hold"
        show(record, f"{digest}\n{findings_text(findings)}\ntimes: {whose}\n{verdict}", output)
    if not verified.holds:
        sys.exit(VerificationError.exit_code)
