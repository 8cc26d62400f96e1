"""References to artifacts (distribution specification)."""

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.oci.reference import Reference

HEX = "ab" * 32


@pytest.mark.parametrize(
    "text",
    [
        "registry.example.com/ml/fraud:1.4.0",
        "localhost:5000/fraud",
        f"127.0.0.1:5000/a/b__c/d-e.f@sha256:{HEX}",
        f"localhost/fraud:v1@sha256:{HEX}",
        "[::1]:5000/fraud:v1",
    ],
)
def test_a_reference_is_read_and_written_the_same(text: str) -> None:
    assert str(Reference.parse(text)) == text


def test_the_digest_names_the_manifest_when_there_is_one() -> None:
    assert Reference.parse(f"localhost/fraud:v1@sha256:{HEX}").name == f"sha256:{HEX}"
    assert Reference.parse("localhost/fraud:v1").name == "v1"
    assert Reference.parse("localhost/fraud").name is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fraud:v1",
        "ml/fraud:v1",
        "localhost/",
        "localhost/Fraud",
        "localhost/a//b",
        "localhost/a..b",
        "localhost/a:",
        "localhost/a:-v1",
        "localhost/a:" + "v" * 129,
        "localhost/a@sha256:12",
        "localhost/a@",
        "-bad.host/a",
        "a.b:123456/a",
        "localhost/" + "a" * 250,
        "localhost/a:v1\n",
        "user@localhost/a",
    ],
)
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Reference.parse(text)
