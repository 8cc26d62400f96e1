"""`goldenpath requests`: list the open pull requests, as the forge shows them."""

from dataclasses import asdict

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import InvalidInput
from goldenpath.promote.forge.pull_request import Agreed, PullRequest


@click.command()
@output_option
def verb(output: Format) -> None:
    """List the pull requests that wait, and who approved them on the forge.

    Approvals on the forge are only shown; only those of `goldenpath approve` open a gate.
    """
    forge = compose.forge(compose.trusted(compose.home()).platform)
    if forge is None:
        raise InvalidInput(
            "no forge is set up",
            hint="platform.toml needs [forge], and GOLDENPATH_FORGE_TOKEN a token",
        )
    requests = [(each, forge.agreed(each)) for each in forge.waiting()]
    lines = [_text(request, agreed) for request, agreed in requests]
    data = [
        {**asdict(each), "approvedBy": [asdict(a) for a in agreed]} for each, agreed in requests
    ]
    show(data, "\n".join(lines) or "nothing waits", output)


def _text(request: PullRequest, agreed: tuple[Agreed, ...]) -> str:
    names = ", ".join(
        each.login + ("" if each.commit in ("", request.commit) else " (an older commit)")
        for each in agreed
    )
    return f"{request.title}\n  {request.url}\n  approved on the forge by {names or 'nobody'}"
