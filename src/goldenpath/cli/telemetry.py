"""`goldenpath telemetry`: rules for Prometheus and dashboards for Grafana."""

from pathlib import Path

import click

from goldenpath.cli.output import Format, output_option, show
from goldenpath.observe.monitoring_files import FileSet, write_monitoring_files

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write to.",
)


@click.group()
def verb() -> None:
    """Write rules for Prometheus or dashboards for Grafana."""


@verb.command()
@out_option
@output_option
def rules(out: Path, output: Format) -> None:
    """Write alerting rules, and their tests for promtool."""
    _write("rules", out, output)


@verb.command()
@out_option
@output_option
def dashboards(out: Path, output: Format) -> None:
    """Write a dashboard for each task, and one for the platform."""
    _write("dashboards", out, output)


def _write(kind: FileSet, folder: Path, output: Format) -> None:
    paths = [str(path) for path in write_monitoring_files(kind, folder)]
    show(paths, "\n".join(paths), output)
