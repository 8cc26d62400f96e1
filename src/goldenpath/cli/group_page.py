"""The page of `goldenpath performance --by`: decisions by group, period by period."""

from collections.abc import Iterator

from goldenpath.cli.tables import TableRow, table
from goldenpath.observe.labels.slice_history import FEWEST, GroupShare, SliceHistory

NO_PROOF = "a difference between groups is no proof of unfairness, and a small one none of fairness"
_HEADINGS = ("from", "group", "outcome", "decisions", "share", "95 % interval", "remarks")


def group_page(history: SliceHistory) -> str:
    """Return the text about the groups of one feature."""
    return "\n".join(_lines(history))


def _lines(history: SliceHistory) -> Iterator[str]:
    yield f"decisions by {history.feature}, from the sealed log"
    if not history.shares:
        yield "no decision with open inputs is in the sealed log"
    else:
        yield table(_HEADINGS, [_row(each) for each in history.shares], has_head=True)
    for gap in history.gaps_between:
        yield (
            f"{gap.period}: {gap.outcome} differs most between {gap.most} and {gap.least}, by "
            f"{gap.difference:.1%} ({gap.low:.1%} to {gap.high:.1%})"
        )
    if history.closed:
        yield f"not counted: {history.closed} decisions whose inputs no key opens"
    yield from (f"not counted: {gap}" for gap in history.gaps)
    yield NO_PROOF


def _row(share: GroupShare) -> TableRow:
    interval = "" if share.low is None else f"{share.low:.1%} to {share.high or 0:.1%}"
    remark = f"fewer than {FEWEST} decisions: not compared" if share.is_small else ""
    return TableRow(
        (
            share.period, share.group, share.outcome, f"{share.decisions}", f"{share.share:.1%}",
            interval, remark,
        )
    )  # fmt: skip
