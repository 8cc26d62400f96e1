"""The document says what the server does: its schemas are held against real answers."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.serve.running import INFER, ROW, Answer, Running, question, run, running

PREDICT = "/v1/models/credit/predict"


async def _schemas(server: Running) -> dict[str, object]:
    answer = await server.ask("/openapi.json")
    assert answer.status == 200
    value = answer.json()
    assert value["openapi"] == "3.1.0"
    return value


def _holds(document: dict[str, object], name: str, value: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", **document}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_requests_and_answers_are_as_the_document_says(tmp_path: Path) -> None:
    table = {"rows": [{"limit": 1, "age": 20, "status": 1, "paid": None}]}

    async def main() -> None:
        async with running(tmp_path) as server:
            document = await _schemas(server)
            _holds(document, "InferRequest", question(ROW))
            _holds(document, "TabularRequest", table)
            scored: Answer = await server.ask(INFER, question(ROW))
            _holds(document, "InferAnswer", json.loads(scored.body))
            decided = await server.ask(PREDICT, table)
            _holds(document, "TabularAnswer", json.loads(decided.body))
            refused = await server.ask(INFER, {})
            _holds(document, "Error", json.loads(refused.body))

    run(main)


@pytest.mark.parametrize(
    "row",
    [
        {"limit": 1, "age": 200, "status": 1},
        {"limit": 1, "age": 20, "status": 9},
        {"limit": 1, "age": 20},
        {"limit": 1, "age": 20, "status": 1, "other": 1},
    ],
)
def test_what_the_document_forbids_is_refused(tmp_path: Path, row: dict[str, float]) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            document = await _schemas(server)
            with pytest.raises(jsonschema.ValidationError):
                _holds(document, "TabularRequest", {"rows": [row]})
            assert (await server.ask(PREDICT, {"rows": [row]})).status in (400, 422)

    run(main)


def test_every_page_of_the_document_is_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            paths = (await _schemas(server))["paths"]
            assert isinstance(paths, dict)
            for path, ways in paths.items():
                answer = await server.ask(path, {} if "post" in ways else None)
                assert answer.status in ((400, 422) if "post" in ways else (200,))

    run(main)
