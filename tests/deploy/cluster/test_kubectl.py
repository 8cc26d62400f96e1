"""Questions to an API server, by a program that answers as kubectl does."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.deploy.cluster.cluster_checks import judge_cluster
from goldenpath.deploy.cluster.cluster_facts import ClusterWish, read_facts
from goldenpath.deploy.cluster.kubectl import Kubectl

WISH = ClusterWish(
    ("dev",), "registry.example/models", "https://git.example/g", "goldenpath/models"
)


def program(folder: Path, script: str) -> Kubectl:
    """A program of a few lines in place of kubectl."""
    file = folder / "kubectl"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return Kubectl("walk", str(file))


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("""echo '{"major": "1"}'""", "found"),
        ("echo 'Error from server (NotFound): no such thing' >&2; exit 1", "absent"),
        ("echo 'Error from server (Forbidden): you may not' >&2; exit 1", "unknown"),
        ("echo 'connection refused' >&2; exit 1", "unknown"),
        ("exit 1", "unknown"),
        ("echo nothing", "unknown"),
        ("echo '[]'", "unknown"),
    ],
)
def test_there_is_none_is_told_apart_from_could_not_ask(
    tmp_path: Path, script: str, state: str
) -> None:
    answer = program(tmp_path, script).get("/version")

    assert answer.state == state
    assert bool(answer.reason) is (state != "found")


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("""echo '{"metadata": {"creationTimestamp": "2026-03-02T08:30:00Z"}}'""", "admitted"),
        ("echo 'admission webhook \"x\" denied the request: no' >&2; exit 1", "refused"),
        ("echo 'The Pod \"x\" is invalid: spec.volumes[0]' >&2; exit 1", "refused"),
        ("echo 'Error from server (Forbidden): you may not' >&2; exit 1", "unknown"),
        ("echo 'failed calling webhook \"x\"' >&2; exit 1", "unknown"),
    ],
)
def test_a_refusal_is_told_apart_from_a_failure(tmp_path: Path, script: str, state: str) -> None:
    assert program(tmp_path, script).try_out({"kind": "Pod"}).state == state


def test_an_object_is_only_ever_tried(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    kubectl = program(tmp_path, f'echo "$@" >> {log}; cat > /dev/null; echo "{{}}"')

    read_facts(kubectl, WISH, lambda: datetime.now(UTC))
    calls = log.read_text().splitlines()

    assert all(call.startswith("--context walk ") for call in calls)
    assert all("--dry-run=server" in call or " get " in call for call in calls)


def test_a_machine_without_kubectl_finds_nothing_out() -> None:
    facts = read_facts(Kubectl(program="/no/such/kubectl"), WISH, lambda: datetime.now(UTC))

    assert {each.status for each in judge_cluster(facts, WISH)} == {"unknown"}
