"""`goldenpath policy test`: run the known-good and known-bad manifests by the policies."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.policy_test_page import policy_test_page
from goldenpath.errors import REFUSED


@click.command("test")
@output_option
@click.pass_context
def test(context: click.Context, output: Format) -> None:
    """Judge 200 bad and 50 good manifests by the policies.

    The fields are judged by the very policies that a cluster gets, and signatures by our own
    verifier, on releases made for it. Exit 7 if a verdict is not the expected one.
    """
    results = compose.tried_policies(compose.home())
    show(results, policy_test_page(results), output)
    if not all(each.agrees for each in results):
        context.exit(REFUSED)
