"""`goldenpath sod`: report the separation of duties that the mechanisms really enforce."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.trusting import show_trust
from goldenpath.errors import REFUSED
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.workspace.questions import duties


@click.command()
@click.option("--seal", is_flag=True, help="End set-up: propose that trust needs two people.")
@identity_options
@output_option
def verb(seal: bool, name: str | None, key: Path | None, output: Format) -> None:
    """List every path by which one person or key alone reaches production; exit 7 if any."""
    home = compose.home()
    trusted = compose.trusted(home)
    if seal:
        files = platform_files(replace(trusted.platform, two_people=True))
        message = "platform: end set-up\n\nFrom here on two people change trust.\n"
        outcome = compose.change_trust(
            home, trusted, files, message, acting=compose.identity(name, key), two=True
        )
        show_trust(outcome, output)
        return
    survey = compose.desired(home)[1]
    paths = duties(
        compose.gitops(home),
        trusted,
        survey.standing,
        compose.now(),
        unreadable=survey.problems,
    )
    lines = [f"{p.who}\n  {p.how}\n  cure: {p.cure}" for p in paths.paths]
    if not paths.paths and not paths.unknown:
        lines = [f"no path: nobody reaches production alone, as of {paths.commit[:12]}"]
    if paths.unknown:
        lines += ["", "could not be found out:", *(f"  {each}" for each in paths.unknown)]
    alone: dict[str, list[str]] = {}
    for right in paths.alone:
        alone.setdefault(f"{right.holder}: {right.by}", []).append(right.field)
    lines += ["", "one alone may, by right:"]
    lines += [f"  {text} ({', '.join(fields)})" for text, fields in alone.items()]
    lines += ["", "this list does not cover:", *(f"  {each}" for each in paths.beyond)]
    show(paths, "\n".join(lines), output)
    if paths.paths or paths.unknown:
        sys.exit(REFUSED)
