"""`goldenpath key`: the build keys that releases are signed with, by signed commits."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.rotation import BEGINNING, ended, revoked, with_key
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import TrustedKey

_MOMENT = click.DateTime()


@click.group
def verb() -> None:
    """List, add, end or revoke a key that signs releases."""


@verb.command("list")
@output_option
def list_keys(output: Format) -> None:
    """List the build keys of platform.toml and when each counts."""
    keys = compose.trusted(compose.home()).platform.build_keys
    show(keys, "\n".join(map(_line, keys)), output)


@verb.command("add")
@click.argument("new")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--make-key", is_flag=True, help="Make the key, and its private part beside it.")
@click.option("--from", "start", type=_MOMENT, help="From when it counts, in UTC.")
@click.option("--until", "end", type=_MOMENT, help="Until when it counts, in UTC.")
@identity_options
@output_option
def add(
    new: str,
    file: Path,
    make_key: bool,
    start: datetime | None,
    end: datetime | None,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Trust the public key in FILE (PEM) under a NEW name."""
    made = compose.public_key(new, file, make=make_key)
    trusted = TrustedKey(new, made.public_key, _utc(start), _utc(end))
    _change(f"trust the build key {new}", lambda p: with_key(p, trusted), name, key, output=output)


@verb.command("end")
@click.argument("old")
@click.option("--at", type=_MOMENT, help="When, in UTC; now otherwise.")
@identity_options
@output_option
def end(old: str, at: datetime | None, name: str | None, key: Path | None, output: Format) -> None:
    """End the time of a key; what it signed before still counts."""
    moment = _utc(at) or compose.now().replace(microsecond=0)
    _change(f"end the build key {old}", lambda p: ended(p, old, moment), name, key, output=output)


@verb.command("revoke")
@click.argument("stolen")
@click.option("--at", type=_MOMENT, help="As of when, in UTC; now otherwise.")
@click.option("--all", "everything", is_flag=True, help="All that it ever signed.")
@identity_options
@output_option
def revoke(
    stolen: str,
    at: datetime | None,
    everything: bool,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Revoke a stolen key; nothing that it signed since then counts."""
    moment = BEGINNING if everything else _utc(at) or compose.now().replace(microsecond=0)
    _change(
        f"revoke the build key {stolen}",
        lambda p: revoked(p, stolen, moment),
        name,
        key,
        output=output,
    )


def _change(
    what: str,
    change: Callable[[Platform], Platform],
    name: str | None,
    key: Path | None,
    *,
    output: Format,
) -> None:
    change_platform(change, f"platform: {what}\n", what, compose.identity(name, key), output=output)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _line(key: TrustedKey) -> str:
    times = (
        ("from", key.valid_from),
        ("until", key.valid_until),
        ("revoked as of", key.revoked_at),
    )
    said = ", ".join(f"{word} {time.isoformat()}" for word, time in times if time is not None)
    return f"{key.name}: {said or 'without limit'}"
