"""The content of an MLflow server, read page by page over its REST interface."""

from base64 import b64encode
from collections.abc import Iterator

from goldenpath.canonical import JsonValue
from goldenpath.errors import Unavailable
from goldenpath.http.json_client import Rest
from goldenpath.release.catalogue.registered import Registered, models
from goldenpath.release.catalogue.tags import DIGEST_TAG
from goldenpath.settings import Tracking

PAGE = 500
"""Entries of one answer, about 300 KiB."""
MAX_PAGES = 200
"""Pages of one search: a hundred thousand versions."""


def ask_registered(tracking: Tracking) -> Registered:
    """Return the models of a server.

    Raises `Unavailable` if it does not answer, `InvalidInput` if it refuses.
    """
    rest = Rest(tracking.uri, "the catalogue", _login(tracking), tracking.ca_file)
    versions = [
        (str(each.get("name")), _number(each), _tag(each))
        for each in _pages(rest, "model-versions", "model_versions")
    ]
    pointers = [
        (str(each.get("name")), str(alias.get("alias")), _number(alias))
        for each in _pages(rest, "registered-models", "registered_models")
        for alias in _objects(each.get("aliases"))
    ]
    return Registered(models(versions, pointers), is_shared=True)


def _login(tracking: Tracking) -> dict[str, str]:
    if tracking.user:
        pair = b64encode(f"{tracking.user}:{tracking.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {tracking.token}"} if tracking.token else {}


def _pages(rest: Rest, what: str, member: str) -> Iterator[dict[str, JsonValue]]:
    query = {"max_results": str(PAGE)}
    for _ in range(MAX_PAGES):
        answer = rest.get(f"/api/2.0/mlflow/{what}/search", **query)
        if not isinstance(answer, dict):
            raise Unavailable(f"the catalogue at {rest.base} does not answer as MLflow does")
        yield from _objects(answer.get(member))
        token = answer.get("next_page_token")
        if not isinstance(token, str) or not token:
            return
        query["page_token"] = token
    raise Unavailable(f"the catalogue at {rest.base} has more than {PAGE * MAX_PAGES} {member}")


def _objects(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            yield item


def _number(value: dict[str, JsonValue]) -> int:
    text = str(value.get("version"))
    return int(text) if text.isdecimal() and len(text) < 19 else -1


def _tag(version: dict[str, JsonValue]) -> str:
    """Return the digest of the release; empty for a version of something else."""
    return next(
        (
            str(each.get("value"))
            for each in _objects(version.get("tags"))
            if each.get("key") == DIGEST_TAG
        ),
        "",
    )
