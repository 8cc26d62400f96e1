"""The page of `goldenpath renew`: what moved, the release, and what its road asks next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from goldenpath.cli.rehearsing import built_text

if TYPE_CHECKING:
    from goldenpath.compose.renewals.renewing import Renewed


def renewal_page(done: "Renewed") -> str:
    """Return the text about a retraining."""
    return "\n".join(_lines(done))


def _lines(done: "Renewed") -> Iterator[str]:
    renewal = done.renewal
    yield f"{renewal.model} was {renewal.sentence}"
    for pin in renewal.data:
        reach = f"rows up to {pin.last}" if pin.last else "up to that day by its path alone"
        yield f"data {pin.name:19} {pin.digest_before[:19]} -> {pin.digest[:19]}, {reach}"
        if pin.path != pin.path_before:
            yield f"     {'path':19} {pin.path_before} -> {pin.path}"
    yield f"branch                   {renewal.branch} at {renewal.commit[:12]}"
    yield built_text(done.built)
    yield f"signed by                {done.person}, statement {done.statement}"
    yield (
        "nothing was promoted: push the branch, then "
        f"goldenpath why {renewal.model} --stage STAGE says what the release needs"
    )
