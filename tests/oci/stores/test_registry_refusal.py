"""What a registry gives as its reason is shown, with the cure of that case."""

import json
from io import BytesIO

import pytest
import urllib3

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.oci.stores.registry_refusal import refusal

URL = "https://registry.bank.example/v2/team/model/manifests/v1"


def answered(status: int, body: bytes) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(BytesIO(body), status=status, preload_content=False)


def errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "shown", "cure"),
    [
        (404, errors("NAME_UNKNOWN", "no team/model"), "no team/model (NAME_UNKNOWN)", "create"),
        (404, b"", "no reason given", "create the repository"),
        (413, errors("SIZE_INVALID", "too large"), "too large", "raise the largest size"),
        (400, errors("MANIFEST_INVALID", "no artifactType"), "no artifactType", "OCI 1.1"),
        (403, errors("TAG_INVALID", "v1 is immutable"), "v1 is immutable", "another tag"),
        (403, errors("DENIED", "read only"), "refused access (403): read only", "docker login"),
        (401, b"who are you?", "refused access (401): who are you?", "docker login"),
        (400, b"<html>\x00\x1b[31m", "<html>  [31m", ""),
    ],
)
def test_the_reason_and_the_cure(status: int, body: bytes, shown: str, cure: str) -> None:
    error = refusal("PUT", URL, answered(status, body))

    assert isinstance(error, InvalidInput)
    assert shown in error.message
    assert cure in (error.hint or "")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_registry_is_unavailable(status: int) -> None:
    assert isinstance(refusal("GET", URL, answered(status, b"busy")), Unavailable)


@pytest.mark.parametrize("body", [b"[" * 5000, b'{"errors":[]}', b'{"errors":[7]}', b"\xff"])
def test_any_other_text_is_shown_as_it_is(body: bytes) -> None:
    assert isinstance(refusal("GET", URL, answered(400, body)), InvalidInput)
