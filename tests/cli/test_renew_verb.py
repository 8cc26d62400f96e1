"""`goldenpath renew`: every refusal comes before anything is written, and the release says why."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.audit.events.event_log import EventLog
from goldenpath.home import Home
from goldenpath.observe.drift.findings import MONITOR, resolved, save
from tests.audit.alarms.examples import NOW, finding
from tests.cli.conftest import Town
from tests.cli.saying import Command, Said
from tests.quick_project import commit, quicken
from tests.sizes import full_size
from tests.starter import share_environments
from tests.train.source.repositories import git

WHO = "data-scientist"
NAME = "credit-default"
Renew = Callable[..., Said]


@pytest.fixture
def project(starter: Path, copy: Town) -> Path:
    """A project whose data say when their rows are from."""
    folder = copy.folder / NAME
    shutil.copytree(starter, folder)
    with_times(folder)
    commit(folder)
    return folder


def with_times(folder: Path, day: date = date(2026, 9, 30)) -> None:
    """Declare a small table that ends on a day, in place of nothing: the others stay pinned."""
    (folder / "data" / "bookings.csv").write_text(f"row,at\n1,2026-09-01\n2,{day}\n")
    declared = (folder / "goldenpath.toml").read_text()
    if "[data.bookings]" not in declared:
        table = (
            '[data.bookings]\npath = "data/bookings.csv"\ntime = "at"\n'
            f'digest = "sha256:{64 * "0"}"\n\n'
        )
        (folder / "goldenpath.toml").write_text(declared.replace("[data.", f"{table}[data.", 1))


@pytest.fixture
def renew(copy: Town, project: Path, changing: Command) -> Renew:
    save(Home(copy.folder / "home").findings, finding(model=NAME))

    def run(*more: str, until: str = "2026-09-30", who: str = WHO) -> Said:
        place = ("--project", str(project), "--until", until)
        return changing("renew", NAME, *place, *more, *copy.acting(who))

    return run


def untouched(project: Path) -> bool:
    """Whether the project is as committed, on its branch, and no branch was made."""
    branches = git(project, "branch", "--format", "%(refname:short)").split()
    return git(project, "status", "--porcelain") == "" and len(branches) == 1


def test_a_day_that_is_not_there_yet_is_refused(renew: Renew, project: Path) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    for day in (f"{tomorrow}", "2999-01-01"):
        refused = renew("--reason", "yearly", until=day)
        assert (refused.code, refused.is_orderly) == (2, True)
        assert "is in the future" in refused.err and "hint: use --until" in refused.err
    nonsense = renew("--reason", "yearly", until="2026-02-30")
    assert nonsense.code == 2 and nonsense.is_orderly
    assert untouched(project)


def test_data_that_cannot_be_had_up_to_the_day_are_refused(renew: Renew, project: Path) -> None:
    early, late = (
        renew("--reason", "x", until="2026-09-29"),
        renew("--reason", "x", until="2026-10-01"),
    )

    assert (early.code, late.code) == (2, 2)
    assert "rows up to 2026-09-30: expected none after 2026-09-29" in early.err
    assert "end on 2026-09-30: expected rows up to 2026-10-01" in late.err
    assert "hint: use --until 2026-09-30" in late.err
    assert untouched(project)


def test_a_finding_that_is_unknown_closed_or_of_another_model_is_refused(
    renew: Renew, copy: Town, project: Path
) -> None:
    home = Home(copy.folder / "home")
    save(home.findings, resolved(finding(2, model=NAME), MONITOR, "again", NOW))
    save(home.findings, finding(3))

    codes = [renew("--finding", name).code for name in ("drift-9", finding(2).id, finding(3).id)]

    assert codes == [3, 2, 2]
    assert "hint: goldenpath findings credit-default --open" in renew("--finding", "drift-9").err
    assert untouched(project)


def test_somebody_who_is_not_listed_and_who_says_no_why_is_refused(
    renew: Renew, project: Path
) -> None:
    assert "it is not said why" in renew().err
    assert renew("--reason", " ").code == 2
    stranger = renew("--reason", "yearly", who="rollout")
    assert stranger.code in (2, 3) and stranger.is_orderly
    assert untouched(project)


def test_a_project_that_is_not_as_committed_is_refused(renew: Renew, project: Path) -> None:
    (project / "src" / "notes.txt").write_text("later\n")

    refused = renew("--finding", finding().id)

    assert refused.code == 2
    assert "changes that are not committed: src/notes.txt" in refused.err
    assert "hint: commit or stash them" in refused.err


def test_a_project_of_another_model_is_refused(
    copy: Town, project: Path, changing: Command
) -> None:
    place = ("--project", str(project), "--until", "2026-09-30", "--reason", "yearly")
    refused = changing("renew", "pricing", *place, *copy.acting(WHO))

    assert refused.code == 2
    assert "is credit-default: expected pricing" in refused.err


def test_a_build_that_fails_leaves_no_branch(renew: Renew, copy: Town, project: Path) -> None:
    Home(copy.folder / "home").build_key.unlink()

    failed = renew("--finding", finding().id)

    assert failed.code == 3 and "making the branch" in failed.err
    assert untouched(project)


@full_size("test_a_build_that_fails_leaves_no_branch")
@pytest.mark.timeout(600)
def test_a_retraining_takes_the_usual_road_and_says_why(
    renew: Renew, copy: Town, project: Path, changing: Command
) -> None:
    home = Home(copy.folder / "home")
    declared = (project / "goldenpath.toml").read_text()
    few = "[training.parameters]\nsample = 900"
    (project / "goldenpath.toml").write_text(declared.replace("[training.parameters]", few, 1))
    quicken(project)
    share_environments(home.root)
    before = git(home.gitops, "rev-parse", "main")

    done = renew("--finding", finding().id, "--output", "json")

    assert done.code == 0, done.err
    made = json.loads(done.out)
    branch, digest = made["renewal"]["branch"], made["built"]["digest"]
    assert branch == "renew/credit-default-2026-09-30"
    assert git(project, "branch", "--show-current").strip() == "main"
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "diff", "--name-only", "main", branch).split() == ["goldenpath.toml"]
    message = git(project, "log", "-1", "--format=%B", branch)
    assert f"Finding: {finding().id}" in message and "Renewal-Until: 2026-09-30" in message
    (pin,) = made["renewal"]["data"]
    assert (pin["name"], pin["last"]) == ("bookings", "2026-09-30T00:00:00Z")
    assert git(home.gitops, "rev-parse", "main") == before, "nothing is promoted"
    shown = changing("inspect", digest)
    assert "attestation/renewal/v1" in shown.out
    (event,) = (each for each in EventLog(home.events).read() if each.kind == "release.renewed")
    assert (event.actor, event.digest) == (WHO, digest)
    again = renew("--finding", finding().id)
    assert again.code == 2 and "is there already" in again.err
