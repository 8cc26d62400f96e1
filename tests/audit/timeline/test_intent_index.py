"""The index of intents says what git says, grows with what is new, and is made anew if damaged."""

import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from goldenpath.audit.timeline.intent import read_history
from goldenpath.audit.timeline.intent_index import IntentIndex, open_intents
from goldenpath.audit.timeline.live_model import Intent, Intents
from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.platform import parse_platform
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.commit import Commit, insert_signature, render_commit
from goldenpath.promote.repository.first_seen import Sighting
from goldenpath.settings import project_environment
from tests.audit.platform import FOUNDED, Grounds
from tests.promote.repository.many_commits import Changes, CountedGit, add_commits, write_object
from tests.sizes import at_size

OLD, NEW = Digest.of(b"old"), Digest.of(b"new")
FAR = datetime(2030, 1, 1, tzinfo=UTC)
PLACES = [(stage, model) for stage in ("dev", "prod") for model in ("credit", "claims")]


@pytest.fixture
def grounds(tmp_path: Path) -> Grounds:
    return Grounds(tmp_path, project_environment(os.environ, "python3"))


def seen(commit: Commit) -> Sighting:
    """A machine that looks every 7 seconds."""
    seconds = int(commit.time.timestamp())
    return Sighting(datetime.fromtimestamp(seconds - seconds % -7, UTC), commit.time)


def changes(grounds: Grounds, count: int) -> list[Changes]:
    """Steps of canaries on several deployments, some that touch none, one that is unreadable."""
    head = grounds.repository.fetch()
    platform = parse_platform(grounds.repository.read(head, "platform.toml") or b"")
    result = list[Changes]()
    for number in range(count):
        stage, model = PLACES[number % len(PLACES)]
        shares = {OLD: 100 - number % 90 - 1, NEW: number % 90 + 1}
        slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in shares.items())
        made = render_deployment(Deployment(stage, model, slots), platform)
        result.append({"notes.md": b"%d" % number} if number % 11 == 5 else made)
    return result


def add(grounds: Grounds, count: int, later: timedelta = timedelta(hours=1)) -> str:
    head = grounds.repository.fetch()
    made = changes(grounds, count)
    add_commits(grounds.home.gitops, head, made, grounds.engineer, FOUNDED + later)
    return grounds.repository.fetch()


def opened(grounds: Grounds, head: str) -> Intents:
    return open_intents(grounds.home.timeline, grounds.repository, head, seen)


def by_git(grounds: Grounds, head: str) -> tuple[Intent, ...]:
    return read_history(grounds.repository, head, sighting=seen)


def assert_same(intents: Intents, history: Sequence[Intent]) -> None:
    places = {(each.stage, each.model) for each in history}
    assert {*intents.places()} == places
    moments = [FAR, *(each.time + timedelta(seconds=step) for each in history for step in (-1, 0))]
    for place in places:
        for moment in moments[:: max(1, len(moments) // 20)]:
            expected = [
                each for each in reversed(history)
                if (each.stage, each.model) == place and each.time <= moment
            ]  # fmt: skip
            assert list(intents.newest_first(place, moment)) == expected


def test_the_index_says_what_git_says_and_takes_on_what_is_new(grounds: Grounds) -> None:
    head = add(grounds, 30)
    first = by_git(grounds, head)
    assert len(first) > 20
    assert {each.signer for each in first} == {"platform-engineer"}
    assert_same(opened(grounds, head), first)

    head = add(grounds, 30, timedelta(hours=2))

    assert_same(opened(grounds, head), by_git(grounds, head))
    assert isinstance(opened(grounds, head), IntentIndex)


def test_what_a_merge_brings_stands_where_its_date_puts_it(grounds: Grounds) -> None:
    start = grounds.repository.fetch()
    side = add(grounds, 12, timedelta(hours=3))
    subprocess.run(
        ["git", f"--git-dir={grounds.home.gitops}", "update-ref", "refs/heads/main", start],
        check=True,
    )
    grounds.home.gitops_cache.rename(grounds.home.root / "other-cache")
    head = add(grounds, 12)
    assert_same(opened(grounds, head), by_git(grounds, head))
    tree = subprocess.run(
        ["git", f"--git-dir={grounds.home.gitops}", "rev-parse", f"{side}^{{tree}}"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    for when in (timedelta(hours=4), timedelta(hours=5)):
        content = render_commit(
            tree, (head, side), "platform-engineer", FOUNDED + when, message="merge\n"
        )
        signed = insert_signature(content, grounds.engineer.key.sign(content, "git"))
        merge = write_object(grounds.home.gitops, signed)
        subprocess.run(
            ["git", f"--git-dir={grounds.home.gitops}", "update-ref", "refs/heads/main", merge],
            check=True,
        )
        assert_same(opened(grounds, grounds.repository.fetch()), by_git(grounds, merge))
        head = add(grounds, 3, when + timedelta(minutes=1))


CHANGES = (
    "DELETE FROM intent WHERE position = 3",
    "DELETE FROM intent",
    "DELETE FROM place WHERE model = 'credit'",
    "UPDATE intent SET claimed = claimed + 9",
    "UPDATE intent SET body = replace(body, 'platform-engineer', 'somebody-else')",
    "UPDATE intent SET model = 'other' WHERE position = 2",
    "UPDATE place SET state = replace(state, 'a', 'b')",
    "UPDATE setting SET value = '2' WHERE name = 'version'",
    "UPDATE intent SET claimed = claimed + 86400000",
    "UPDATE place SET stage = 'other' WHERE model = 'credit' AND stage = 'dev'",
    "UPDATE setting SET value = 'x' WHERE name = 'head'",
    "DELETE FROM setting",
    "DROP TABLE intent",
)


def test_a_damaged_index_is_never_believed(grounds: Grounds) -> None:
    head = add(grounds, 8)
    expected = by_git(grounds, head)
    assert_same(opened(grounds, head), expected)
    file = grounds.home.timeline
    whole, chance = file.read_bytes(), np.random.default_rng(1)
    for _ in range(at_size(8, 100)):
        damaged = bytearray(whole)
        damaged[int(chance.integers(len(damaged)))] ^= 1 << int(chance.integers(8))
        file.write_bytes(damaged)
        assert_same(opened(grounds, head), expected)
    for content in (b"", b"no database", whole[: len(whole) // 2]):
        file.write_bytes(content)
        assert_same(opened(grounds, head), expected)
    for statement in CHANGES:
        file.write_bytes(whole)
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute(statement)
        assert file.read_bytes() != whole, statement
        assert_same(opened(grounds, head), expected)


def test_an_index_that_cannot_be_written_is_not_needed(grounds: Grounds, tmp_path: Path) -> None:
    head = add(grounds, 12)

    intents = open_intents(tmp_path / "no" / "folder.db", grounds.repository, head, seen)

    assert_same(intents, by_git(grounds, head))


def processes(folder: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Calls of git: to read all, to make the index, to use it, and to follow `main`."""
    with monkeypatch.context() as patch:
        git, counts = CountedGit(folder / "bin", patch), list[int]()
        grounds = Grounds(folder, project_environment(os.environ, "python3"))
        head = add(grounds, count)
        for work in (
            lambda: by_git(grounds, head),
            lambda: opened(grounds, head),
            lambda: [next(opened(grounds, head).newest_first(place, FAR)) for place in PLACES],
            lambda: follow(grounds.repository, grounds.home.trust, FAR),
        ):
            git.take()
            assert work()
            counts.append(git.take())
    return counts


def test_four_times_the_commits_start_no_more_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = processes(tmp_path / "few", 40, monkeypatch)
    many = processes(tmp_path / "many", 160, monkeypatch)

    assert all(few)
    # What is remembered of the repository between two calls is bounded, so one may be asked again.
    assert all(more <= less + 2 for less, more in zip(few, many, strict=True)), (few, many)


def test_a_question_reads_the_last_commits_alone(grounds: Grounds) -> None:
    head, asked = add(grounds, 160), list[str]()

    def noted(commit: Commit) -> Sighting:
        asked.append(commit.id)
        return seen(commit)

    open_intents(grounds.home.timeline, grounds.repository, head, noted)
    intents = open_intents(grounds.home.timeline, grounds.repository, head, noted)
    assert [next(intents.newest_first(place, FAR)) for place in PLACES]

    assert len(asked) == len(PLACES)
