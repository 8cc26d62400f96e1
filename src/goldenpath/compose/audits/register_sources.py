"""The signed records of the platform of this machine, as of a moment."""

import os
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.audit.registers.signed_records import SignedRecords
from goldenpath.audit.timeline.platform_moment import platform_at_moment
from goldenpath.compose.gitops_access import gitops, sighting, signed_statements, trusted
from goldenpath.compose.process_context import commit_events, now
from goldenpath.compose.stores import store_of
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.settings import ADVISORIES_VARIABLE

if TYPE_CHECKING:
    from goldenpath.audit.registers.bill_of_materials import PartQuery
    from goldenpath.audit.registers.key_reach import KeyReach
    from goldenpath.promote.acts.holding import DeploymentUse

ADVISORY = re.compile(r"(?i:(CVE|PYSEC|OSV)-\d{4}-\d+|GHSA(-[a-z0-9]{4}){3})")
"""Identifiers of advisories; anything else is a digest or the name of a package."""


def signed_records(home: Home, moment: datetime) -> SignedRecords:
    """Return the commits and statements up to `moment`, under the platform file of then.

    The store is that of today: an earlier one may be gone. Raises `InvalidInput` for a future time.
    """
    if moment > now():
        raise InvalidInput("the time is in the future: expected one that has passed")
    newest = trusted(home)
    then = replace(newest, platform=_platform_of(home, newest, moment))
    return SignedRecords(
        gitops(home),
        then,
        lambda: store_of(home, newest.platform),
        signed_statements(home, then.platform, store=newest.platform),
        sighting(home),
        moment,
    )


def platform_then(home: Home, moment: datetime) -> Platform:
    """Return the platform file in force at a moment; the newest one for a time to come."""
    return _platform_of(home, trusted(home), moment)


def _platform_of(home: Home, newest: Trusted, moment: datetime) -> Platform:
    when = sighting(home)
    return platform_at_moment(
        gitops(home), newest, lambda commit: when(commit).arrival(commit.time), moment
    )


def part_query(text: str) -> "PartQuery":
    """Return what `goldenpath affected` looks for; an advisory is looked up in its folder.

    Raises `InvalidInput` for a text that is none of the kinds, and for an advisory without a
    folder, `NotFound` for one that the folder does not have.
    """
    from goldenpath.audit.registers.bill_of_materials import PartQuery, parse_query
    from goldenpath.release.evidence.advisories import read_advisories

    if ADVISORY.fullmatch(text) is None:
        return parse_query(text)
    folder = os.environ.get(ADVISORIES_VARIABLE)
    if not folder:
        raise InvalidInput(
            f"which packages {text} affects is not known here: {ADVISORIES_VARIABLE} is not set",
            hint=f"name a folder of advisories in OSV format in {ADVISORIES_VARIABLE}",
        )
    advisories = read_advisories(Path(folder))
    named = advisories.named(text)
    if not named:
        raise NotFound(
            f"none of the {advisories.count} advisories in {folder} is {text}, or all of them were "
            "withdrawn",
            hint="bring the folder up to date, or ask for the package by its name",
        )
    return PartQuery(text, "advisory", advisories=advisories, named=named)


def deployment_use(home: Home, stage: str, model: str, quiet: timedelta) -> "DeploymentUse":
    """Return who used a deployment in the last `quiet`, and what could not be found out."""
    from goldenpath.audit.answers.checked_logs import check_logs
    from goldenpath.audit.registers.deployment_use import recent_use

    until, log = now(), check_logs(home, model=model).states.predictions
    return recent_use(home, (stage, model), until - quiet, until=until, log=log)


def note_commit(home: Home, commit: str) -> None:
    """Write the event of a commit that this machine made; nothing for a proposal."""
    if commit:
        commit_events(home, gitops(home)).catch_up(commit)


def key_reach(home: Home, key: str, since: datetime) -> "KeyReach":
    """Return what a key touched since a time, by what counts now."""
    from goldenpath.audit.registers import key_reach as reaching

    return reaching.key_reach(signed_records(home, now()), home, key, since)
