"""The audit log of the API server: which changes of routes were stored."""

import json
from pathlib import Path

from cluster.governed.audited_changes import route_changes
from goldenpath.canonical import JsonValue


def line(
    weights: dict[str, int],
    *,
    verb: str = "patch",
    code: int = 200,
    query: str = "",
    second: int = 0,
    **place: str,
) -> str:
    backends: list[JsonValue] = [{"name": name, "weight": each} for name, each in weights.items()]
    item: JsonValue = {
        "metadata": {"namespace": "models-prod", "name": "credit-route"},
        "spec": {"rules": [{"backendRefs": backends}]},
    }
    return json.dumps(
        {
            "verb": verb,
            "requestURI": f"/apis/x{query}",
            "user": {"username": "argocd"},
            "objectRef": {"resource": "httproutes", **place},
            "responseStatus": {"code": code},
            "responseObject": item,
            "stageTimestamp": f"2026-11-30T08:00:{second:02}.000000Z",
        }
    )


def changes(tmp_path: Path, *lines: str) -> list[tuple[int, dict[str, int]]]:
    file = tmp_path / "audit.log"
    file.write_text("\n".join(lines), "utf-8")
    return [(each.at.second, dict(each.weights)) for each in route_changes(file)]


def test_a_change_of_weights_is_listed_once(tmp_path: Path) -> None:
    seen = changes(
        tmp_path,
        line({"old": 100}, verb="create", code=201, second=1),
        line({"old": 100}, second=2),
        line({"old": 90, "new": 10}, second=3),
        line({"old": 100}, second=4),
    )

    assert seen == [(1, {"old": 100}), (3, {"old": 90, "new": 10}), (4, {"old": 100})]


def test_what_was_not_stored_is_not_listed(tmp_path: Path) -> None:
    seen = changes(
        tmp_path,
        line({"old": 100}, second=1),
        line({"new": 1}, query="?dryRun=All", second=2),
        line({"new": 2}, code=403, second=3),
        line({"new": 3}, second=4, subresource="status"),
        line({"new": 4}, second=5, resource="inferenceservices"),
    )

    assert seen == [(1, {"old": 100})]
