"""Fetches Debian packages of any suite and unpacks them; the system stays as it is."""

import os
from pathlib import Path

from goldenpath.processes.tool import run_tool

TIME_LIMIT = 900
_DONE = ".unpacked"


class FetchFailed(Exception):
    """A package could not be had; the message says which and what apt said."""


def fetch(suite: str, packages: tuple[str, ...], folder: Path) -> Path:
    """The folder with the unpacked packages of `suite`, fetched once.

    The mirror is the one that apt uses already, so that no address stands here. apt checks the
    signature of the lists by Debian's keyring. `own`, and what begins with `own-`, is whatever
    suite this machine has.
    """
    unpacked = folder / "debian" / suite
    if is_fetched(suite, packages, folder):
        return unpacked
    state = folder / "debian" / f"{suite}.apt"
    environment = dict(os.environ)
    if suite.partition("-")[0] != "own":
        environment["APT_CONFIG"] = str(_apt_state(suite, state))
        _run(["apt-get", "update", "-qq"], state, environment)
    archives = state / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "download", "-qq", *packages], archives, environment)
    unpacked.mkdir(parents=True, exist_ok=True)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg", "-x", str(archive), str(unpacked)], state, environment)
    (unpacked / _DONE).write_text("\n".join(packages), "utf-8")
    return unpacked


def is_fetched(suite: str, packages: tuple[str, ...], folder: Path) -> bool:
    """Whether exactly these packages of the suite were unpacked already."""
    done = folder / "debian" / suite / _DONE
    return done.is_file() and done.read_text("utf-8") == "\n".join(packages)


def _apt_state(suite: str, state: Path) -> Path:
    """A configuration by which apt knows `suite` alone and writes below `state` alone."""
    for name in ("lists/partial", "cache/archives/partial", "none"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "empty").write_text("", "utf-8")
    (state / "sources.list").write_text(
        f"deb [signed-by={_keyring()}] {_mirror()} {suite} main\n", "utf-8"
    )
    configuration = state / "apt.conf"
    configuration.write_text(
        f'Dir::State::lists "{state}/lists";\nDir::State::status "{state}/empty";\n'
        f'Dir::Cache "{state}/cache";\nDir::Etc::sourcelist "{state}/sources.list";\n'
        f'Dir::Etc::sourceparts "{state}/none";\nDir::Etc::preferencesparts "{state}/none";\n'
        'APT::Sandbox::User "root";\nAcquire::Languages "none";\n',
        "utf-8",
    )
    return configuration


def _keyring() -> str:
    listed = _run(["dpkg", "-L", "debian-archive-keyring"], Path.cwd(), dict(os.environ))
    for line in listed.splitlines():
        if line.endswith("debian-archive-keyring.gpg"):
            return line
    raise FetchFailed("the package debian-archive-keyring has no keyring in it")


def _mirror() -> str:
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    lines = _run(command, Path.cwd(), dict(os.environ)).splitlines()
    for line in lines:
        if "security" not in line:
            return line
    raise FetchFailed("apt has no archive on this machine")


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    run = run_tool(command, seconds=TIME_LIMIT, environment=environment, folder=folder)
    if run.exit_code:
        raise FetchFailed(f"{' '.join(command[:3])}: {run.complaint}")
    return run.text
