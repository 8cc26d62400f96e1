"""A judgement of a canary as text, and as a record."""

from dataclasses import fields

from goldenpath.canary.judge import Judgement
from goldenpath.cli.changing import change_record


def judgement_page(judgement: Judgement) -> str:
    """Return the text that `goldenpath judge` prints about one canary."""
    verdict = judgement.verdict
    lines = [
        f"{judgement.name}: {verdict.action} at {judgement.percent} percent: {verdict.reason}",
        f"  {verdict.requests} answers of the canary since {judgement.since.isoformat()}",
        *(f"  {each.summary}" for each in verdict.telling),
        *(f"  not known: {each}" for each in verdict.gaps),
    ]
    if judgement.done is not None and judgement.done.branch:
        lines.append(
            f"main accepts no push: the commit waits in the branch {judgement.done.branch}"
        )
    else:
        lines.append(f"commit {judgement.commit}" if judgement.commit else "nothing was changed")
    return "\n".join(lines)


def judgement_record(judgement: Judgement) -> dict[str, object]:
    """Return the judgement as `--output json` shows it."""
    record = {field.name: getattr(judgement, field.name) for field in fields(judgement)}
    record["done"] = None if judgement.done is None else change_record(judgement.done)
    return record
