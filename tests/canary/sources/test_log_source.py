"""The prediction log as a source of the judge: what real observers sealed, and what is wrong."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from goldenpath.canary.arms import Arm
from goldenpath.canary.sources.joined_source import Joined
from goldenpath.canary.sources.log_source import PredictionLogSource
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.observe.drift.outcomes import PAIRED, Outcomes
from goldenpath.observe.log.decrypted_inputs import Inputs
from goldenpath.observe.log.log_storage import LogStorage
from goldenpath.observe.log.release_parts import Releases
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.release.attest.keys import generate_key, keys_from_pem, public_pem
from goldenpath.settings import ObjectStore
from tests.canary.cluster import Cluster, Traffic, traffic
from tests.promote.road import MODEL
from tests.train.buckets import buckets, fill

SLOTS = ("stable", "canary")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    said = written(cluster)
    cluster.write("first", {"one": said.stable}, rows=100)
    copies = [msgspec.structs.replace(each, shadow=True) for each in said.canary]
    cluster.write("second", {"two": said.canary, "three": copies[:50]}, rows=100)
    return cluster


def written(cluster: Cluster) -> Traffic:
    return traffic(cluster.since, 400, 1, harm=4)


def source(
    cluster: Cluster, where: Path | str = "", *, keys: bytes = b"", opened: bool = True
) -> PredictionLogSource:
    facts = Releases(cluster.road.store, pytest.fail)
    inputs = Inputs(tuple(home.keys for home in cluster.homes)) if opened else None
    known = keys_from_pem("keys", keys or cluster.keys)
    return PredictionLogSource(LogStorage(str(where or cluster.predictions)), known, facts, inputs)


def arms(cluster: Cluster, one: PredictionLogSource, since: datetime | None = None) -> list[Arm]:
    releases = (cluster.stable, cluster.canary)
    begin = since or cluster.since
    return [*one.arms("dev", MODEL, releases, begin, until=begin + timedelta(minutes=5))]


def test_it_counts_what_the_observers_counted_themselves(cluster: Cluster) -> None:
    said, local = written(cluster), Outcomes(Releases(cluster.road.store, pytest.fail))
    local.add(cluster.block(cluster.stable, said.stable))
    local.add(cluster.block(cluster.canary, said.canary))

    found = arms(cluster, source(cluster))

    for slot, arm in zip(SLOTS, found, strict=True):
        assert dict(arm.answers) == local.counts(f"dev/{MODEL}", slot)
        assert (arm.failed, arm.gaps) == (0, ())
    assert [arm.requests for arm in found] == [1600, 400]
    assert found[1].answers[PAIRED][1] == 100
    assert found[1].answers["differs where sex = 1"][0] == 0
    assert found[1].answers["differs where sex = 2"][0] > 5


def test_only_what_was_answered_since_the_step_began_counts(cluster: Cluster) -> None:
    half = cluster.since + timedelta(milliseconds=1 + 100)  # 1,000 of 2,000 questions

    found = arms(cluster, source(cluster), half)

    elsewhere = half.astimezone(timezone(timedelta(hours=-9)))
    assert [arm.requests for arm in found] == [800, 200]
    assert found[0].gaps == ()
    assert arms(cluster, source(cluster), elsewhere) == found
    both = (cluster.stable, cluster.canary)
    early = source(cluster).arms("dev", MODEL, both, cluster.since, until=half)
    assert [arm.requests for arm in early] == [800, 200]
    later = arms(cluster, source(cluster), cluster.since + timedelta(minutes=2))
    assert [arm.requests for arm in later] == [0, 0]


def test_a_release_that_gets_copies_alone_is_compared_by_them(cluster: Cluster) -> None:
    places = (cluster.stable, cluster.dark)
    until = cluster.since + timedelta(minutes=5)

    stable, dark = source(cluster).arms("dev", MODEL, places, cluster.since, until=until)

    assert (stable.requests, dark.requests) == (1600, 50)
    assert dark.answers["outcome accept"][1] == 50
    assert dark.answers[PAIRED][1] == 13  # of every fourth the stable release was asked too


def test_a_hole_in_the_log_of_another_release_is_none(cluster: Cluster, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(cluster.predictions, tmp_path / "log"))
    (other,) = (path for path in checkpoints(folder) if "three" in path.name)
    table_of(other).unlink()

    assert [arm.gaps for arm in arms(cluster, source(cluster, folder))] == [(), ()]


def test_without_keys_of_subjects_slices_are_a_gap_and_pairs_are_not(cluster: Cluster) -> None:
    stable, canary = arms(cluster, source(cluster, opened=False))

    assert canary.answers[PAIRED][1] == 100 and canary.answers["accept where sex = 2"][1] == 0
    assert "no key opens the inputs of 2100 of 2100" in stable.gaps[0]


def test_another_place_may_hold_it(cluster: Cluster) -> None:
    remote = source(cluster, cluster.predictions.as_uri())

    assert arms(cluster, remote) == arms(cluster, source(cluster))


@pytest.mark.interop
def test_it_is_read_from_a_bucket(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with buckets(tmp_path, monkeypatch) as address:
        fill(address, "logs", cluster.predictions)
        shelf = LogStorage("s3://logs", ObjectStore(address, "eu-central-1"))
        here = source(cluster)
        facts = Releases(cluster.road.store, pytest.fail)
        there = PredictionLogSource(shelf, keys_from_pem("keys", cluster.keys), facts)
        found = arms(cluster, there)

    assert [(arm.requests, arm.answers[PAIRED]) for arm in found] == [
        (arm.requests, arm.answers[PAIRED]) for arm in arms(cluster, here)
    ]


def segment(folder: Path, number: int) -> Path:
    """A checkpoint file of the canary's replica."""
    end = f"-two-{number}.checkpoint.json"
    return next(path for path in checkpoints(folder) if path.name.endswith(end))


def drop(folder: Path) -> None:
    table_of(segment(folder, 1)).unlink()
    segment(folder, 1).unlink()


def drop_the_first(folder: Path) -> None:
    table_of(segment(folder, 0)).unlink()
    segment(folder, 0).unlink()


def drop_the_table(folder: Path) -> None:
    table_of(segment(folder, 1)).unlink()


def change_a_byte(folder: Path) -> None:
    path = table_of(segment(folder, 1))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def forge_a_checkpoint(folder: Path) -> None:
    path = segment(folder, 1)
    path.write_bytes(path.read_bytes().replace(b'"payload":"', b'"payload":"e30'))


def swap_tables(folder: Path) -> None:
    one, two = table_of(segment(folder, 0)), table_of(segment(folder, 1))
    shutil.copy(two, one)


def name_a_replica_like_another(folder: Path) -> None:
    path = segment(folder, 1)
    path.rename(path.with_name(path.name.replace("two", "four")))


def leave_rubbish(folder: Path) -> None:
    (folder / "dev" / MODEL / "rubbish.checkpoint.json").write_bytes(b"{}")


WRONG: dict[str, tuple[Callable[[Path], None], str, int]] = {
    "a segment is missing": (drop, "two segment 2: expected segment 1", 300),
    "the first segment is missing": (drop_the_first, "what was before segment 1 is gone", 300),
    "a table is missing": (drop_the_table, "two-1.parquet: the table is gone", 300),
    "a byte was changed": (change_a_byte, "has the wrong digest", 300),
    "a checkpoint was forged": (forge_a_checkpoint, "two-1.checkpoint.json: ", 300),
    "tables were swapped": (swap_tables, "has the wrong digest", 300),
    "a name was changed": (name_a_replica_like_another, "expected a segment of dev/", 300),
    "something else lies there": (leave_rubbish, "is not the name of a checkpoint", 400),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_hold_is_said_and_does_not_count(
    cluster: Cluster, tmp_path: Path, what: str
) -> None:
    folder = Path(shutil.copytree(cluster.predictions, tmp_path / "log"))
    damage, words, left = WRONG[what]
    damage(folder)

    stable, canary = arms(cluster, source(cluster, folder))

    assert canary.gaps == stable.gaps
    assert any(words in gap for gap in canary.gaps), canary.gaps
    assert (stable.requests, canary.requests) == (1600, left)


def test_logs_of_other_releases_and_of_strangers(cluster: Cluster, tmp_path: Path) -> None:
    other, soon = Digest("sha256:" + "5" * 64), cluster.since + timedelta(minutes=5)
    found = source(cluster).arms("dev", MODEL, (cluster.stable,), cluster.since, until=soon)
    assert [arm.requests for arm in found] == [1600]
    with pytest.raises((Unavailable, pytest.fail.Exception), match="5555"):
        source(cluster).arms("dev", MODEL, (other,), cluster.since, until=cluster.since)
    with pytest.raises(Unavailable, match=f"no prediction log of test/{MODEL} is at"):
        source(cluster).arms("test", MODEL, (cluster.stable,), cluster.since, until=cluster.since)

    stranger = generate_key(tmp_path / "stranger.pem")
    stable, canary = arms(cluster, source(cluster, keys=public_pem(stranger)))
    assert (stable.requests, canary.requests) == (0, 0)
    assert "not signed by the key of the log" in canary.gaps[0]
    with pytest.raises(InvalidInput, match="holds no public key"):
        source(cluster, keys=b"none")


def test_a_log_that_ends_early_or_never_came_shows_beside_prometheus(
    cluster: Cluster, tmp_path: Path
) -> None:
    class Counted:
        """A Prometheus that saw more canary answers than the log has."""

        asked: ClassVar[list[tuple[object, ...]]] = []

        def arms(self, *asked: object, until: datetime) -> tuple[Arm, ...]:
            self.asked.append((asked[3], until))
            slices = {"accept where sex = 1": (100, 200), "outcome accept": (1, 2)}
            return Arm(1500, answers=slices), Arm(450, 9, {0.1: 3}, answers=slices)

    def joined(log: PredictionLogSource) -> list[Arm]:
        releases = (cluster.stable, cluster.canary)
        until = cluster.since + timedelta(minutes=5)
        return [*Joined(log, Counted()).arms("dev", MODEL, releases, cluster.since, until=until)]

    stable, canary = joined(source(cluster, opened=False))
    assert f"450 requests of {cluster.canary.short}, and the log has 400" in canary.gaps[-1]
    begin, minute = cluster.since, timedelta(minutes=1)
    assert Counted.asked == [(begin, begin + 5 * minute), (begin + minute, begin + 4 * minute)]
    assert not any("450" in gap for gap in stable.gaps)
    assert canary.answers["accept where sex = 1"] == (100, 200)
    assert canary.answers["outcome accept"][1] == 400
    assert (canary.requests, canary.failed) == (400, 0)

    nothing = source(cluster, keys=public_pem(generate_key(tmp_path / "stranger.pem")))
    stable, canary = joined(nothing)
    assert [(arm.requests, arm.failed) for arm in (stable, canary)] == [(1500, 0), (450, 9)]
    assert canary.slower == {0.1: 3} and "not signed by the key of the log" in canary.gaps[0]

    silent = source(cluster).arms(
        "dev", MODEL, (cluster.stable,), cluster.since, until=datetime.now(UTC) + timedelta(hours=1)
    )
    assert "no record of the log is newer than" in silent[0].gaps[0]
