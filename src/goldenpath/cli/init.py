"""`goldenpath init`: set up the platform on this machine."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import ADDRESS
from goldenpath.promote.acts.founding import PlatformOptions
from goldenpath.promote.platform.platform import GATEWAY, URL


@click.command
@identity_options
@click.option(
    "--role",
    "roles",
    multiple=True,
    default=["platform-engineer"],
    show_default=True,
    help="A role of the acting person; repeatable.",
)
@click.option("--make-key", is_flag=True, help="Make the SSH key if it does not exist.")
@click.option(
    "--listen", type=ADDRESS, default=GATEWAY, show_default=True, help="Address of the gateway."
)
@click.option(
    "--registry",
    default="registry.example/models",
    help="Host and path in a registry for releases.",
)
@click.option("--url", default=URL, help="Address of the gitops repository for a cluster.")
@click.option(
    "--demonstration",
    is_flag=True,
    help="Show the product only: what a real company alone can fill in may stay open.",
)
@output_option
def verb(
    name: str | None,
    key: Path | None,
    roles: tuple[str, ...],
    make_key: bool,
    listen: str,
    registry: str,
    url: str,
    demonstration: bool,
    output: Format,
) -> None:
    """Set up the platform on this machine: keys, registry, gitops repository."""
    home = compose.home()
    acting = compose.identity(name, key, make_key=make_key)
    options = PlatformOptions(listen, registry, roles, url, demonstration)
    outcome = compose.set_up(home, acting, options)
    made = ", ".join(outcome.created) or "nothing, everything exists"
    show(
        outcome,
        f"platform in {outcome.home}\ncreated: {made}\n"
        f"first commit: {outcome.root}\n"
        f"check it with: git --git-dir={home.gitops} log --show-signature",
        output,
    )
