"""The flags of `goldenpath serve`; each is also an environment variable."""

from collections.abc import Callable
from pathlib import Path

import click

from goldenpath.cli.parameters import ADDRESS

PREFIX = "GOLDENPATH_SERVE"
"""The flag `--drain-delay` is the variable `GOLDENPATH_SERVE_DRAIN_DELAY`, and so on."""

Command = Callable[..., None]
_PATH = click.Path(path_type=Path)

FLAGS: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--verify", type=_PATH, metavar="FILE", help="Policy or platform.toml to verify it by."
    ),
    click.option(
        "--evidence",
        metavar="STORE",
        help="Store with the manifest and statements of a folder.",
    ),
    click.option("--release", metavar="DIGEST", help="Digest that the release has to have."),
    click.option(
        "--listen",
        type=ADDRESS,
        default="127.0.0.1:8080",
        show_default=True,
        help="Address for REST requests.",
    ),
    click.option("--grpc", type=ADDRESS, help="Address for gRPC calls; default: none."),
    click.option("--metrics", type=ADDRESS, help="Address of /metrics; default: none."),
    click.option(
        "--stage",
        default="local",
        show_default=True,
        help="Name of the stage in records and telemetry.",
    ),
    click.option(
        "--state",
        type=_PATH,
        metavar="FOLDER",
        help="Folder for records and log; default: serve in the home.",
    ),
    click.option(
        "--records/--no-records",
        default=True,
        show_default=True,
        help="Record every answer before it is sent.",
    ),
    click.option(
        "--on-loss",
        type=click.Choice(["serve", "refuse"]),
        default="serve",
        show_default=True,
        help="What to do with a request that cannot be recorded.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(1, 1024),
        default=1,
        show_default=True,
        help="Threads of one call of the model.",
    ),
    click.option(
        "--drain-delay",
        type=click.FloatRange(0, 3600),
        default=0.0,
        show_default=True,
        help="Seconds to go on answering after SIGTERM.",
    ),
)


def serving_flags(command: Command) -> Command:
    """Add every flag, in the order in which `--help` lists them."""
    for flag in reversed(FLAGS):
        command = flag(command)
    return command
