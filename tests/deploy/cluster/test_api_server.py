"""What a pod asks of its API server, against one that speaks the protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from goldenpath.deploy.cluster.api_server import ACCOUNT, ApiServer
from goldenpath.deploy.cluster.kubectl import ClusterAnswer
from goldenpath.errors import NotFound
from tests.deploy.cluster.fake_api_server import FakeApiServer, fake_api_server

PODS = "/api/v1/namespaces/models-dev/pods"
NOTE = "/api/v1/namespaces/goldenpath/configmaps/x"


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with fake_api_server() as running:
        yield running


def test_a_list_in_parts_is_read_whole(server: FakeApiServer, tmp_path: Path) -> None:
    server.lists[PODS] = [{"metadata": {"name": f"pod-{number}"}} for number in range(5)]

    answer = server.reader(tmp_path).get(PODS)

    assert answer.state == "found"
    assert answer.value["items"] == server.lists[PODS]


@pytest.mark.parametrize(
    ("state", "reason"),
    [("absent", "has no"), ("forbidden", "refuses the token"), ("broken", "gives no answer")],
)
def test_absent_and_unknown_are_kept_apart(
    server: FakeApiServer, tmp_path: Path, state: str, reason: str
) -> None:
    if state != "absent":
        server.lists[PODS] = []
        getattr(server, state).add(PODS)

    answer = server.reader(tmp_path).get(PODS)

    assert answer.state == ("absent" if state == "absent" else "unknown")
    assert reason in answer.reason and answer.value == {}


def test_a_token_is_read_for_each_request_and_never_printed(
    server: FakeApiServer, tmp_path: Path
) -> None:
    server.lists[PODS] = []
    reader = server.reader(tmp_path, "an-old-token-that-has-ended")
    refused = reader.get(PODS)
    assert (refused.state, "an-old-token" in refused.reason) == ("unknown", False)
    server.reader(tmp_path)

    assert reader.get(PODS).state == "found"
    (tmp_path / "token").unlink()
    assert "token of this pod cannot be read" in reader.get(PODS).reason


def test_only_the_data_of_its_own_config_map_is_changed(
    server: FakeApiServer, tmp_path: Path
) -> None:
    server.objects[NOTE] = {"metadata": {"name": "x", "labels": {"a": "b"}}, "data": {"old": "1"}}

    server.reader(tmp_path).note(NOTE, {"status": "2"})

    assert server.patches == [(NOTE, "application/merge-patch+json")]
    assert server.objects[NOTE] == {
        "metadata": {"name": "x", "labels": {"a": "b"}},
        "data": {"old": "1", "status": "2"},
    }
    with pytest.raises(NotFound):
        server.reader(tmp_path).note(f"{NOTE}y", {})


def test_a_server_that_is_away_is_unknown(server: FakeApiServer, tmp_path: Path) -> None:
    away = ApiServer("http://127.0.0.1:9", server.reader(tmp_path).account)

    assert away.get(PODS) == ClusterAnswer("unknown", {}, away.get(PODS).reason)
    assert "gives no answer" in away.get(PODS).reason


def test_a_pod_finds_its_server_in_the_environment() -> None:
    found = ApiServer.of_pod(
        {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6"}
    )

    assert found == ApiServer("https://10.0.0.1:6", ACCOUNT)
    assert ApiServer.of_pod({"KUBERNETES_SERVICE_HOST": "fd00::1"}) == ApiServer(
        "https://[fd00::1]:443", ACCOUNT
    )
    assert ApiServer.of_pod({}) is None
