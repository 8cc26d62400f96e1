"""`goldenpath attack`: show that each attack works without its control and fails with it."""

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from goldenpath import compose
from goldenpath.cli.attack_page import page
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import stepping
from goldenpath.errors import Unavailable, VerificationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from goldenpath.release.attacks.suite import SuiteResult

SUITES = ("supply-chain", "build", "sandbox", "gitops", "rights", "registry", "http")
_ALL = "all"


@click.command()
@click.option(
    "--suite",
    type=click.Choice([*SUITES, _ALL]),
    default="supply-chain",
    show_default=True,
    help="Which attacks to try.",
)
@output_option
def verb(suite: str, output: Format) -> None:
    """Attack goldenpath's own controls; exit 4 if anything gets through.

    Nothing outside throwaway files and processes is attacked. What this machine cannot show is left
    out, with the reason; exit 5 if that is a whole suite.
    """
    from goldenpath.attacks.suites import suites
    from goldenpath.release.attacks.suite import run

    made = suites(compose.throwaway_store)
    results = {
        name: run(made[name](), partial(stepping, f"attacks on {name}"))
        for name in (SUITES if suite == _ALL else (suite,))
    }
    records = [_record(name, result) for name, result in results.items()]
    holds = all(result.holds for result in results.values())
    whole = {"suite": suite, "holds": holds, "suites": records}
    show(whole if suite == _ALL else records[0], page(results), output)
    sys.exit(exit_status(results))


def exit_status(results: "Mapping[str, SuiteResult]") -> int:
    """Return 4 if anything got through, 5 if nothing of a suite could be tried, else 0."""
    if any(not result.holds and not result.is_empty for result in results.values()):
        return VerificationError.exit_code
    return Unavailable.exit_code if any(each.is_empty for each in results.values()) else 0


def _record(suite: str, result: "SuiteResult") -> dict[str, object]:
    return {
        "suite": suite,
        "holds": result.holds,
        "outcomes": result.outcomes,
        "ablations": result.ablations,
        "left_out": result.left_out,
    }
