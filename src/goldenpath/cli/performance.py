"""`goldenpath performance`: the performance of a model, estimated and as labels show it."""

from collections.abc import Callable
from datetime import datetime

import click

from goldenpath import compose
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import in_utc
from goldenpath.cli.performance_page import performance_page
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.observe.labels.performance_report import performance_report
from goldenpath.observe.log.release_parts import Releases
from goldenpath.oci.store import Store
from goldenpath.promote.workspace.release_reader import read_rows
from goldenpath.train.evaluation.evaluation_rows import Rows


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage whose answers are judged.")
@click.option("--known-at", type=click.DateTime(), help="With labels known at this time, UTC.")
@output_option
def verb(model: str, stage: str, known_at: datetime | None, output: Format) -> None:
    """Show the performance of every release of MODEL that answered in a stage.

    Estimated: from the scores alone, if outcomes given scores are as on the evaluation rows of the
    release. Realised: on the answers with labels. Labels also show whether that condition holds.
    """
    home = compose.home()
    store = compose.platform_store(home)
    releases = Releases(store, note)
    report = performance_report(
        home,
        stage,
        model,
        until=in_utc(known_at) or compose.now(),
        contract_of=lambda digest: getattr(releases(digest), "contract", None),
        rows_of=_rows_of(home, store),
    )
    if not report.releases:
        compose.require_known(home, stage, model, set())
    show(report, performance_page(report), output)


def _rows_of(home: Home, store: Store) -> Callable[[str], Rows | None]:
    statements = compose.signed_statements(home, compose.trusted(home).platform)

    def rows(digest: str) -> Rows | None:
        try:
            return read_rows(store, statements(Digest(digest)))
        except GoldenPathError as error:
            note(f"the evaluation rows of {digest} cannot be read: {error.message}")
            return None

    return rows
