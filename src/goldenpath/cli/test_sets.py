"""`goldenpath test-sets`: list how often data were looked at, and what that can hide."""

import click

from goldenpath import compose
from goldenpath.audit.test_sets.look_ledger import gather_looks
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.tables import TableRow, table
from goldenpath.promote.gates.test_sets.data_looks import LookedAtData
from goldenpath.promote.gates.test_sets.optimism import CONFIDENCE


@click.command()
@click.option("--at", "time", default="now", help="The looks that were signed up to this time.")
@output_option
def verb(time: str, output: Format) -> None:
    """List how often signed evaluations looked at each data set.

    The bounds say how much the best look can flatter the mean of a number between 0 and 1, at 95 %:
    if no model depended on an earlier look, and if each was chosen by whether those before passed.
    """
    home = compose.home()
    records = compose.signed_records(home, parse_moment(time, compose.now()))
    ledger = gather_looks(records, home)
    headings = ("data", "looks", "rows", "first", "last", "if fixed", "if adaptive")
    text = table(headings, [_row(each) for each in ledger.data]) or "no signed evaluation"
    lines = [text, *(f"not known: {each}" for each in ledger.unknown)]
    record = {
        "ledger": ledger,
        "confidence": CONFIDENCE,
        "bounds": {
            each.digest: {"fixed": each.fixed_bound, "adaptive": each.adaptive_bound}
            for each in ledger.data
        },
    }
    show(record, "\n".join(lines), output)


def _row(each: LookedAtData) -> TableRow:
    first, last = each.looks[0].time[:10], each.looks[-1].time[:10]
    bounds = (f"{each.fixed_bound:.4f}", f"{each.adaptive_bound:.4f}")
    name = f"{', '.join(each.names)} {each.digest[:19]}"
    looks = f"{len(each.looks)}" + f" to {each.most}" * bool(each.perhaps)
    return TableRow((name, looks, str(each.rows), first, last, *bounds))
