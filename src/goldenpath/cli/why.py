"""`goldenpath why`: list what keeps a model out of a stage, and who can provide it."""

from collections.abc import Iterator

import click

from goldenpath import compose
from goldenpath.cli.findings_page import findings_text
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.observe.drift.findings import DriftFinding, findings
from goldenpath.promote.acts.missing import PastRollback
from goldenpath.promote.workspace.questions import what_is_missing
from goldenpath.promote.workspace.scene_reader import Viewpoint


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage that the model should enter.", old=("--not-in",))
@click.option("--release", "reference", help="A release; default: the newest one on its way.")
@output_option
def verb(model: str, stage: str, reference: str | None, output: Format) -> None:
    """List what keeps MODEL out of a stage, and who can help."""
    home = compose.home()
    digest = None if reference is None else compose.release(home, reference)
    store, trusted = compose.platform_store(home), compose.trusted(home)
    seen, monitors, looks = compose.seen(home), compose.monitors_of(home), compose.looks_of(home)
    view = Viewpoint(compose.gitops(home), trusted, store, compose.now(), seen, monitors, looks)
    missing = what_is_missing(view, model, stage, digest)
    rollback = missing.rollback
    drifted = () if rollback is None else tuple(_drift(home, stage, model, rollback.digest))
    lines = [missing.summary]
    if missing.missing:
        lines.append(findings_text(missing.missing))
    if rollback is not None:
        lines.append(_rollback_line(rollback, stage))
    lines += [f"drift     {each.id} ({each.state}): {each.sentence}" for each in drifted]
    record = {
        "summary": missing.summary,
        "digest": missing.digest,
        "missing": missing.missing,
        "rollback": rollback,
        "drift": drifted,
    }
    show(record, "\n".join(lines), output)


def _drift(home: Home, stage: str, model: str, digest: Digest) -> Iterator[DriftFinding]:
    """Yield the drift findings about the release that was taken away, the oldest first."""
    for finding in findings(home.findings):
        if (finding.stage, finding.model, finding.release) == (stage, model, digest.text):
            yield finding


def _rollback_line(rollback: PastRollback, stage: str) -> str:
    judged = f" ({'; '.join(rollback.judged)})" if rollback.judged else ""
    return (
        f"rollback  {rollback.by} took {rollback.digest.short} out of {stage} at "
        f"{rollback.time.isoformat(timespec='minutes')}: {rollback.reason}{judged}, "
        f"commit {rollback.commit[:12]}"
    )
