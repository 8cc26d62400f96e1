"""`goldenpath judge` by the prediction log: from sealed records to signed commits."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.events.event_log import EventLog
from goldenpath.cli import judge
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.observe.drift.outcomes import PAIRED
from tests.canary.cluster import Cluster, traffic
from tests.promote.road import MODEL


def look(cluster: Cluster, *more: str, model: str = MODEL) -> Result:
    key = str(cluster.road.home.rollout_key)
    options = ["--stage", "dev", "--as", "rollout", "--key", key, *more]
    words = [model] if model else []
    return CliRunner().invoke(judge.verb, [*words, *options], catch_exceptions=False)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster(tmp_path)
    keys = tmp_path / "log-keys.pem"
    monkeypatch.setenv("GOLDENPATH_HOME", str(cluster.road.home.root))
    monkeypatch.setenv("GOLDENPATH_PREDICTIONS", str(cluster.predictions))
    monkeypatch.setenv("GOLDENPATH_LOG_KEYS", str(keys))
    return cluster


def serve(cluster: Cluster, step: str, *, harm: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch of traffic since the step began, and what the job may read of it."""
    repository = cluster.road.repository
    (commit,) = repository.commits([repository.fetch()])
    said = traffic(commit.time, 800, 3, harm=harm)
    answered = {f"one-{step}": said.stable, f"two-{step}": said.canary}
    cluster.write(step, answered, rows=2000)
    keys = cluster.road.folder.parent / "log-keys.pem"
    keys.write_bytes(cluster.keys)
    folders = ":".join(str(home.keys) for home in cluster.homes)
    monkeypatch.setenv("GOLDENPATH_SUBJECT_KEYS", folders)


def test_a_hole_holds_a_good_step_advances_and_harm_goes_back_by_signed_commits(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, keys = cluster.road.repository, cluster.road.trusted().platform.commit_keys
    serve(cluster, "first", harm=0, monkeypatch=monkeypatch)
    with monkeypatch.context() as without:
        without.delenv("GOLDENPATH_SUBJECT_KEYS")
        held = json.loads(look(cluster, "--output", "json").stdout)
        again = look(cluster)
    assert (held["verdict"]["action"], held["verdict"]["state"]) == ("hold", "gaps")
    assert held["commit"] == repository.fetch()
    noted = next(repository.history())
    assert "the declared slices are not compared" in noted.trailers["Judged"][-1]
    assert noted.trailer("Reason").startswith("hold: some counts are missing: no key opens")
    assert "  not known: no key opens the inputs" in again.stdout
    assert again.stdout.splitlines()[-1] == "nothing was changed"  # it is on record already

    dry = json.loads(look(cluster, "--dry-run", "--output", "json").stdout)
    assert (dry["verdict"]["action"], dry["commit"], dry["done"]) == ("advance", "", None)
    assert (dry["percent"], dry["verdict"]["requests"], dry["verdict"]["gaps"]) == (10, 800, [])
    assert repository.fetch() == noted.id
    assert json.loads(look(cluster, "--dry-run", "--output", "json", model="").stdout) == [dry]

    stepped = look(cluster)
    assert stepped.exit_code == 0
    lines = stepped.stdout.splitlines()
    assert lines[0].startswith(f"dev/{MODEL}: advance at 10 percent: no criterion speaks against")
    assert lines[1].startswith("  800 answers of the canary since ")
    assert lines[-1] == f"commit {repository.fetch()}"
    forward = next(repository.history())
    assert repository.verify(forward.id, keys) == "rollout"
    assert forward.subject.startswith(f"dev: rollout {MODEL}")
    assert len(forward.trailers["Judged"]) == 5

    serve(cluster, "second", harm=4, monkeypatch=monkeypatch)
    back = json.loads(look(cluster, "--output", "json").stdout)
    assert (back["verdict"]["action"], back["percent"]) == ("roll back", 50)
    assert back["commit"] == repository.fetch()
    last = next(repository.history())
    assert repository.verify(last.id, keys) == "rollout"
    assert last.subject.startswith(f"dev: rollback {MODEL}")
    judged = " ".join(last.trailers["Judged"])
    assert PAIRED in judged and "differs where sex = 2" in judged
    kinds = [each.kind for each in EventLog(cluster.road.home.events).read()]
    assert kinds == ["rollout.stepped", "rollout.rolled-back"]

    gone = look(cluster)
    assert gone.stdout == f"dev/{MODEL} has no canary: nothing to judge\n"
    assert look(cluster, model="").stdout == "no canary of dev was judged\n"


def test_without_a_source_or_its_keys_nothing_is_decided(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="GOLDENPATH_LOG_KEYS names a file that cannot be read"):
        look(cluster)
    (cluster.road.folder.parent / "log-keys.pem").write_bytes(
        cluster.road.home.build_key.with_suffix(".pub").read_bytes()
    )
    with pytest.raises(Unavailable, match=r"no verdict on dev/.*no prediction log of"):
        look(cluster)
    whole = look(cluster, model="")
    assert whole.exit_code == Unavailable.exit_code and "no prediction log of" in whole.stderr
    monkeypatch.setenv("GOLDENPATH_SUBJECT_KEYS", str(cluster.road.folder / "nothing"))
    with pytest.raises(Unavailable, match=r"keys of subjects in .* cannot be opened"):
        look(cluster)
    monkeypatch.delenv("GOLDENPATH_SUBJECT_KEYS")
    serve(cluster, "first", harm=0, monkeypatch=monkeypatch)
    monkeypatch.setenv("GOLDENPATH_PROMETHEUS", "http://127.0.0.1:1")  # both, and one is away
    with pytest.raises(Unavailable, match=r"Prometheus at .* gives no answer"):
        look(cluster)
    monkeypatch.delenv("GOLDENPATH_PROMETHEUS")
    monkeypatch.delenv("GOLDENPATH_PREDICTIONS")
    with pytest.raises(InvalidInput, match="GOLDENPATH_PREDICTIONS, GOLDENPATH_PROMETHEUS or both"):
        look(cluster)
