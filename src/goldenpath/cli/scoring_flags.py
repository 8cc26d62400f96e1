"""The arguments and flags of `goldenpath score` and `score-job`: what is scored, and where to."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.parameters import NAMES
from goldenpath.serve.table.batch_scoring import ScoreOptions

Command = Callable[..., None]


class _Data(click.ParamType[str]):
    """An existing file or folder, or a URL."""

    name = "data"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the text as it was given."""
        text = str(value)
        if "://" not in text and not Path(text).exists():
            self.fail(f"{text} does not exist: expected a file, a folder or a URL", param, ctx)
        return text


FLAGS: tuple[Callable[[Command], Command], ...] = (
    click.argument("model", type=MODEL),
    click.argument("data", type=_Data()),
    stage_option("The stage whose release scores."),
    click.option("--out", required=True, help="A .parquet, .arrow or .csv file, or s3://…"),
    click.option("--release", default="", help="Only if the stage declares exactly this release."),
    click.option(
        "--keep", type=NAMES, default=(), help="Columns of DATA to write beside the answers."
    ),
    click.option("--subject", default="", help="Column with the person whom a row is about."),
    click.option(
        "--concurrency", type=click.IntRange(1, 64), default=4, show_default=True,
        help="Requests at a time.",
    ),
    click.option("--process", help="Business process, for the records."),
    click.option("--channel", help="Channel of the request, for the records."),
)  # fmt: skip


def scoring_flags(command: Command) -> Command:
    """Add every flag; the command gets `wish`, what to score, in place of most of them."""

    @wraps(command)
    def with_wish(
        *,
        data: str,
        out: str,
        release: str,
        keep: tuple[str, ...],
        subject: str,
        process: str | None,
        channel: str | None,
        **others: object,
    ) -> None:
        named = {"process": process, "channel": channel}
        labels = {name: label for name, label in named.items() if label}
        command(wish=ScoreOptions(data, out, keep, subject, labels, release), **others)

    flagged: Command = with_wish
    for flag in reversed(FLAGS):
        flagged = flag(flagged)
    return flagged
