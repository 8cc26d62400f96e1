"""What is wrong with a cluster beside its deployments: each in plain words, and nothing made up."""

from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.cluster_conditions import (
    NodeAnswers,
    engine_condition,
    job_conditions,
    node_conditions,
    pod_conditions,
)
from goldenpath.deploy.cluster.follower_record import (
    FollowerRecord,
    follower_faults,
    rendered_record,
)
from goldenpath.deploy.cluster.kubectl import ClusterAnswer, TriedObject
from goldenpath.deploy.reconcile.verified_branch import VerifiedBranch
from goldenpath.times import timestamp

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
UNKNOWN = ClusterAnswer("unknown", {}, "you may not")
ABSENT = ClusterAnswer("absent", {}, "none")
CURRENT = VerifiedBranch("a" * 40, "a" * 40, "current")


def answer(*items: JsonValue) -> ClusterAnswer:
    return ClusterAnswer("found", {"items": list(items)})


def node(ready: str = "True") -> JsonValue:
    condition: JsonValue = {"type": "Ready", "status": ready, "reason": "NodeStatusUnknown"}
    return {"metadata": {"name": "one"}, "status": {"conditions": [condition]}}


def lease(moment: datetime) -> JsonValue:
    return {"metadata": {"name": "one"}, "spec": {"renewTime": moment.isoformat()}}


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (0, ()),
        (1, ()),
        (-2, ()),
        (60, ("node one is 60 minutes ahead of the one here",)),
        (-60, ("node one is 60 minutes behind the one here",)),
        (3, ("3 minutes ahead",)),
    ],
)
def test_a_node_whose_clock_is_wrong_is_named_with_how_much(
    ahead: int, words: tuple[str, ...]
) -> None:
    answers = NodeAnswers(answer(node()), answer(lease(NOW + ahead * MINUTE)))

    found = list(node_conditions(answers, NOW))

    assert [all(word in each.message for word in words) for each in found] == [True] * len(words)
    assert all(each.is_known for each in found)


def test_a_node_that_does_not_answer_is_no_wrong_clock() -> None:
    answers = NodeAnswers(answer(node("Unknown")), answer(lease(NOW - 60 * MINUTE)))

    (found,) = node_conditions(answers, NOW)

    assert found.message.startswith("node one does not answer (NodeStatusUnknown)")
    assert "goes on" in found.message


@pytest.mark.parametrize(
    "answers",
    [
        NodeAnswers(UNKNOWN, answer()),
        NodeAnswers(answer(node()), UNKNOWN),
        NodeAnswers(answer(node()), ABSENT),
        NodeAnswers(answer(node()), answer()),
        NodeAnswers(answer(node()), answer({"metadata": {"name": "one"}, "spec": {}})),
    ],
)
def test_clocks_that_could_not_be_read_are_unknown(answers: NodeAnswers) -> None:
    (found,) = node_conditions(answers, NOW)

    assert not found.is_known


def test_a_pod_that_somebody_started_by_hand_is_named_and_one_of_a_controller_is_not() -> None:
    owned: JsonValue = [{"kind": "ReplicaSet", "controller": True}]
    kept: JsonValue = [{"kind": "Something", "controller": False}]
    pods = answer(
        {"metadata": {"name": "by-kserve", "ownerReferences": owned}},
        {"metadata": {"name": "by-hand"}},
        {"metadata": {"name": "kept", "ownerReferences": kept}},
    )

    found = [each.message for each in pod_conditions("prod", pods)]

    assert [each.split()[1] for each in found] == ["by-hand", "kept"]
    assert "in models-prod belongs to no controller: somebody started it by hand" in found[0]
    assert list(pod_conditions("prod", UNKNOWN)) == []


DOWN = 'Internal error occurred: failed calling webhook "ivpol.validate.kyverno.svc": refused'


@pytest.mark.parametrize(
    ("tried", "words", "is_known"),
    [
        (TriedObject("admitted"), "", True),
        (TriedObject("unknown", 'x "a-1" already exists'), "", True),
        (TriedObject("unknown", "Error from server (AlreadyExists): x"), "", True),
        (TriedObject("unknown", DOWN), "does not answer: nothing new starts, and what runs", True),
        (TriedObject("refused", DOWN), "does not answer", True),
        (TriedObject("refused", "denied: no admission"), "would not start anew: denied", True),
        (TriedObject("unknown", "(Forbidden): you may not"), "could not be tried", False),
    ],
)
def test_an_engine_that_is_down_and_a_service_that_would_not_start_anew(
    tried: TriedObject, words: str, is_known: bool
) -> None:
    found = engine_condition("prod/credit credit-1", tried)

    assert (found is not None) == bool(words)
    if found is not None:
        assert words in found.message
        assert found.is_known == is_known


def job(name: str, app: str, minute: int, kind: str) -> JsonValue:
    return {
        "metadata": {"name": name, "creationTimestamp": timestamp(NOW + minute * MINUTE)},
        "spec": {"template": {"metadata": {"labels": {"app": app}}}},
        "status": {"conditions": [{"type": kind, "status": "True"}]},
    }


def ended(job_name: str, code: int, message: str) -> JsonValue:
    return {
        "metadata": {"name": "p", "labels": {"batch.kubernetes.io/job-name": job_name}},
        "status": {
            "containerStatuses": [{"state": {"terminated": {"exitCode": code, "message": message}}}]
        },
    }


GAP = "error: Prometheus at http://prometheus:9090 scraped nothing in the 5 minutes before 8:00\n"
GONE = "error: the prediction log s3://logs/x cannot be read: NoSuchBucket\n"


@pytest.mark.parametrize(("app", "words"), [("judge", GAP), ("witness", GONE)])
def test_a_judge_or_witness_that_failed_says_why_in_its_own_words(app: str, words: str) -> None:
    jobs = answer(job("old", app, 0, "Complete"), job("new", app, 1, "Failed"))

    (found,) = job_conditions("prod", jobs, answer(ended("new", 5, words)))

    assert found.message.startswith(f"the {app} of prod failed at")
    assert f"exit code 5: {words.strip()}" in found.message
    mended = answer(job("new", app, 1, "Failed"), job("newer", app, 2, "Complete"))
    assert list(job_conditions("prod", mended, answer(ended("new", 5, words)))) == []
    (without,) = job_conditions("prod", jobs, answer())
    assert "left no reason" in without.message
    (unread,) = job_conditions("prod", UNKNOWN, answer())
    assert not unread.is_known
    others = answer(job("x", "score", 1, "Failed"))
    assert list(job_conditions("prod", others, answer())) == []


def config_map(record: FollowerRecord) -> ClusterAnswer:
    return ClusterAnswer("found", {"data": dict(rendered_record(record))})


def fault_of(record: FollowerRecord) -> str:
    return "; ".join(follower_faults(config_map(record), NOW))


def test_a_follower_says_what_it_saw_and_its_silence_is_said() -> None:
    assert fault_of(FollowerRecord(timestamp(NOW - MINUTE), CURRENT)) == ""
    silent = fault_of(FollowerRecord(timestamp(NOW - 6 * MINUTE), CURRENT))
    assert "has said nothing since" in silent and "what runs goes on" in silent
    ahead = fault_of(FollowerRecord(timestamp(NOW + 60 * MINUTE), CURRENT))
    assert "in the future" in ahead
    waits = VerifiedBranch("a" * 40, "b" * 40, "waits", "nobody approved it")
    assert fault_of(FollowerRecord(timestamp(NOW), waits)) == (
        "the branch verified is aaaaaaaaaaaa, main is at bbbbbbbbbbbb: nobody approved it"
    )
    other = "what the cluster runs is not recorded: the log is that of another cluster"
    assert fault_of(FollowerRecord(timestamp(NOW), CURRENT, (other,))) == other


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "no follower runs"),
        ({"status": "{}"}, "holds no record"),
        ({"status": '{"time": "x", "branch": 1}'}, "holds no record"),
        ({"status": "\x00"}, "holds no record"),
    ],
)
def test_what_is_no_record_of_a_follower_is_said(data: dict[str, JsonValue], words: str) -> None:
    (fault,) = follower_faults(ClusterAnswer("found", {"data": data}), NOW)

    assert words in fault


def test_a_follower_that_could_not_be_asked_is_not_one_that_is_gone() -> None:
    assert "could not be asked: you may not" in next(iter(follower_faults(UNKNOWN, NOW)))
    assert "no follower runs" in next(iter(follower_faults(ABSENT, NOW)))
