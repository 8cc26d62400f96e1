"""`goldenpath drift`: compare every feature and the score with the reference."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.batch_drift import BatchWish, batch_options, compare
from goldenpath.cli.drift_page import drift_page
from goldenpath.cli.findings_close import closed_by
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.drift_report import drift_reports
from goldenpath.observe.drift.monitor_state import watches
from goldenpath.observe.log.release_parts import Releases


@click.command()
@click.argument("names", type=MODEL, nargs=-1, metavar="[MODEL | DATA...]")
@stage_filter()
@batch_options
@click.option("--close", "finding", metavar="FINDING", help="Close a finding, with a reason.")
@click.option("--reason", default="", help="Why the finding is closed.")
@identity_options
@output_option
def verb(
    names: tuple[str, ...],
    stage: str | None,
    batch: BatchWish,
    finding: str | None,
    reason: str,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Show drift of inputs and predictions against the reference."""
    if batch.is_asked:
        compare(batch, names, output)
        return
    if len(names) > 1:
        raise InvalidInput(f"expected one model, got {len(names)}; tables need --reference")
    model = names[0] if names else "*"
    if finding:
        show(*_closed(finding, reason, name, key), output)
        return
    home = compose.home()
    store = compose.platform_store(home)
    reports = list(drift_reports(home, stage or "*", model, Releases(store, note)))
    if not reports:  # only then, because it reads git
        recorded = {(each.stage, each.model) for each in watches(home.drift, "*", "*").values()}
        compose.require_known(home, stage, None if model == "*" else model, recorded)
    show(reports, "\n\n".join(map(drift_page, reports)) or "nothing was counted yet", output)


def _closed(finding: str, reason: str, name: str | None, key: Path | None) -> tuple[object, str]:
    closed = closed_by(finding, reason, name, key)
    what = f"{closed.kind} of {closed.feature} in {closed.stage}/{closed.model}"
    return closed, f"{closed.id} is closed; the monitor looks for {what} from now on"
