"""The data of a project up to a stated day: where they are, what they are, and how far they reach.

A retraining moves pins, so this looks at the data as they are now. It answers with the new pins, or
says why the data up to that day cannot be had, and what would help.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.project.data_digest import digest_data
from goldenpath.project.spec import DataSource
from goldenpath.train.data.data_cache import DataCache, fetch_data
from goldenpath.train.data.dataset import time_range
from goldenpath.train.moved_pin import MovedPin


def moved_pins(
    root: Path,
    sources: Sequence[DataSource],
    until: date,
    data_cache: DataCache,
) -> tuple[MovedPin, ...]:
    """Return the pins that move, so that the data reach up to the day `until` and no further.

    Sources that declare neither `time` nor `dated` keep their pins. Raises `InvalidInput` if the
    data end before or after the day, or if no pin moves; `NotFound` if there are no such data.
    """
    pins = tuple(_pins(root, sources, until, data_cache))
    if not pins:
        raise InvalidInput(
            "no data of this project say up to which day they reach",
            hint='name the column with the time of each row: time = "COLUMN" in [data.NAME] of '
            "goldenpath.toml, and commit that",
        )
    moved = tuple(each for each in pins if each.digest != each.digest_before)
    if not moved:
        raise InvalidInput(
            f"the data up to {until} are those that are pinned already: "
            f"{', '.join(each.name for each in pins)}",
            hint="name a later day with --until, once the source has data up to it",
        )
    return moved


def _pins(
    root: Path,
    sources: Sequence[DataSource],
    until: date,
    data_cache: DataCache,
) -> Iterator[MovedPin]:
    for source in sources:
        if not source.time and not source.dated:
            continue
        wanted = replace(source, path=source.path_until(until.isoformat()))
        data_cache.report(f"reading {wanted.path}")
        path = _fetched(root, source, wanted, until, data_cache=data_cache)
        digest = digest_data(path, pieces=wanted.pieces).digest
        last = time_range(path, wanted)[1]
        if wanted.time:
            _refuse_other_end(wanted, last, until)
        yield MovedPin(source.name, source.path, source.digest, wanted.path, digest.text, last)


def _fetched(
    root: Path, source: DataSource, wanted: DataSource, until: date, *, data_cache: DataCache
) -> Path:
    try:
        path = fetch_data(root, wanted, data_cache, pinned=False)
    except NotFound as error:
        raise _not_there(source, wanted, until) from error
    if not path.exists():
        raise _not_there(source, wanted, until)
    return path


def _not_there(source: DataSource, wanted: DataSource, until: date) -> NotFound:
    return NotFound(
        f"the data {source.name!r} up to {until} are not there: expected {wanted.path}",
        hint="name a day up to which the source has data, or bring them to that place"
        if source.dated
        else "bring the data to that place",
    )


def _refuse_other_end(source: DataSource, last: str, until: date) -> None:
    day = last[:10]
    if not day:
        raise InvalidInput(
            f"the data {source.name!r} up to {until} have no row with a time in the column "
            f"{source.time!r}: expected rows up to that day"
        )
    if day < until.isoformat():
        raise InvalidInput(
            f"the data {source.name!r} end on {day}: expected rows up to {until}",
            hint=f"use --until {day}, or wait until the source has data up to {until}",
        )
    if day > until.isoformat():
        raise InvalidInput(
            f"the data {source.name!r} have rows up to {day}: expected none after {until}",
            hint=f"use --until {day}, or keep the data up to each day at a path of their own and "
            f'declare it: dated = "…{{day}}…" in [data.{source.name}]',
        )
