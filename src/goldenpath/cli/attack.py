"""`goldenpath attack`: show that each attack works without its control and fails with it."""

import sys

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import VerificationError
from goldenpath.release.attacks.suite import SuiteResult, run


@click.command()
@click.option(
    "--suite",
    type=click.Choice(["supply-chain"]),
    default="supply-chain",
    show_default=True,
    help="Which attacks to try.",
)
@output_option
def verb(suite: str, output: Format) -> None:
    """Attack the verifier on a throwaway release; exit 4 if anything gets through."""
    result = run(compose.throwaway_store)
    record = {"suite": suite, "holds": result.holds, **_fields(result)}
    show(record, _text(result), output)
    if not result.holds:
        sys.exit(VerificationError.exit_code)


def _fields(result: SuiteResult) -> dict[str, object]:
    return {"outcomes": result.outcomes, "ablations": result.ablations}


def _text(result: SuiteResult) -> str:
    lines = []
    for outcome in result.outcomes:
        mark = "refused" if outcome.refused else "PASSED "
        lines.append(f"{mark}  {outcome.attack}")
        lines.append(f"         {outcome.control}: {outcome.reason}")
    lines.append("")
    for ablation in result.ablations:
        verdict = "exactly as expected" if ablation.exact else "NOT as expected"
        count = f"{len(ablation.succeeded)} of {len(ablation.expected)}"
        lines.append(f"without {ablation.control:15} {count:>8} attacks pass, {verdict}")
    refused = sum(outcome.refused for outcome in result.outcomes)
    lines.append(f"\n{refused} of {len(result.outcomes)} attacks refused")
    return "\n".join(lines)
