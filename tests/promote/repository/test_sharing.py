"""Several people and machines change one repository, and nobody's commit is lost."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.promote.workspace.stage_changes import roll_back
from tests.promote.repository import promoting
from tests.promote.repository.protected import open_up, protect
from tests.promote.road import CONTRACT, MODEL, Road
from tests.sizes import at_size

ROUNDS = at_size(2, 6)
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path, datetime.now(UTC) - timedelta(minutes=10))


def test_two_processes_that_promote_at_once_lose_nothing(road: Road) -> None:
    models = [replace(CONTRACT, name=name) for name in ("one", "two")]
    given = [
        [road.release(bytes([number]), contract=model).text for number in range(ROUNDS)]
        for model in models
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", promoting.__name__, str(road.folder), *digests],
            cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
        )
        for digests in given
    ]  # fmt: skip
    printed = [process.communicate()[0].split() for process in running]

    assert [process.returncode for process in running] == [0, 0]
    road.trusted()
    commits = {each.id: each for each in road.repository.history()}
    for digests, made in zip(given, printed, strict=True):
        assert [commits[each].trailer("Release-Digest") for each in made] == digests


def test_where_main_is_protected_the_commit_waits_in_a_branch(road: Road) -> None:
    digest, before = road.release(), road.trusted().commit
    protect(road.home.gitops)

    done = road.promote(digest, "dev")

    assert (done.commit, road.trusted().commit) == ("", before)
    assert done.branch == f"goldenpath/promote-dev-{MODEL}-{digest.hex[:12]}"
    with road.repository.incoming(done.branch) as (_, waiting):
        pass
    open_up(road.home.gitops)
    merge(road, waiting)
    assert road.trusted().commit == waiting


def test_a_rollback_waits_as_well_and_says_so(road: Road) -> None:
    road.promote(road.release(b"one"), "dev")
    road.promote(road.release(b"two"), "dev")
    protect(road.home.gitops)

    done = roll_back(road.desk("validator"), MODEL, "dev", reason="errors")

    assert done.commit == ""
    assert done.branch.startswith(f"goldenpath/rollback-dev-{MODEL}-")


def merge(road: Road, commit: str) -> None:
    """Merge the branch by a fast-forward, as a forge does."""
    command = ["git", f"--git-dir={road.home.gitops}", "update-ref", "refs/heads/main", commit]
    subprocess.run(command, check=True)
