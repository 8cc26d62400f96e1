"""`python -m cluster build` fetches the parts; `up` and `walk` start a cluster from them."""

import datetime
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cluster.debian import fetch, is_fetched
from cluster.go_build import build
from cluster.governed.governed_order import GovernedOptions, govern_all
from cluster.parts import (
    DEBIAN_SUITES,
    GO_PROGRAMS,
    GOVERNED_PROGRAMS,
    GOVERNED_SUITES,
    WHEELS,
)
from cluster.stack import running_stack
from cluster.walk.order import WalkOptions, walk_all
from cluster.walk.record import WalkRecord
from goldenpath.processes.tool import run_tool

RECORD = Path("build") / "cluster.json"
GOVERNED_RECORD = Path("build") / "cluster-governed.json"
_NEEDED = 30
"""GiB that modules, the build cache and the programs take together."""


def cache_folder() -> Path:
    """Return where what was fetched and built stays, outside of the repository."""
    named = os.environ.get("GOLDENPATH_CLUSTER_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else home / "goldenpath" / "cluster"


def missing_parts(cache: Path) -> tuple[str, ...]:
    """Return the parts that were not fetched or built yet."""
    places = {program.name: cache / "bin" / program.name for program in GO_PROGRAMS}
    places |= {name: cache / name for name in WHEELS}
    return (
        *(name for name, place in places.items() if not place.exists()),
        *(suite for suite, names in DEBIAN_SUITES.items() if not is_fetched(suite, names, cache)),
    )


@click.group()
def command() -> None:
    """A real cluster on this machine, on loopback."""


@command.command("build")
@click.option("--only", multiple=True, help="Build these programs alone.")
@click.option("--governed", is_flag=True, help="Build the policy engine as well.")
def build_parts(only: tuple[str, ...], governed: bool) -> None:
    """Fetch and build every program once."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free / 1024**3
    is_first = any(not (folder / "bin" / program.name).exists() for program in GO_PROGRAMS)
    needed = _NEEDED if is_first else 1 if missing_parts(folder) else 0
    click.echo(f"cache {folder}; {free:.0f} GiB are free, {needed or 'nothing more'} needed")
    if free < needed:
        raise click.ClickException(f"a first build needs {needed} GiB of disk: free some")
    for suite, packages in (DEBIAN_SUITES | (GOVERNED_SUITES if governed else {})).items():
        click.echo(f"Debian {suite}: {', '.join(packages)}")
        fetch(suite, packages, folder)
    for name, wheel in WHEELS.items():
        if not (folder / name).exists():
            click.echo(wheel)
            _install(wheel, folder / name)
    for program in (*GO_PROGRAMS, *(GOVERNED_PROGRAMS if governed else ())):
        if not only or program.name in only:
            click.echo(f"{program.name} {program.version}")
            build(program, folder)


def _install(wheel: str, folder: Path) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(part), wheel]
    run = run_tool(pip, seconds=900)
    if run.exit_code:
        raise click.ClickException(f"pip: {run.complaint}")
    part.rename(folder)


@command.command("up")
def up() -> None:
    """Start the cluster, list what it serves, and take it down again."""
    _require_root()
    with _folder() as folder, running_stack(cache_folder(), folder, _clock, click.echo) as stack:
        click.echo(stack.plane.kubectl("get", "nodes,gateways,crds", "-A", "-o", "name"))


def _cannot_run(missing: str) -> str:
    """Return why no cluster can run here; empty if one can."""
    if missing:
        return f"not built: {missing}"
    return "" if os.geteuid() == 0 else "not root"


def _require_built(missing: str, command_line: str) -> None:
    _require_root()
    if missing:
        raise click.ClickException(f"not built: {missing}; run: {command_line}")


@command.command("walk")
@click.option("--keep-going", is_flag=True, help="Go on with the next step after one that failed.")
@click.option("--models", default=100, show_default=True, help="Models for the step with many.")
@click.option("--step", "steps", multiple=True, help="Walk these steps alone, such as 3 or 6.")
@click.option("--or-skip", is_flag=True, help="Skip loudly where a part or a right is missing.")
def walk(keep_going: bool, models: int, steps: tuple[str, ...], or_skip: bool) -> None:
    """Walk the road of goldenpath in the cluster, and write what was seen."""
    missing = ", ".join(missing_parts(cache_folder()))
    if or_skip and (reason := _cannot_run(missing)):
        click.echo(f"NO CLUSTER WAS WALKED: {reason}")
        return
    _require_built(missing, "python -m cluster build")
    record = WalkRecord(click.echo)
    try:
        with _folder() as folder:
            options = WalkOptions(keep_going, models, steps)
            walk_all(cache_folder(), folder, _clock, record, options)
    finally:
        record.write(RECORD)
        click.echo(f"\n{len(record.claims)} claims held; written to {RECORD}")


@command.command("governed")
@click.option("--or-skip", is_flag=True, help="Skip loudly where a part or a right is missing.")
@click.option("--builtin", is_flag=True, help="Only what needs no policy engine.")
@click.option("--step", "steps", multiple=True, help="Walk these steps alone, such as 5 or 8.")
@click.option("--keep-going", is_flag=True, help="Go on with the next step after one that failed.")
def governed(or_skip: bool, builtin: bool, steps: tuple[str, ...], keep_going: bool) -> None:
    """Walk a cluster with a policy engine: what may start, what is judged, what outages do."""
    cache = cache_folder()
    needed = () if builtin else tuple(each.name for each in GOVERNED_PROGRAMS)
    engines = (name for name in needed if not (cache / "bin" / name).exists())
    clients = (
        suite
        for suite, packages in GOVERNED_SUITES.items()
        if not builtin and not is_fetched(suite, packages, cache)
    )
    missing = ", ".join((*missing_parts(cache), *engines, *clients))
    if or_skip and (reason := _cannot_run(missing)):
        click.echo(f"NO CLUSTER WAS GOVERNED: {reason}")
        return
    _require_built(missing, "python -m cluster build --governed")
    record = WalkRecord(click.echo)
    try:
        with _folder() as folder:
            options = GovernedOptions(builtin, steps, keep_going)
            govern_all(cache, folder, _clock, record, options)
    finally:
        record.write(GOVERNED_RECORD)
        click.echo(f"\n{len(record.claims)} claims held; written to {GOVERNED_RECORD}")


@contextmanager
def _folder() -> Iterator[Path]:
    # Both ways to end it take everything down; a process in the background ignores the first one.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    with tempfile.TemporaryDirectory(prefix="goldenpath-cluster-") as folder:
        yield Path(folder)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise click.ClickException("a kubelet needs root: run it as root on a machine of your own")


def _end(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _clock() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


if __name__ == "__main__":
    command()
