"""`goldenpath log check`: check signatures, digests and chains of the prediction log."""

from dataclasses import asdict

import click

from goldenpath import compose
from goldenpath.audit.answers.checked_logs import check_logs, require_whole
from goldenpath.cli.output import Format, output_option, show
from goldenpath.observe.log.log_reader import log_public_key


@click.command("check")
@output_option
def check(output: Format) -> None:
    """Check both logs, and list what is damaged or missing."""
    home = compose.home()
    logs = check_logs(home, compose.held(home), remembers=False)
    if logs.predictions is None and not logs.states.faults:
        log_public_key(home)  # raises `NotFound`: there is no log yet
    report, lines = logs.predictions, list(logs.states.events.faults)
    if report is not None:
        lines += [*(each for each in logs.states.predictions.faults if each not in report.faults)]
        lines.append(report.page())
    record = dict[str, object]() if report is None else asdict(report)
    show({**record, "logs": logs.states}, "\n".join(lines), output)
    require_whole(logs.states)
